#!/bin/bash
# The image on each kind of host filesystem, an mmfs mount among them: work, kill -9, remount, fsck, growth, a full
# host, and space given back that df of the host shows.
# timeout: 900
. "$(dirname "$0")/../lib.sh"
. "$here/lib.sh"
need_fuse
mnt=$tmp/mnt
mib=1048576

# Bytes in use on the host, once it has written out what it holds.
host_used() {
	sync -f "$host"
	df --output=used -B 1 "$host" | tail -n 1
}

# What is below a directory, in one number.
tree_sum() {
	(cd "$1" && find . -printf '%P %y %m %l\n' | LC_ALL=C sort && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 cksum) | cksum
}

kill_and_remount() {
	kill_daemon "$image"
	fsck_clean "$image"
	mmfs "$image" "$mnt" 2>"$tmp/said.recovery" || fail "$(cat "$tmp/said.recovery")"
}

work() {
	cp -a "$MMFS_SOURCE/$(size tests/unit tests)" "$mnt/$1"
	echo text >"$mnt/$1/file"
	ln "$mnt/$1/file" "$mnt/$1/second-name"
	setfattr -n user.test -v "$1" "$mnt/$1"
	mkfifo "$mnt/$1/fifo"
	truncate -s 100M "$mnt/$1/sparse"
	dd if=/dev/urandom of="$mnt/$1/sparse" bs=10K count=1 seek=5000 conv=notrunc status=none
}

# Nothing is fsynced: what was acknowledged is there all the same, if the host tells what a warm recovery asks for.
killed() {
	local before
	work unsynced
	before=$(tree_sum "$mnt")
	kill_and_remount
	if grep -q 'recovered to the last sync' "$tmp/said.recovery"; then
		[ "$warm" = no ] || fail "$kind: a cold recovery on the same mount: $(cat "$tmp/said.recovery")"
		note "$kind keeps no birth times: recovered cold"
	else
		expect "$before" tree_sum "$mnt"
	fi
}

# Growth, and space given back.
grown_and_punched() {
	local before full
	sync "$mnt"
	before=$(host_used)
	dd if=/dev/urandom of="$mnt/large" bs=1M count=40 conv=fsync status=none
	full=$(host_used)
	[ $((full - before)) -ge $((36 * mib)) ] || fail "$kind: 40 MiB took $((full - before)) bytes of the host"
	fallocate -p -o $((4 * mib)) -l $((32 * mib)) "$mnt/large"
	sync "$mnt/large"
	local end=$((SECONDS + 30))
	until [ $((full - $(host_used))) -ge $((24 * mib)) ]; do
		[ "$SECONDS" -lt "$end" ] || fail "$kind: punching gave back $((full - $(host_used))) bytes of 32 MiB"
		sleep 0.2
	done
	expect 0 sh -c 'dd if="$1" bs=1M skip=4 count=32 status=none | tr -d "\0" | wc -c' sh "$mnt/large"
}

full_host() {
	local before
	before=$(tree_sum "$mnt")
	expect_fail 1 'No space left' dd if=/dev/urandom of="$mnt/fill" bs=1M count=2000
	cksum <"$mnt/fill" >"$tmp/sum"
	kill_and_remount
	[ "$warm" = no ] || cksum <"$mnt/fill" | cmp - "$tmp/sum"
	rm "$mnt/fill"
	expect "$before" tree_sum "$mnt"
	sync "$mnt"
	sleep 0.5
	dd if=/dev/urandom of="$mnt/again" bs=1M count=10 conv=fsync status=none
	rm "$mnt/again"
}

one_host() {
	mount_image "$image" "$mnt"
	work synced
	sync "$mnt/synced/file"
	local before
	before=$(tree_sum "$mnt/synced")
	killed
	expect "$before" tree_sum "$mnt/synced"
	grown_and_punched
	# On a full btrfs the kernel's own threads wait for each other, for minutes or for ever (Linux 6.18:
	# btrfs_page_mkwrite behind btrfs_async_reclaim_data_space), whoever writes. docs/DURABILITY.md says so.
	[ "$kind" = btrfs ] || full_host
	expect "$before" tree_sum "$mnt/synced"
	unmount "$mnt"
	fsck_clean "$image"
	mount_image "$image" "$mnt" -o ro
	expect "$before" tree_sum "$mnt/synced"
	unmount "$mnt"
}

for kind in tmpfs ext4 xfs btrfs; do
	if ! host_can $kind; then
		note "$kind: this kernel cannot mount it, so this host is left out"
		continue
	fi
	note "$kind"
	host=$tmp/$kind image=$tmp/$kind/a.img warm=yes
	case $kind in
	xfs) host_make xfs "$host" 320M && fallocate -l 150M "$host/other" ;;
	btrfs) host_make btrfs "$host" 256M && fallocate -l 100M "$host/other" ;;
	*) host_make $kind "$host" 96M ;;
	esac
	one_host
	host_gone "$host"
done

note "mmfs on mmfs"
kind=mmfs host=$tmp/outer image=$tmp/outer/a.img warm=no
mount_image "$tmp/outer.img" "$host" -o size=160M
one_host
unmount "$host"
fsck_clean "$tmp/outer.img"
