#!/bin/bash
# Which system calls serve what, as strace sees them: mappings and their protections, msync, growth, shrinking, the
# freeze after a failed sync, and the end. (That a store into the metadata's mapping faults is shown by
# tests/unit/test_store.c.)
. "$(dirname "$0")/../lib.sh"
need_fuse
# strace is in the way of the leak checker.
export ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0
image=$tmp/a.img mnt=$tmp/mnt trace=$tmp/trace
mkdir "$mnt"
calls=open,openat,mmap,munmap,msync,mprotect,ftruncate,fallocate,fdatasync,fsync,pwrite64,pwritev,write,flock

# traced OPTIONS...: mounts under strace.
traced() {
	strace -f -y -qq -o "$trace" -e "trace=$calls" mmfs -f "$@" "$image" "$mnt" >"$tmp/said.mount" 2>&1 &
	tracer=$!
	until mountpoint -q "$mnt"; do
		kill -0 $tracer 2>/dev/null || fail "$(cat "$tmp/said.mount")"
		sleep 0.05
	done
	stat "$mnt" >/dev/null
}

ended() {
	unmount "$mnt"
	wait $tracer || true
}

# seen REGEX: a line of the trace since the last mark has it. mark: from here on.
marked=0
mark() {
	marked=$(wc -l <"$trace")
}
since() {
	tail -n +$((marked + 1)) "$trace"
}
# (grep -q would end before tail does, which then is what fails.)
seen() {
	since | grep -E -- "$1" >/dev/null || { since | grep -v madvise | tail -n 40 >&2; fail "not seen: $1"; }
}
not_seen() {
	! since | grep -E -- "$1" >&2 || fail "seen: $1"
}

# Address and length of the mapping of the image with this protection and offset, from its mmap call.
mapping() {
	sed -nE "s/.* mmap\(NULL, ([0-9]+), $1, $2, [0-9]+<[^>]*a\.img>, $3\) = (0x[0-9a-f]+)\$/\2, \1/p" "$trace" | head -n 1
}
rw='PROT_READ\|PROT_WRITE' r='PROT_READ'

note "a writable mount: O_RDWR, exclusive lock, one mapping to write, one to read metadata, one of the ring"
traced -o size=1G
seen 'openat\(.*a\.img", O_RDWR\|'
seen 'flock\([0-9]+<.*a\.img>, LOCK_EX\|LOCK_NB\) += 0'
whole=$(mapping "$rw" MAP_SHARED 0) readable=$(mapping "$r" MAP_SHARED 0)
[ -n "$whole" ] && [ -n "$readable" ] || fail "mappings: '$whole', '$readable'"
# It begins at 64 KiB, which is a multiple of every page size.
ring=$(mapping "$rw" MAP_SHARED 0x10000)
[ -n "$ring" ] || fail "the ring has no mapping of its own: $(grep a.img "$trace")"
expect 3 sh -c 'grep -c "mmap(.*a\.img>" "$1"' sh "$trace"
# Made once at the largest size, so that growth never remaps.
[ "${whole#*, }" -ge $((1 << 30)) ] || fail "mapped: $whole"

# What threads that cut or grew the image called next.
after_resize() {
	since | awk '/<\.\.\. ftruncate resumed/ { next }
		thread[$1] { sub(/^[0-9]+ +/, ""); print }
		{ thread[$1] = 0 }
		$2 ~ /^ftruncate/ { thread[$1] = 1 }'
}

note "growth: ftruncate and a sync of the last page, and host space by fallocate; no new mapping"
mark
dd if=/dev/zero of="$mnt/large" bs=1M count=40 status=none
seen 'ftruncate\([0-9]+<.*a\.img>, [0-9]+\) += 0'
after_resize | grep -E "^msync\(0x[0-9a-f]+, $(getconf PAGESIZE), MS_SYNC" >/dev/null || fail "after growth: $(after_resize)"
seen 'fallocate\([0-9]+<.*a\.img>, FALLOC_FL_KEEP_SIZE, '
not_seen 'mmap\(.*a\.img'

note "fsync, fdatasync, fsyncdir: msync with MS_SYNC, of page-aligned ranges, in the ring's mapping too"
for what in "dd if=/dev/zero of=$mnt/one bs=4K count=1 conv=fsync status=none" \
	"dd if=/dev/zero of=$mnt/one bs=4K count=1 conv=fdatasync,notrunc status=none" "sync $mnt" "sync -d $mnt/one"; do
	case $what in "sync $mnt") mkdir "$mnt/d" ;; "sync -d"*) echo x >>"$mnt/one" ;; esac
	mark
	$what
	seen 'msync\(0x[0-9a-f]+000, [0-9]+, MS_SYNC\) += 0'
	not_seen 'MS_ASYNC'
done
in_ring=no
for address in $(sed -nE 's/.* msync\((0x[0-9a-f]+), .*/\1/p' "$trace"); do
	[ $((address)) -lt $((${ring%,*})) ] || [ $((address)) -ge $((${ring%,*} + ${ring#*, })) ] || in_ring=yes
done
expect yes echo $in_ring

note "space is given back: punched while mounted, cut off at the end"
mark
rm "$mnt/large"
sync "$mnt"
for _ in $(seq 100); do
	! since | grep PUNCH_HOLE >/dev/null || break
	sleep 0.1
done
seen 'fallocate\([0-9]+<.*a\.img>, FALLOC_FL_KEEP_SIZE\|FALLOC_FL_PUNCH_HOLE, '
size=$(stat -c %s "$image")
mark
ended
seen 'ftruncate\([0-9]+<.*a\.img>, [0-9]+\) += 0'
[ "$(stat -c %s "$image")" -lt "$size" ] || fail "the end was not cut off"

note "unmount: munmap of each mapping"
for mapped in "$whole" "$readable" "$ring"; do
	seen "munmap\($mapped\) += 0"
done
# The image is written through its mappings, but for large pieces of data that the host does not have in memory.
marked=0
not_seen '(write|pwritev)\([0-9]+<.*a\.img>'
not_seen 'pwrite64\([0-9]+<.*a\.img>, .*, [0-9]{1,4}, [0-9]+\)'

note "fsync=async: MS_ASYNC, and nobody waits; the seal that follows is a real one"
traced -o fsync=async,commit=1
mark
dd if=/dev/zero of="$mnt/async" bs=64K count=1 conv=fsync,notrunc status=none
dd if=/dev/zero of="$mnt/async" bs=64K count=1 conv=fsync,notrunc status=none
seen 'msync\(0x[0-9a-f]+000, [0-9]+, MS_ASYNC\) += 0'
for _ in $(seq 100); do
	! since | grep MS_SYNC >/dev/null || break
	sleep 0.1
done
seen 'msync\(.*, MS_SYNC\) += 0'
ended

note "a failed sync: mprotect to PROT_READ of all that could be written; no second try"
traced
whole=$(mapping "$rw" MAP_SHARED 0) ring=$(mapping "$rw" MAP_SHARED 0x10000)
unmount "$mnt"
wait $tracer || true
mount_image "$image" "$mnt"
strace -f -y -qq -o "$trace" -e "trace=$calls" -e inject=msync:error=EIO -p "$(daemon_pid "$image")" &
tracer=$!
until [ "$(awk '/^TracerPid/{print $2}' "/proc/$(daemon_pid "$image")/status")" != 0 ]; do sleep 0.05; done
marked=0
expect_fail 1 'Input/output error' dd if=/dev/zero of="$mnt/one" bs=4K count=1 conv=fsync,notrunc
seen 'msync\(.*MS_SYNC\) += -1 EIO.*INJECTED'
expect 2 sh -c 'grep -Ec "mprotect\(0x[0-9a-f]+000, [0-9]+, PROT_READ\) += 0" "$1"' sh "$trace"
seen "mprotect\(0x[0-9a-f]+000, ${whole#*, }, PROT_READ\) += 0"
seen "mprotect\(0x[0-9a-f]+000, ${ring#*, }, PROT_READ\) += 0"
sed -E '1,/mprotect\(0x[0-9a-f]+, [0-9]+, PROT_READ\)/d' "$trace" >"$tmp/after"
expect_fail 1 'Input/output error' sync "$mnt/one"
expect_fail 1 'Input/output error' dd if=/dev/zero of="$mnt/one" bs=4K count=1 conv=notrunc
sleep 1
sed -E '1,/mprotect\(0x[0-9a-f]+, [0-9]+, PROT_READ\)/d' "$trace" >"$tmp/after"
! grep -E '(msync|fdatasync|ftruncate|fallocate)\(' "$tmp/after" || fail "it tried again"
ended
mmfs "$image" "$mnt"
unmount "$mnt"
fsck_clean "$image"

note "ro: O_RDONLY, a shared lock, mapped PROT_READ only, not one call that writes; a dirty image too"
mount_image "$image" "$mnt"
echo text >"$mnt/file"
kill_daemon "$image"
umount -l "$mnt"
traced -o ro
expect text cat "$mnt/file"
ended
marked=0
seen 'openat\(.*a\.img", O_RDONLY\|'
seen 'flock\([0-9]+<.*a\.img>, LOCK_SH\|LOCK_NB\) += 0'
seen "mmap\(NULL, [0-9]+, PROT_READ, MAP_SHARED, [0-9]+<.*a\.img>, 0\)"
expect 1 sh -c 'grep -c "mmap(.*a\.img>" "$1"' sh "$trace"
not_seen 'openat\(.*a\.img", O_(RDWR|WRONLY)'
not_seen '(ftruncate|fallocate|fdatasync|fsync|write|pwrite64|pwritev)\([0-9]+<.*a\.img>'
not_seen 'msync\('

note "scratch: O_RDONLY, a shared lock, MAP_PRIVATE, growth in anonymous memory, not one call that writes"
mount_image "$image" "$mnt"
echo dirty >"$mnt/file"
kill_daemon "$image"
umount -l "$mnt"
sum=$(sha256sum <"$image")
size=$(stat -c %s "$image")
traced -o scratch
expect dirty cat "$mnt/file"
dd if=/dev/zero of="$mnt/large" bs=1M count=40 conv=fsync status=none
echo more >>"$mnt/file"
rm "$mnt/large"
sync "$mnt"
sleep 0.2
ended
marked=0
seen 'openat\(.*a\.img", O_RDONLY\|'
seen 'flock\([0-9]+<.*a\.img>, LOCK_SH\|LOCK_NB\) += 0'
# The whole address range is anonymous, and may be touched as far as the image goes; the file is laid over its
# beginning.
seen "mmap\(NULL, [0-9]{11,}, PROT_NONE, MAP_PRIVATE\|MAP_ANONYMOUS\|MAP_NORESERVE, -1, 0\)"
seen "mprotect\(0x[0-9a-f]+, [0-9]{7,}, $rw\)"
seen "mmap\(0x[0-9a-f]+, $size, $rw, MAP_PRIVATE\|MAP_FIXED\|MAP_NORESERVE, [0-9]+<.*a\.img>, 0\)"
expect 1 sh -c 'grep -c "mmap(.*a\.img>" "$1"' sh "$trace"
not_seen 'mmap\(.*MAP_SHARED.*a\.img>'
not_seen 'openat\(.*a\.img", O_(RDWR|WRONLY)'
not_seen '(ftruncate|fallocate|fdatasync|fsync|write|pwrite64|pwritev)\([0-9]+<.*a\.img>'
not_seen 'msync\('
[ "$sum" = "$(sha256sum <"$image")" ] || fail "a scratch mount wrote to the image"
