#!/bin/bash
# The same without root: fusermount3 mounts, the image belongs to its user, nobody else gets in.
. "$(dirname "$0")/../lib.sh"
nobody_setup
helper syscalls
chmod 755 "$tmp/bin/syscalls"
image=$tmp/nobody/a.img mnt=$tmp/nobody/mnt

as_nobody mkdir mnt
as_nobody mmfs "$image" "$mnt"
expect "nobody 600" stat -c "%U %a" "$image"
expect nobody ps -o user= -p "$(daemon_pid "$image")"
expect "nobody" as_nobody stat -c %U "$mnt"

note "others, root too, are kept out"
expect_fail 2 'Permission denied' ls "$mnt"

note "work"
as_nobody mkdir "$mnt/dir"
as_nobody cp -r /usr/include/linux "$mnt/dir/"
as_nobody diff -r /usr/include/linux "$mnt/dir/linux"
as_nobody ln "$mnt/dir/linux/fuse.h" "$mnt/hard"
as_nobody ln -s dir "$mnt/symbolic"
as_nobody mkfifo "$mnt/fifo"
expect_fail 1 'not permitted' as_nobody mknod "$mnt/device" c 1 3
expect_fail 1 'not permitted' as_nobody chown root "$mnt/hard"
as_nobody setfattr -n user.x -v y "$mnt/hard"
for command in mmap unlinked holes append locks zeros; do
	as_nobody syscalls $command "$mnt/$command"
done
expect_fail 1 'not permitted|allow_other|fuse.conf' as_nobody sh -c '
	grep -q "^user_allow_other" /etc/fuse.conf && { echo not permitted, let us say; exit 1; }
	mkdir m2 && mmfs -o allow_other other.img m2'

note "unmounting, and again"
pid=$(daemon_pid "$image")
as_nobody fusermount3 -u "$mnt"
wait_gone 30 "$pid"
as_nobody fsck.mmfs -n "$image" >/dev/null
as_nobody mmfs "$image" "$mnt"
as_nobody diff -r /usr/include/linux "$mnt/symbolic/linux"

note "killed, and mounted over the stale mountpoint"
as_nobody touch "$mnt/acknowledged"
kill_daemon "$image"
as_nobody mmfs "$image" "$mnt"
as_nobody test -e "$mnt/acknowledged"
as_nobody rm -r "$mnt/dir"

note "SIGTERM by its user"
pid=$(daemon_pid "$image")
as_nobody kill "$pid"
wait_gone 30 "$pid"
! mountpoint -q "$mnt" || fail "still mounted"
as_nobody fsck.mmfs -n "$image" >/dev/null

note "an image or mountpoint that is not ours"
(umask 077 && mkfs.mmfs "$tmp/root.img" >/dev/null)
expect_fail 1 'root\.img.*(ermission|denied)' as_nobody mmfs "$tmp/root.img" "$mnt"
mkdir "$tmp/root-mnt"
expect_fail 1 '.' as_nobody mmfs "$image" "$tmp/root-mnt"

note "without access to /dev/fuse: what mends it"
chmod 600 /dev/fuse
expect_fail 1 '/dev/fuse' as_nobody mmfs "$image" "$mnt"
chmod 666 /dev/fuse
