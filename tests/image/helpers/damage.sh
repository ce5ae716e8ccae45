# shellcheck shell=bash
#
# Sourced by the tests of fsck.mmfs: an image with everything in it, and every kind of damage. The test has
# $whole, $broken and $mnt, and defines `finds REGEX`, which is called with $broken damaged.

# damage REGEX POKE-ARGUMENTS...
damage() {
	local regex=$1
	shift
	cp --sparse=always "$whole" "$broken"
	poke "$broken" "$@"
	finds "$regex"
}

# flip REGEX BYTE: inverts one byte of the file, checksums as they are.
flip() {
	local byte
	cp --sparse=always "$whole" "$broken"
	byte=$(od -An -tu1 -j "$2" -N 1 "$broken")
	printf "\\x$(printf %02x $((byte ^ 255)))" | dd of="$broken" bs=1 seek="$2" conv=notrunc status=none
	finds "$1"
}

number() {
	stat -c %i "$mnt/$1"
}

# key NAME: the hash under which the root directory has that name.
key() {
	echo "0x$(mmfsctl dump "$whole" inode 1 | sed -n "s/^  (1, 5, \([0-9a-f]*\)) name: \"$1\" .*/\1/p")"
}

le64() {
	printf '%016x' "$1" | sed 's/\(..\)\(..\)\(..\)\(..\)\(..\)\(..\)\(..\)\(..\)/\8\7\6\5\4\3\2\1/'
}

# Makes $whole, and notes where things are.
make_whole() {
	mount_image "$whole" "$mnt" -o acl
	mkdir "$mnt/d" "$mnt/d/sub" "$mnt/empty"
	head -c 100000 /dev/urandom >"$mnt/file"
	head -c 50000 /dev/urandom >"$mnt/other"
	ln "$mnt/file" "$mnt/d/again"
	ln -s target "$mnt/short"
	ln -s "$(printf '%03000d' 0)" "$mnt/long"
	mkfifo "$mnt/fifo"
	truncate -s 1T "$mnt/sparse"
	echo end >>"$mnt/sparse"
	: >"$mnt/kept"
	fallocate -n -l 1M "$mnt/kept"
	fallocate -n -o 2M -l 4K "$mnt/kept"
	python3 - "$mnt/file" <<-'END'
		import os, sys
		os.setxattr(sys.argv[1], "user.small", b"value")
		os.setxattr(sys.argv[1], "user.large", os.urandom(5000))
	END
	setfacl -m u:1:r "$mnt/other"
	for i in $(seq 500); do echo "$i" >"$mnt/d/file-$i"; done
	d=$(number d) sub=$(number d/sub) file=$(number file) other=$(number other) long=$(number long) fifo=$(number fifo)
	small=$(number d/file-7) kept=$(number kept)
	unmount "$mnt"
}

find_places() {
	ring_blocks=256
	zone=$((16 + ring_blocks))
	roots=$((zone + 1))
	root=$(mmfsctl dump "$whole" roots | sed -n 's/.*tree 0 (files): root block \([0-9]*\),.*/\1/p')
	level=$(mmfsctl dump "$whole" roots | sed -n 's/.*tree 0 .*level \([0-9]*\),.*/\1/p')
	[ "$level" -ge 1 ] || fail "the tree has one node only: this test would be blind"
	leaf=$(poke "$whole" node "$file" 1 0)
	physical=$(mmfsctl dump "$whole" inode "$file" | sed -n 's/.*extent: blocks 0\.\.[0-9]* at \([0-9]*\)\.\..*/\1/p')
	other_physical=$(mmfsctl dump "$whole" inode "$other" | sed -n 's/.*extent: blocks 0\.\.[0-9]* at \([0-9]*\)\.\..*/\1/p')
	value=$(mmfsctl dump "$whole" inode "$file" | sed -n 's/.*"user.large" 5000 bytes in object \([0-9]*\).*/\1/p')
}

damage_bytes() {
	note "flipped bytes"
	flip 'superblock slot 0 is damaged' 100
	flip 'superblock slot 1 is damaged' $((4096 + 3000))
	flip 'damaged|map|zone' $((zone * 4096 + 700))
	flip 'damaged|roots' $((roots * 4096 + 60))
	flip "node in block $root" $((root * 4096 + 2000))
	flip "node in block $leaf" $((leaf * 4096 + 4000))
}

# Makes $broken with both superblocks damaged: nothing can be done about it.
break_superblocks() {
	cp --sparse=always "$whole" "$broken"
	for slot in 0 1; do
		printf zzzz | dd of="$broken" bs=1 seek=$((slot * 4096 + 1000)) conv=notrunc status=none
	done
}

# The superblock slot that counts.
newer_slot() {
	[ "$(od -An -tu8 -j 120 -N 8 "$whole")" -gt "$(od -An -tu8 -j 4216 -N 8 "$whole")" ] && echo 0 || echo 1
}

# Each with a right checksum.
damage_super() {
	local newer
	newer=$(newer_slot)
	note "superblock slots"
	damage "slot $newer, the newer one, cannot be" block "$newer" 144 ffffffffffffffff
	damage "slot $newer, the newer one, cannot be" block "$newer" 152 0300000000000000
	damage "slot $newer, the newer one, cannot be" block "$newer" 160 "$(le64 $(((1 << 62) + 8)))"
	damage "slot $newer, the newer one, cannot be" block "$newer" 176 "$(le64 8)"
	damage "slot $((1 - newer)): the field at byte 144" block $((1 - newer)) 144 ffffffffffffffff
	damage "slot $newer: no mount could go on" block "$newer" 160 "$(le64 $(((1 << 61) + 8)))"
	damage "slot $newer: no mount could go on" block "$newer" 120 "$(le64 $(((1 << 62) + newer)))"
}

damage_roots() {
	damage_super
	note "superblock and roots"
	damage 'superblock slot . is damaged|both|field' block 0 500 01
	damage 'says 1[0-9]* inodes|inodes, but' block $roots 56 "$(le64 1000)"
	damage 'data blocks, but' block $roots 64 "$(le64 1000)"
	damage '3 inodes are immutable or append-only, but 0 are' block $roots 88 "$(le64 3)"
	damage 'tree nodes, but' block $roots 72 "$(le64 1000)"
	damage 'never given out' block $roots 48 "$(le64 20)"
	damage 'zones' block $roots 40 "$(le64 7)"
	damage 'field at byte' block $roots 81 01
	damage 'tree 1 holds items' block $roots 128 "$(le64 "$root")"
}

damage_maps() {
	note "maps"
	damage 'marked in use, but belong to no tree' block $zone $((256 + 127)) 80
	damage 'marked in use, but belong to no file' item "$other" 7 0 8 0c000000
	damage 'past the end|no type|without type' block $zone $((256 + 2047)) 80
	damage 'marked free' block $zone $((256 + (leaf - zone) / 8)) 00
	damage 'marked free' block $zone $((256 + (physical - zone) / 8)) 00
	damage 'not of type 1|no type|damaged' block $zone $((40 + (leaf - zone) / 1024)) 02
	damage 'not of type 2|no type|damaged' block $zone $((40 + (physical - zone) / 1024)) 01
	damage 'type|damaged' block $zone 55 09
}

damage_nodes() {
	note "nodes"
	damage 'its birth is 7' block "$leaf" 24 "$(le64 7)"
	damage 'level|damaged' block "$leaf" 36 0100
	damage 'field at byte 32|damaged' block "$leaf" 32 01000000
	damage 'field at byte|damaged' block "$leaf" 42 0000
	damage 'out of order|damaged' slot "$file" 1 0 0 "$(le64 3)"
	damage 'out of order|damaged' slot "$file" 1 0 0 "$(le64 99999999)"
}

damage_inodes() {
	note "inodes"
	damage 'mode' item "$file" 1 0 0 00000000
	damage 'has 9 links, but 2 names' item "$file" 1 0 12 09000000
	damage 'has no links, but' item "$other" 1 0 12 00000000
	damage 'nanoseconds' item "$file" 1 0 92 ffffffff
	damage 'has 77 blocks|says that it has 77' item "$file" 1 0 24 "$(le64 77)"
	damage 'says that it has 5 xattrs' item "$file" 1 0 116 05000000
	damage 'reserved field at byte 112' item "$file" 1 0 112 01
	damage '0 inodes are immutable or append-only, but 1 are' item "$file" 1 0 112 10
	damage 'parent' item "$file" 1 0 48 "$(le64 1)"
	damage 'size' item "$fifo" 1 0 16 "$(le64 5)"
	damage 'size 72057594037927937 cannot be' item "$file" 1 0 16 "$(le64 72057594037927937)"
	damage 'symlink' item "$long" 1 0 16 "$(le64 2999)"
	damage 'symlink' item "$long" 2 1 5 00
	damage 'has 3 links, but should have 4|links, but should' item "$d" 1 0 12 05000000
	damage 'says that it has 9 entries' item "$d" 1 0 16 "$(le64 9)"
	damage 'that its parent is' item "$sub" 1 0 48 "$(le64 1)"
	damage 'type 10|out of order' slot "$other" 7 0 16 0a
}

damage_inline() {
	note "contents in the tree"
	damage "inode $small: 600 bytes of contents in the tree cannot be" item "$small" 1 0 120 58020000
	damage "inode $small: says that it has 1 bytes in the tree, but has 2" item "$small" 1 0 120 01000000
	damage "inode $small: says that it has 0 bytes in the tree, but has 2" item "$small" 1 0 120 00000000
	damage "inode $small: 2 bytes of contents in the tree cannot be .size 1" item "$small" 1 0 16 "$(le64 1)"
	damage "says that it has 0 bytes in the tree, but has 24" slot "$other" 7 0 16 06
	damage "inode $kept: has 24 bytes of contents in the tree, and 1 blocks too" slot "$kept" 7 0 16 06
	damage "inode $small: the item of type 6 .* is none of such a file" item "$small" 1 0 0 a4410000
	damage "object $small: the item of type 6 .* has no inode" slot "$small" 1 0 16 02
	damage "object $small: an item of type 6 .offset 3., which does not exist" slot "$small" 6 0 8 "$(le64 3)"
}

damage_names() {
	note "names"
	damage 'does not exist' item 1 5 "$(key other)" 0 "$(le64 4000000)"
	damage 'names' item 1 5 "$(key other)" 0 "$(le64 "$file")"
	damage 'has another type' item 1 5 "$(key other)" 10 04
	damage 'a name whose hash is' item 1 5 "$(key other)" 16 58
	damage 'index' item 1 5 "$(key other)" 8 ffff
	damage 'damaged at byte' item 1 5 "$(key other)" 11 04
	damage 'damaged at byte' item 1 5 "$(key other)" 16 2f
	# A directory below itself: it has one name, in its parent, but nobody gets there.
	cp --sparse=always "$whole" "$broken"
	poke "$broken" item 1 5 "$(key d)" 0 "$(le64 "$sub")"
	finds 'cannot be reached|is found in'
}

# xattr_key NAME [INODE]
xattr_key() {
	local inode=${2:-$file}
	echo "0x$(mmfsctl dump "$whole" inode "$inode" | sed -n "s/^  ($inode, 3, \([0-9a-f]*\)) xattr: \"$1\" .*/\1/p")"
}

damage_xattrs() {
	note "xattrs"
	attribute=$(xattr_key user.small)
	large=$(xattr_key user.large)
	damage 'a name whose hash is' item "$file" 3 "$attribute" 20 58
	damage 'damaged at byte' item "$file" 3 "$attribute" 0 ff
	damage 'damaged at byte' item "$file" 3 "$attribute" 4 06000000
	damage '5000 bytes belong here' item "$file" 3 "$large" 8 "$(le64 $((value - 1)))"
	damage '5000 bytes that belong to no xattr' item "$file" 3 "$large" 8 "$(le64 $((value - 1)))"
	damage 'says 4000 bytes' item "$file" 3 "$large" 4 a00f0000
	# its version, and the tag of its first entry
	acl=$(xattr_key system.posix_acl_access "$other")
	damage 'damaged at byte' item "$other" 3 "$acl" 39 03
	damage 'damaged at byte' item "$other" 3 "$acl" 43 02
	damage 'wrong size|damaged' slot "$value" 4 1 20 0700
}

damage_extents() {
	note "extents"
	damage "more than one owner" item "$other" 7 0 0 "$(le64 "$physical")"
	damage 'marked free|more than one|belong to no' item "$other" 7 0 0 "$(le64 $((other_physical + 1)))"
	damage 'no file or tree may have' item "$other" 7 0 0 "$(le64 5)"
	damage 'no file or tree may have' item "$other" 7 0 0 "$(le64 99999999)"
	damage 'extent at block 0' item "$other" 7 0 8 00000000
	damage 'extent at block 0' item "$other" 7 0 12 08000000
	damage 'extent at block 0' item "$other" 7 0 16 "$(le64 99)"
}

damage_all() {
	damage_bytes
	damage_roots
	damage_maps
	damage_nodes
	damage_inodes
	damage_names
	damage_xattrs
	damage_extents
	damage_inline
}
