#!/bin/bash
# Directory -> image -> tar -> image -> directory is the same in every attribute, and so is what GNU tar and bsdtar
# unpack; of a mount as well.
. "$(dirname "$0")/../lib.sh"
. "$here/tree.sh"
need_fuse
command -v bsdtar >/dev/null || skip "needs bsdtar"

source=$tmp/source
make_tree "$source"
rm "$source/socket"
# Whole seconds: libarchive, and so bsdtar, and GNU tar understand fractions before 1970 differently.
touch -h -d '1969-07-20 20:17:40 UTC' "$source/names/link" "$source/fifo"
chown -h 2097152:3000000 "$source/names/a" "$source/names/dangling"
mkdir -p "$source/$(printf '%0200d/' 1 2)"
echo deep >"$source/$(printf '%0200d/' 1 2)$(printf '%0200d' 3)"
ln -s ünïcode "$source/ünïcode"
printf 'a\0b\n' | setfattr -n user.binary -v "0x$(printf 'a\0b\n' | od -An -tx1 | tr -d ' ')" "$source/names/a"
touch -d '2022-02-02 22:22:22.222222222 UTC' "$source"

# told REGEX: programs said nothing else than this.
told() {
	if grep -Ev "$1" "$tmp/said"; then fail "something was said"; fi
}

# unpack_both ARCHIVE: by GNU tar to $tmp/gnu and by bsdtar to $tmp/bsd.
unpack_both() {
	rm -rf "$tmp/gnu" "$tmp/bsd"
	mkdir "$tmp/gnu" "$tmp/bsd"
	tar --acls --xattrs --xattrs-include='*' -xpf "$1" -C "$tmp/gnu" 2>"$tmp/said" || fail "$(cat "$tmp/said")"
	told 'implausibly old time stamp|in the future|unknown extended header keyword .(hdrcharset|SCHILY.fflags)'
	LC_ALL=C.UTF-8 bsdtar -xpf "$1" --acls --xattrs --fflags -C "$tmp/bsd"
	# bsdtar sets no times of the directory that it is in
	touch -r "$tmp/gnu" "$tmp/bsd"
}

note "directory, image, tar, image, directory"
mkfs.mmfs -q -J 1M --from "$source" "$tmp/a.img"
expect "" mmfsctl export "$tmp/a.img" "$tmp/a.tar"
expect 644 stat -c %a "$tmp/a.tar"
mkfs.mmfs -q -J 1M --from "$tmp/a.tar" "$tmp/b.img"
fsck_clean "$tmp/b.img"
mmfsctl get "$tmp/b.img" / "$tmp/got"
same_tree "$source" "$tmp/got"
[ "$(host_bytes "$tmp/a.tar")" -lt 4000000 ] || fail "holes were written: $(host_bytes "$tmp/a.tar") bytes"
unpack_both "$tmp/a.tar"
same_tree "$source" "$tmp/gnu"
same_tree "$source" "$tmp/bsd"

note "the same again from the copy, through pipes, and into an image that has it all"
mmfsctl export "$tmp/b.img" - | cmp - "$tmp/a.tar" || fail "another archive of the same files"
cat "$tmp/a.tar" | mmfsctl import "$tmp/b.img" -
mmfsctl export "$tmp/b.img" | cmp - "$tmp/a.tar" || fail "importing it again changed something"
mkfs.mmfs -q -J 1M "$tmp/c.img"
mmfsctl import "$tmp/c.img" "$source"
rm -r "$tmp/got"
mmfsctl get "$tmp/c.img" / "$tmp/got"
same_tree "$source" "$tmp/got"
fsck_clean "$tmp/b.img"

note "archives of GNU tar and bsdtar"
tar --format=pax --acls --xattrs --xattrs-include='*' -cSf "$tmp/gnu.tar" -C "$source" . 2>/dev/null
LC_ALL=C.UTF-8 bsdtar --format pax --acls --xattrs -cf "$tmp/bsd.tar" -C "$source" . 2>/dev/null
for archive in gnu bsd; do
	mkfs.mmfs -q -J 1M --from - "$tmp/$archive.img" <"$tmp/$archive.tar"
	rm -r "$tmp/got"
	mmfsctl get "$tmp/$archive.img" / "$tmp/got"
	same_tree "$source" "$tmp/got"
done

note "compressed: by name and by option"
for kind in gz tgz bz2 xz zst lz4; do
	mmfsctl export "$tmp/a.img" "$tmp/z.tar.$kind" plain/large names
done
for kind in gzip:gz bzip2:bz2 xz:xz zstd:zst lz4:lz4; do
	mmfsctl export "--${kind%:*}" "$tmp/a.img" - plain/large names | cmp - "$tmp/z.tar.${kind#*:}" || fail "--${kind%:*}"
done
cmp "$tmp/z.tar.gz" "$tmp/z.tar.tgz" || fail "tgz is another"
tar -xzOf "$tmp/z.tar.gz" plain/large 2>/dev/null | cmp - "$source/plain/large" || fail "gzip"
for kind in gz xz zst; do
	mkfs.mmfs -q -J 1M --force --from "$tmp/z.tar.$kind" "$tmp/c.img"
	mmfsctl cat "$tmp/c.img" plain/large | cmp - "$source/plain/large" || fail "$kind: not what it was"
done

note "parts of it, below another directory, without leading names"
mmfsctl export "$tmp/a.img" "$tmp/part.tar" names/ /plain/deep
tar tf "$tmp/part.tar" >"$tmp/names"
expect "$(printf 'names/\nnames/a\nnames/b\nnames/c\nnames/capable')" sed -n 1,5p "$tmp/names"
expect plain/deep/er/again sed -n '$p' "$tmp/names"
mkfs.mmfs -q --force -J 1M "$tmp/c.img"
mmfsctl mkdir "$tmp/c.img" below
mmfsctl import "$tmp/c.img" "$tmp/part.tar" below
expect small mmfsctl cat "$tmp/c.img" below/plain/deep/er/again
mmfsctl import --strip-components=2 "$tmp/c.img" "$tmp/part.tar"
expect "$(printf 'below\ner')" mmfsctl ls "$tmp/c.img"

note "through a mount: the same archive, and the same files"
mount_image "$tmp/a.img" "$tmp/mnt" -o acl,noatime
chattr +d "$tmp/mnt/plain/large"
chattr +a "$tmp/mnt/names/b"
mmfsctl export "$tmp/mnt" "$tmp/mount.tar"
unpack_both "$tmp/mount.tar"
lsattr "$tmp/bsd/names/b" | grep -q '^[-]*a' || fail "bsdtar sets no flags: $(lsattr "$tmp/bsd/names/b")"
chattr -a "$tmp/bsd/names/b"
same_tree "$tmp/mnt" "$tmp/gnu"
same_tree "$tmp/mnt" "$tmp/bsd"
mkdir "$tmp/mnt/again" "$tmp/mnt/copy"
mmfsctl import "$tmp/mnt" "$tmp/mount.tar" again
lsattr "$tmp/mnt/again/names/b" "$tmp/mnt/again/plain/large" | grep -Ec '^[-]*(a|d)-' | grep -qx 2 || fail "flags"
same_tree "$source" "$tmp/mnt/again"
mmfsctl import "$tmp/mnt" "$source" copy
same_tree "$source" "$tmp/mnt/copy"
chattr -a "$tmp/mnt/again/names/b"
rm -r "$tmp/mnt/again" "$tmp/mnt/copy"
touch -d '2022-02-02 22:22:22.222222222 UTC' "$tmp/mnt"
unmount "$tmp/mnt"
mmfsctl export "$tmp/a.img" | cmp - "$tmp/mount.tar" || fail "another archive without the mount"
mkfs.mmfs -q --force -J 1M --from "$tmp/mount.tar" "$tmp/c.img"
mmfsctl ls --json "$tmp/c.img" names/b >/dev/null
mount_image "$tmp/c.img" "$tmp/mnt" -o acl
lsattr "$tmp/mnt/names/b" | grep -q '^[-]*a' || fail "flags are not kept"
unmount "$tmp/mnt"
expect_fail 1 'no mmfs is mounted here' mmfsctl export "$tmp/gnu"
expect_fail 1 'no mmfs is mounted here' mmfsctl import "$tmp/gnu" "$tmp/a.tar"

note "sockets are left out, and that is said"
perl -MSocket -e 'socket(my $s, PF_UNIX, SOCK_STREAM, 0); bind($s, sockaddr_un($ARGV[0])) or die $!' "$tmp/gnu/socket"
mkfs.mmfs -q --force -J 1M --from "$tmp/gnu" "$tmp/c.img"
mmfsctl export "$tmp/c.img" 2>"$tmp/said" | tar tf - >"$tmp/names" 2>/dev/null
grep -q '/socket: note: a socket is left out' "$tmp/said" || fail "$(cat "$tmp/said")"
! grep -q 'socket' "$tmp/names" || fail "a socket in a tar"
