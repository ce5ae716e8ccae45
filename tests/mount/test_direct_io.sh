#!/bin/bash
# -o direct_io: reads and writes reach the daemon each time and leave nothing in the kernel's cache; mappings, sendfile
# and programs work; a killed daemon changes nothing of that for files that are open.
. "$(dirname "$0")/../lib.sh"
command -v jq >/dev/null || skip "needs jq"
need_fuse
helper direct
image=$tmp/a.img mnt=$tmp/mnt

# requests TYPE: how many there were.
requests() {
	mmfsctl stats --json "$mnt" | jq -e ".requests.$1 // 0"
}

# costs TYPE NUMBER COMMAND...: exactly as many.
costs() {
	local type=$1 number=$2 before after
	shift 2
	before=$(requests "$type")
	"$@"
	after=$(requests "$type")
	[ $((after - before)) = "$number" ] || fail "$*: $((after - before)) requests, not $number"
}

note "without the option the kernel keeps what it has read and written"
mount_image "$image" "$mnt"
head -c 65536 /dev/urandom >"$mnt/file"
sum=$(sha256sum <"$mnt/file")
costs read 0 direct reads "$mnt/file" 10
expect 16 direct cached "$mnt/file"

note "with it, it keeps nothing"
remount "$image" "$mnt" -o direct_io
costs read 10 direct reads "$mnt/file" 10
costs open 1 direct reads "$mnt/file" 1
expect "$sum" sh -c 'sha256sum <"$1"' sh "$mnt/file"
expect 0 direct cached "$mnt/file"
overwrite() {
	dd if=/dev/zero of="$mnt/file" bs=4k count=7 conv=notrunc status=none
}
costs write 7 overwrite
expect 0 direct cached "$mnt/file"

note "what one writes another reads at once; a file can be mapped where the kernel offers it (Linux 6.6)"
wanted=mapped
[ "$(printf '%s\n' 6.6 "$(uname -r)" | sort -V | sed -n 1p)" = 6.6 ] || wanted=refused
expect $wanted direct shares "$mnt/shared"

note "any offset and length, appends, truncation, a new file, a program"
head -c 3000000 /dev/urandom >"$tmp/random"
dd if="$tmp/random" of="$mnt/random" bs=77777 status=none
cmp "$tmp/random" "$mnt/random"
truncate -s 1234567 "$tmp/random" "$mnt/random"
cat "$tmp/random" >>"$mnt/random"
cat "$tmp/random" "$tmp/random" | cmp - "$mnt/random"
for i in 1 2 3; do
	for ((j = 0; j < 50; j++)); do echo "$i $j"; done >>"$mnt/log" &
done
wait
expect 150 sh -c 'sort -u "$1" | wc -l' sh "$mnt/log"
echo short >"$mnt/random"
expect short cat "$mnt/random"
cp "$(type -P true)" "$mnt/program"
"$mnt/program"

note "open files go on when the daemon is killed, past the cache as before"
exec {file}<>"$mnt/open"
echo before >&$file
kill -KILL "$(daemon_pid "$image")"
echo after >&$file
expect $'before\nafter' cat "$mnt/open"
kill -KILL "$(daemon_pid "$image")"
append_last() {
	echo last >&$file
}
costs write 1 append_last
exec {file}>&-
expect 0 direct cached "$mnt/open"
costs read 5 direct reads "$mnt/file" 5
expect $wanted direct shares "$mnt/shared"
unmount "$mnt"

note "what it means nothing with"
expect_fail 1 'exclude each other' mmfs -o direct_io,writeback "$image" "$mnt"
mount_image "$image" "$mnt" -o direct_io,ro
expect short cat "$mnt/random"
expect 0 direct cached "$mnt/random"
unmount "$mnt"
fsck_clean "$image"
