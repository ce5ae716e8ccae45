#!/bin/bash
# The image's lock: who holds it is named, a stale record of an owner never blocks, and where files cannot be
# locked a mount is refused unless -o nolock is given.
. "$(dirname "$0")/../lib.sh"
need_fuse
image=$tmp/a.img mnt=$tmp/mnt
# strace is in the way of the leak checker.
quiet_asan=$ASAN_OPTIONS:detect_leaks=0

# A daemon that others' programs see is killed; its record stays in the image.
die() {
	kill_daemon "$image"
	umount -l "$mnt"
}

note "a second mount waits, and names process and host; it goes on when the first lets go"
mount_image "$image" "$mnt"
pid=$(daemon_pid "$image")
mkdir "$tmp/second"
mmfs "$image" "$tmp/second" >"$tmp/said.second" 2>&1 &
second=$!
until [ -s "$tmp/said.second" ]; do sleep 0.05; done
grep -q "waiting for the image: in use by process $pid on $(hostname) (mounted since" "$tmp/said.second" ||
	fail "$(cat "$tmp/said.second")"
for mode in -n -y; do
	expect_fail 8 "in use by process $pid on $(hostname) " fsck.mmfs $mode "$image"
done
expect_fail 1 "in use by process $pid on $(hostname) " mkfs.mmfs --force "$image"
echo text >"$mnt/file"
unmount "$mnt"
wait "$second" || fail "$(cat "$tmp/said.second")"
expect text cat "$tmp/second/file"
unmount "$tmp/second"

# at_once COMMAND...: mounts without waiting for anybody.
at_once() {
	"$@" >"$tmp/said.mount" 2>&1 || fail "$(cat "$tmp/said.mount")"
	! grep -q 'waiting' "$tmp/said.mount" || fail "a stale owner blocks: $(cat "$tmp/said.mount")"
	expect text cat "$mnt/file"
}

note "a stale owner: a process that is dead"
at_once mmfs "$image" "$mnt"
die
at_once mmfs "$image" "$mnt"
unmount "$mnt"

note "a stale owner: of another host"
at_once unshare --uts sh -c 'hostname elsewhere.example && exec mmfs "$1" "$2"' sh "$image" "$mnt"
expect_fail 8 'in use by process [0-9]+ on elsewhere\.example' fsck.mmfs -n "$image"
die
at_once mmfs "$image" "$mnt"
unmount "$mnt"

note "a stale owner: its number is that of another living process"
# In the namespace mmfs has a small number, and outside that is somebody else's.
unshare --pid --fork --kill-child sh -c 'mmfs "$1" "$2" && sleep 1000' sh "$image" "$mnt" &
until mountpoint -q "$mnt"; do sleep 0.05; done
expect text cat "$mnt/file"
die
kill -KILL "$!"
wait || true
at_once mmfs "$image" "$mnt"
unmount "$mnt"
fsck_clean "$image"

for error in ENOLCK EOPNOTSUPP ENOSYS; do
	note "flock says $error: refused, untouched; with -o nolock it goes on"
	sum=$(sha256sum <"$image")
	no_flock=(env "ASAN_OPTIONS=$quiet_asan" strace -qq -f -o "$tmp/trace" -e trace=flock -e "inject=flock:error=$error")
	for option in rw ro; do
		expect_fail 1 'cannot lock files; .*-o nolock' "${no_flock[@]}" mmfs -o $option "$image" "$mnt"
	done
	expect_fail 8 'cannot lock files' "${no_flock[@]}" fsck.mmfs -n "$image"
	[ "$sum" = "$(sha256sum <"$image")" ] || fail "a refused image was changed"
	"${no_flock[@]}" mmfs -f -o nolock "$image" "$mnt" >"$tmp/said.mount" 2>&1 &
	tracer=$!
	until mountpoint -q "$mnt"; do sleep 0.05; done
	grep -q "flock.*$error.*INJECTED" "$tmp/trace" || fail "flock was not asked: $(cat "$tmp/trace")"
	expect text cat "$mnt/file"
	echo $error >"$mnt/$error"
	umount "$mnt"
	wait $tracer || fail "$(cat "$tmp/said.mount")"
	fsck_clean "$image"
done

note "-o nolock is no way around a lock that somebody holds"
exec 9<"$image"
flock -x 9
mmfs -o nolock "$image" "$mnt" >"$tmp/said.mount" 2>&1 9<&- &
until [ -s "$tmp/said.mount" ]; do sleep 0.05; done
grep -q 'waiting for the image: in use by another process' "$tmp/said.mount" || fail "$(cat "$tmp/said.mount")"
! mountpoint -q "$mnt" || fail "mounted in spite of the lock"
kill "$!"
wait "$!" || true
