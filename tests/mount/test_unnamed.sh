#!/bin/bash
# O_TMPFILE files through a mount: what closing, unmounting and kill -9 leave of them; statx; copies beyond 4 GiB.
. "$(dirname "$0")/../lib.sh"
need_fuse
helper unnamed
image=$tmp/a.img mnt=$tmp/mnt
mount_image "$image" "$mnt"
touch "$mnt/other"

# within SECONDS WHAT TEST...: waits until the test is true.
within() {
	local end=$((SECONDS + $1)) what=$2
	shift 2
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || fail "$what"
		sleep 0.05
	done
}
used_kib() {
	df --output=used -k "$mnt" | tail -n 1 | tr -d ' '
}
inodes() {
	df --output=iused "$mnt" | tail -n 1 | tr -d ' '
}
uses_less() {
	[ "$(used_kib)" -lt "$1" ] && [ "$(inodes)" = "$inodes_before" ]
}

note "a file without a name is counted while it is open, and gone when it is closed"
before=$(used_kib) inodes_before=$(inodes)
unnamed hold "$mnt" 20000000 >"$tmp/said" &
holder=$!
within 20 "no file" test -s "$tmp/said"
[ "$(used_kib)" -ge $((before + 19000)) ] || fail "20 MB take $(($(used_kib) - before)) KiB"
expect other ls -A "$mnt"
kill $holder
wait $holder || true
within 20 "it is still there after its close" uses_less $((before + 2000))

note "and after kill -9 of the daemon"
unnamed hold "$mnt" 20000000 >"$tmp/said2" &
holder=$!
within 20 "no file" test -s "$tmp/said2"
kill_daemon "$image"
kill $holder
wait $holder || true
mmfs "$image" "$mnt"
within 20 "it is still there" uses_less $((before + 2000))

note "a name given is not lost by kill -9"
mkfifo "$tmp/go"
unnamed wait "$mnt" "$mnt/named" <"$tmp/go" >"$tmp/said3" &
holder=$!
exec {go}>"$tmp/go"
within 20 "no file" test -s "$tmp/said3"
echo >&$go
within 20 "no link" grep -q linked "$tmp/said3"
kill_daemon "$image"
exec {go}>&-
kill $holder
wait $holder || true
mmfs "$image" "$mnt"
expect "1048576 1" stat -c "%s %h" "$mnt/named"
expect 0 sh -c 'tr -d x <"$1" | wc -c' sh "$mnt/named"

note "an unmount clears what a lazy one left open"
unnamed hold "$mnt" 1000000 >"$tmp/said4" &
holder=$!
within 20 "no file" test -s "$tmp/said4"
kill -TERM "$(daemon_pid "$image")"
kill $holder
wait $holder || true
within 20 "the daemon has not ended" flock -n "$image" true
fsck_clean "$image"
mount_image "$image" "$mnt"
expect "named other" sh -c 'echo $(ls "$1")' sh "$mnt"
expect $((inodes_before + 1)) inodes

note "the time of birth is kept"
birth=$(stat -c %.9W "$mnt/named")
[[ $birth != 0* ]] && [[ $birth != - ]] || fail "statx tells no time of birth: $birth"
touch -d 2001-02-03 "$mnt/named"
remount "$image" "$mnt"
expect "$birth" stat -c %.9W "$mnt/named"

note "one copy_file_range of more than 4 GiB"
large=$((6 * 1073741824))
truncate -s $large "$mnt/from"
printf 'at 5 GiB' | dd of="$mnt/from" bs=1 seek=$((5 * 1073741824)) conv=notrunc status=none
version=$(uname -r)
copied=$(unnamed copy "$mnt/from" "$mnt/to" 0 $large)
# FUSE_COPY_FILE_RANGE_64 came with Linux 6.18; before, the kernel asks for as much as fits into 32 bits.
if printf '%s\n' 6.18 "${version%%-*}" | sort -CV; then
	[ "$copied" = $large ] || fail "copied $copied of $large at once"
else
	[ "$copied" = 4294963200 ] || fail "copied $copied of $large at once"
	expect $((large - copied)) unnamed copy "$mnt/from" "$mnt/to" "$copied" $large
fi
expect $large stat -c %s "$mnt/to"
expect "at 5 GiB" sh -c 'tail -c +$((5 * 1073741824 + 1)) "$1" | head -c 8' sh "$mnt/to"
[ "$(stat -c %b "$mnt/to")" -le 16 ] || fail "the copy of a hole takes space"
unmount "$mnt"
fsck_clean "$image"
