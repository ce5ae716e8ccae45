#!/bin/bash
# MOUNTPOINT is /dev/fd/N: somebody else has mounted, as container runtimes do, and passes the connection on.
. "$(dirname "$0")/../lib.sh"
nobody_setup
for tool in jq setfacl; do
	command -v $tool >/dev/null || skip "needs $tool"
done
helper passed
image=$tmp/a.img mnt=$tmp/mnt
mkdir "$mnt"

# The mount appears before its daemon is there, so it cannot be found by its directory.
pids() {
	echo "$(daemons_of "$image") $(supervisors_of "$image")"
}
# ended: after the mount has gone.
ended() {
	# shellcheck disable=SC2086 # process ids
	wait_gone 60 $1 || fail "still running: $1"
}

for supervise in yes no; do
	note "supervise=$supervise: works, and is unmounted by whoever mounted it"
	passed "$mnt" allow_other 7 mmfs -o supervise=$supervise "$image" /dev/fd/7
	mkdir -p "$mnt/dir"
	echo "text $supervise" >"$mnt/dir/$supervise"
	cp -r /usr/include/linux/netfilter "$mnt/$supervise"
	diff -r /usr/include/linux/netfilter "$mnt/$supervise"
	expect "$image" sh -c "mmfsctl status --json '$mnt' | jq -r .image"
	# The kernel checks permissions, though it was not told so when it was mounted.
	chmod 600 "$mnt/dir/$supervise"
	expect_fail 1 'Permission denied' as_nobody cat "$mnt/dir/$supervise"
	expect_fail 1 'Permission denied' as_nobody touch "$mnt/dir/new"
	daemon=$(daemon_pid "$image") all=$(pids)
	# One descriptor each: nobody is left who would keep the connection.
	for pid in $all; do
		expect 1 sh -c 'find "/proc/$1/fd" -lname /dev/fuse | wc -l' sh "$pid"
	done
	if [ $supervise = yes ]; then
		kill -KILL "$daemon"
		expect "text yes" cat "$mnt/dir/yes"
		echo again >"$mnt/again"
		mmfsctl upgrade "$mnt" >/dev/null
		expect again cat "$mnt/again"
		all=$(pids)
	fi
	umount "$mnt"
	ended "$all"
	fsck_clean "$image"
done

note "a signal: the image is closed, and the mount is dead until it is unmounted"
passed "$mnt" default_permissions 9 mmfs "$image" /dev/fd/9
echo signal >"$mnt/signal"
all=$(pids)
kill -TERM "$(supervisors_of "$image")"
ended "$all"
expect_fail 1 'not connected' stat "$mnt/dir"
umount "$mnt"
fsck_clean "$image"

note "in the foreground; ACLs can be left out; killed without a supervisor"
passed "$mnt" default_permissions,allow_other 8 mmfs -f -o noacl,supervise=no "$image" /dev/fd/8 &
until [ -e "$mnt/signal" ]; do sleep 0.05; done
expect signal cat "$mnt/signal"
expect_fail 1 'Permission denied' as_nobody cat "$mnt/dir/no"
expect_fail 1 'not supported' setfacl -m u:1:r "$mnt/signal"
kill -KILL "$(daemon_pid "$image")"
wait $! || true
# What the kernel has kept it still shows.
expect_fail 1 'not connected' stat -f "$mnt"
umount "$mnt"

note "read-only and scratch"
passed "$mnt" "" 5 mmfs -o ro "$image" /dev/fd/5
expect signal cat "$mnt/signal"
expect_fail 1 'Read-only' touch "$mnt/new"
mkdir "$tmp/second"
passed "$tmp/second" "" 5 mmfs -o scratch "$image" /dev/fd/5
touch "$tmp/second/new"
all=$(pids)
umount "$mnt" "$tmp/second"
ended "$all"

note "what is none"
expect_fail 1 'no such descriptor' mmfs "$image" /dev/fd/77
expect_fail 1 'the first three' mmfs "$image" /dev/fd/1
expect_fail 1 'not an open /dev/fuse' mmfs "$image" /dev/fd/6 6</dev/null
expect_fail 1 'it is not mounted' passed none "" 7 mmfs "$image" /dev/fd/7
mmfs -o ro "$image" "$mnt"
expect_fail 1 'Read-only' touch "$mnt/new"
unmount "$mnt"
fsck_clean "$image"
