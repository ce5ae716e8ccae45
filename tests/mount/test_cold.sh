#!/bin/bash
# A recovery that drops what was not synced says so: how much, and the true reason.
. "$(dirname "$0")/../lib.sh"
need_fuse
image=$tmp/a.img mnt=$tmp/mnt

# killed OPTION...: an image of a daemon that was killed: one file was synced, one was not.
killed() {
	rm -f "$image"
	mount_image "$image" "$mnt" -o commit=3600
	echo synced >"$mnt/synced"
	sync "$mnt/synced"
	echo not >"$mnt/not"
	kill_daemon "$image"
	umount -l "$mnt"
}

# said IMAGE REASON COMMAND...: the command mounts it, and gives that reason.
said() {
	"${@:3}" 2>"$tmp/said" || fail "status $?: $(cat "$tmp/said")"
	grep -Eq "note: recovered to the last sync, and [1-9][0-9]* later changes? (was|were) dropped: $2" "$tmp/said" ||
		fail "not told: '$2' but: $(cat "$tmp/said")"
	expect synced cat "$mnt/synced"
	[ ! -e "$mnt/not" ] || fail "what was dropped is there"
	unmount "$mnt"
	fsck_clean "$1"
}

killed
mmfs "$image" "$mnt" 2>"$tmp/said"
expect '' cat "$tmp/said"
expect not cat "$mnt/not"
unmount "$mnt"

killed
said "$image" '-o recover=cold was given' mmfs -o recover=cold "$image" "$mnt"

killed
cp "$image" "$tmp/copy.img"
said "$tmp/copy.img" 'the file has been moved, copied or replaced since' mmfs "$tmp/copy.img" "$mnt"

killed
mkdir "$tmp/again"
mount --bind "$tmp" "$tmp/again"
said "$tmp/again/a.img" 'the filesystem that it lies on has been mounted anew' mmfs "$tmp/again/a.img" "$mnt"
umount "$tmp/again"
