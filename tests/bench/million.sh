#!/bin/bash
# A million small files (1000 directories of 1000, 100 bytes each): time to create, remount, find, du and remove
# them, and the memory of the daemon. tests/bench/million.sh [FILES]; what came out is written down in docs.
: "${MMFS_BUILD:=$(cd "$(dirname "$0")/../.." && pwd)/build-plain}"
. "$(dirname "$0")/../lib.sh"
need_fuse
helper million
files=${1:-1000000}
image=$tmp/a.img mnt=$tmp/mnt

# timed WHAT COMMAND...
timed() {
	local what=$1 start
	shift
	start=$(date +%s%N)
	"$@" >"$tmp/out"
	printf '%-28s %8d ms   daemon %s\n' "$what" $((($(date +%s%N) - start) / 1000000)) "$(memory)"
}
memory() {
	local pid
	pid=$(daemon_pid "$image")
	[ -n "$pid" ] || return 0
	# Pages of the image's mapping are the host's cache, which it takes back when it needs them: counted apart.
	awk '/^RssAnon/ { a = $2 } /^RssFile/ { f = $2 } /^RssShmem/ { s = $2 }
		END { printf "%d MiB own, %d MiB mapped", a / 1024, (f + s) / 1024 }' "/proc/$pid/status"
}

mount_image "$image" "$mnt"
timed "create $files files" million "$mnt" "$files"
timed "umount" unmount "$mnt"
printf '%-28s %8d MiB of host space\n' "image" $(($(host_bytes "$image") / 1048576))
timed "mount" mount_image "$image" "$mnt"
timed "find (names)" find "$mnt"
[ "$(grep -c file- "$tmp/out")" = "$files" ] || fail "find saw $(wc -l <"$tmp/out") lines"
timed "mount again" remount "$image" "$mnt"
timed "find -size (every inode)" find "$mnt" -type f -size -2
timed "mount again" remount "$image" "$mnt"
timed "du -s" du -s "$mnt"
timed "unmount" unmount "$mnt"
timed "fsck.mmfs -n" fsck.mmfs -n "$image"
timed "mount" mount_image "$image" "$mnt"
timed "rm -r" sh -c 'rm -r "$1"/*' sh "$mnt"
timed "umount" unmount "$mnt"
printf '%-28s %8d MiB of host space\n' "image" $(($(host_bytes "$image") / 1048576))
fsck_clean "$image"
