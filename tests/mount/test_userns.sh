#!/bin/bash
# A mount inside a user namespace that the user nobody made for himself (unshare -Urm): its root mounts without
# fusermount3, owners are the namespace's, and outside nothing of it is seen.
. "$(dirname "$0")/../lib.sh"
nobody_setup
as_nobody unshare -Urm true 2>"$tmp/said" ||
	skip "the kernel lets no unprivileged user make a namespace (user.max_user_namespaces, kernel.unprivileged_userns_clone, AppArmor): $(cat "$tmp/said")"
image=$tmp/nobody/a.img mnt=$tmp/nobody/mnt
as_nobody mkdir mnt

# inside [OPTION...] SCRIPT: as root of a new namespace, in which nobody is 0 and no other id exists.
# refused COMMAND...: it must fail.
inside() {
	as_nobody unshare -Urm "${@:1:$#-1}" env PATH="$tmp/bin:/usr/bin:/bin" image="$image" mnt="$mnt" \
		bash -euc 'refused() { if "$@" 2>/dev/null; then echo "not refused: $*"; exit 1; fi; }; '"${*: -1}"
}

# released FILE: waits until the daemon has let go of it.
released() {
	timeout 30 flock "$1" true || fail "the daemon of $1 has not ended"
}

note "mount, work, unmount"
inside '
	[ "$(id -u)" = 0 ]
	mmfs "$image" "$mnt"
	mountpoint -q "$mnt"
	cp -r /usr/include/linux/netfilter "$mnt/linux"
	diff -r /usr/include/linux/netfilter "$mnt/linux"
	mkdir -m 2775 "$mnt/dir"
	echo text >"$mnt/dir/file"
	ln "$mnt/dir/file" "$mnt/hard"
	mkfifo "$mnt/fifo"
	refused mknod "$mnt/device" c 1 3
	chmod 4755 "$mnt/dir/file"
	setfattr -n user.x -v y "$mnt/dir/file"
	[ "$(stat -c %u:%g:%a "$mnt/dir/file")" = 0:0:4755 ]
	mv "$mnt/dir/file" "$mnt/moved"
	umount "$mnt"'
released "$image"
! mountpoint -q "$mnt" || fail "the mount is seen outside of its namespace"
expect nobody stat -c %U "$image"
as_nobody fsck.mmfs -n "$image" >/dev/null

note "ids are the namespace's: an id that it does not have cannot be given"
inside '
	mmfs "$image" "$mnt"
	[ "$(cat "$mnt/moved")" = text ]
	refused chown 1:1 "$mnt/moved"
	refused chgrp 5 "$mnt/moved"
	[ "$(stat -c %u:%g "$mnt/moved")" = 0:0 ]
	umount "$mnt"'
released "$image"

note "its root is root in the image, and outside ids without a name inside are nobody"
mount_image "$image" "$tmp/outside" -o allow_other
expect "0:0 4755" stat -c "%u:%g %a" "$tmp/outside/moved"
expect nosuid sh -c 'grep " $1 " /proc/self/mounts | grep -o nosuid' sh "$tmp/outside"
chown 1234:5678 "$tmp/outside/hard"
unmount "$tmp/outside"
inside '
	mmfs "$image" "$mnt"
	[ "$(stat -c %u:%g "$mnt/moved")" = "$(cat /proc/sys/kernel/overflowuid):$(cat /proc/sys/kernel/overflowgid)" ]
	[ "$(stat -c %u "$mnt/fifo")" = 0 ]
	rm -r "$mnt/linux"
	[ ! -e "$mnt/linux" ]
	refused chmod 777 "$mnt/hard"
	umount "$mnt"'
released "$image"

note "a daemon that was left in its namespace ends at its user's word"
inside '
	mmfs "$image" "$mnt"
	echo acknowledged >"$mnt/acknowledged"'
pid=$(daemon_pid "$image")
as_nobody kill "$pid"
wait_gone 30 "$pid"
as_nobody fsck.mmfs -n "$image" >/dev/null

note "killed -9 and mounted again: nothing is lost, as elsewhere"
inside '
	mmfs -o supervise=no "$image" "$mnt"
	[ "$(cat "$mnt/acknowledged")" = acknowledged ]
	echo more >"$mnt/more"
	for file in /proc/[0-9]*/comm; do
		read -r name 2>/dev/null <"$file" && [ "$name" = mmfs ] || continue
		if grep -qzsxF -- "$image" "${file%comm}cmdline"; then pid=${file//[^0-9]/}; fi
	done
	kill -KILL "$pid"
	while [ -d "/proc/$pid" ]; do sleep 0.02; done
	mmfs "$image" "$mnt"
	[ "$(cat "$mnt/more")" = more ]
	umount "$mnt"'
released "$image"

note "killed with its process namespace: another namespace reaches the image by another host mount, so by itself only
what was synced is believed there (docs/POSIX.md), and -o recover=warm brings the rest"
inside --pid --fork --mount-proc '
	mmfs "$image" "$mnt"
	echo synced >"$mnt/synced"
	sync "$mnt/synced"
	echo late >"$mnt/late"'
released "$image"
as_nobody cp --sparse=always "$image" "$image.copy"
inside '
	mmfs "$image.copy" "$mnt"
	[ "$(cat "$mnt/synced")" = synced ]
	umount "$mnt"
	mmfs -o recover=warm "$image" "$mnt"
	[ "$(cat "$mnt/synced") $(cat "$mnt/late")" = "synced late" ]
	umount "$mnt"'
released "$image"
released "$image.copy"
fsck_clean "$image"
fsck_clean "$image.copy"
