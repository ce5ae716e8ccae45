#!/bin/bash
# mmfs-run: the command runs in the mount with its own input, output and exit code, and afterwards nothing is mounted,
# no directory is left, and the image is clean; also when a signal ends it.
. "$(dirname "$0")/../lib.sh"
need_fuse
PATH="$MMFS_SOURCE/mount-scripts:$PATH"
export TMPDIR=$tmp/places
mkdir "$TMPDIR"
image=$tmp/a.img

# expect_code CODE COMMAND...: it must end with this status.
expect_code() {
	local wanted=$1 code=0
	shift
	"$@" >"$tmp/said" 2>&1 </dev/null || code=$?
	[ "$code" = "$wanted" ] || fail "'$*' ended with $code, not $wanted: $(cat "$tmp/said")"
}

nothing_left() {
	expect "" ls "$TMPDIR"
	expect "" mounts_below "$TMPDIR"
	# its lock is gone; a moment later it is, too
	fsck_clean "$image"
	# shellcheck disable=SC2046 # process ids
	wait_gone 20 $(daemons_of "$image")
}

note "input, output, arguments, directory, exit code"
echo "from outside" >"$tmp/input"
code=0
# shellcheck disable=SC2016  # the inner shell's variables
mmfs-run "$image" -- sh -c 'cat >inside; pwd; echo "$MMFS_MOUNTPOINT"; echo "$1|$2"; echo no >&2; exit 7' sh "a b" "" \
	<"$tmp/input" >"$tmp/out" 2>"$tmp/err" || code=$?
[ "$code" = 7 ] || fail "exit code $code, not 7"
expect no cat "$tmp/err"
expect 'a b|' sed -n 3p "$tmp/out"
expect "$(sed -n 1p "$tmp/out")" sed -n 2p "$tmp/out"
grep -q "^$TMPDIR/mmfs-run\." "$tmp/out" || fail "mounted elsewhere: $(cat "$tmp/out")"
nothing_left
expect "from outside" mmfs-run "$image" cat inside
expect_code 1 mmfs-run "$image" false

note "options; a command with options of its own"
expect_fail 1 "Read-only" mmfs-run -o ro "$image" -- touch new
expect inside mmfs-run -oro -o noatime "$image" ls -1
nothing_left

note "what cannot be run"
expect_fail 127 "no-such-command" mmfs-run "$image" no-such-command
expect_code 126 mmfs-run "$image" ./inside
expect_fail 125 "its directory" mmfs-run "$tmp/none/a.img" true
expect_fail 125 "nosuchoption" mmfs-run -o nosuchoption "$image" true
expect_fail 125 usage mmfs-run "$image"
expect_fail 125 usage mmfs-run
mmfs-run --help | grep -q 'IMAGE' || fail "--help"
nothing_left

# The command says that it has begun; then the script gets the signal.
signalled() {
	local signal=$1 pid code=0 i
	rm -f "$tmp/begun"
	mmfs-run "$image" -- sh -c 'echo "$2" >signal; echo >"$1"; exec sleep 100' sh "$tmp/begun" "$signal" &
	pid=$!
	for i in $(seq 300); do
		[ ! -e "$tmp/begun" ] || break
		sleep 0.1
	done
	[ -e "$tmp/begun" ] || fail "the command did not begin in $i tenths of a second"
	kill -"$signal" "$pid"
	wait "$pid" || code=$?
	[ "$code" = "$2" ] || fail "SIG$signal: exit code $code, not $2"
	nothing_left
	expect "$signal" mmfs-run "$image" cat signal
}
note "signals"
signalled TERM 143
signalled HUP 129
# shellcheck disable=SC2016
expect_code 137 mmfs-run "$image" sh -c 'kill -KILL $$'

note "what the command leaves running"
mmfs-run "$image" -- sh -c 'sleep 1 & true' || fail "a short one"
nothing_left
expect_fail 1 'still used' mmfs-run "$image" -- sh -c 'sleep 100 >/dev/null 2>&1 & echo $! >pid'
point=$(mounts_below "$TMPDIR")
kill "$(cat "$point/pid")"
umount.mmfs "$point"
rmdir "$point"
nothing_left

note "unmounted by the command itself"
# shellcheck disable=SC2016
mmfs-run "$image" -- sh -c 'cd / && umount "$MMFS_MOUNTPOINT"' || fail "status $?"
nothing_left

note "unprivileged"
nobody_setup
cp "$MMFS_SOURCE"/mount-scripts/*mmfs* "$tmp/bin"
chmod 1777 "$TMPDIR"
expect nobody as_nobody mmfs-run n.img -- sh -c 'touch x && stat -c %U x'
expect "" ls "$TMPDIR"
