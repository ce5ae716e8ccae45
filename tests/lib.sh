# shellcheck shell=bash
#
# Sourced by every test script: strict mode, a directory of its own, and a cleanup that leaves no mount, no
# daemon and no file behind, however the test ends.
#
#   . "$(dirname "$0")/../lib.sh"
#   mount_image "$tmp/a.img" "$tmp/mnt"
#   ...
#   unmount "$tmp/mnt"
#   fsck_clean "$tmp/a.img"
#
# Every image and mountpoint of a test lies below $tmp: that is how its daemons and mounts are found again.
# A test that cannot run says why and ends with status 77 (skip MESSAGE).

set -Eeuo pipefail
shopt -s inherit_errexit

MMFS_SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
here=$(cd "$(dirname "$0")" && pwd)
: "${MMFS_BUILD:=$MMFS_SOURCE/build-asan}"
export MMFS_SOURCE MMFS_BUILD
export PATH="$MMFS_BUILD:$PATH:/usr/sbin:/sbin" LC_ALL=C

note() {
	echo "-- $*" >&2
}

fail() {
	echo "FAILED at line ${BASH_LINENO[0]}: $*" >&2
	exit 1
}

skip() {
	echo "$*"
	exit 77
}

full() {
	[ "${MMFS_TEST_FULL:-0}" = 1 ]
}

# size CI FULL: the one that this run uses.
size() {
	if full; then echo "$2"; else echo "$1"; fi
}

# Mountpoints at or below a directory, deepest first. /proc/mounts writes a blank as \040.
mounts_below() {
	local point
	cut -d ' ' -f 2 /proc/self/mounts | sed 's/\\040/ /g' | while IFS= read -r point; do
		case $point in "$1" | "$1"/*) printf '%s\n' "$point" ;; esac
	done | sort -r
}

# Process ids of mmfs daemons, one scan for all processes: with exactly this argument (an image or mountpoint) ...
daemons_of() {
	processes_grep mmfs -lzsxF -- "$1"
}

# ... or with an argument that names something below this directory.
daemons_below() {
	processes_grep mmfs -lzsF -- "$1/"
}

# The processes that keep these mounts.
supervisors_of() {
	processes_grep mmfs-supervise -lzsxF -- "$1"
}

supervisors_below() {
	processes_grep mmfs-supervise -lzsF -- "$1/"
}

processes_grep() {
	local file pid name wanted=$1
	shift
	grep "$@" /proc/[0-9]*/cmdline | while IFS= read -r file; do
		pid=${file#/proc/}
		pid=${pid%/cmdline}
		read -r name 2>/dev/null <"/proc/$pid/comm" || continue
		[ "$name" != "$wanted" ] || echo "$pid"
	done || true
}

# kill_daemon IMAGE [SIGNAL]: ends the daemon and, first, the supervisor, which would start another; waits until
# they are gone. The mount is dead then, as after the death of a daemon that nobody supervises.
kill_daemon() {
	local pids
	pids="$(supervisors_of "$1") $(daemons_of "$1")"
	# shellcheck disable=SC2086 # process ids
	kill "-${2:-KILL}" $pids
	# shellcheck disable=SC2086
	wait_gone 10 $pids
}

# The daemon of an image: its process id, or nothing.
daemon_pid() {
	daemons_of "$1" | sed -n 1p
}

# wait_gone SECONDS PID...: waits until the processes have ended.
wait_gone() {
	local limit=$1 pid state rest end=$((SECONDS + $1))
	shift
	for pid; do
		while [ -d "/proc/$pid" ]; do
			# A zombie has ended, once its threads have: only its parent has not looked yet.
			rest=$(cat "/proc/$pid/stat" 2>/dev/null) || break
			rest=${rest##*) }
			state=${rest%% *}
			[ "$state" != Z ] || [ "$(find "/proc/$pid/task" -mindepth 1 -maxdepth 1 2>/dev/null | wc -l)" -gt 1 ] || break
			[ "$SECONDS" -le "$end" ] || { note "process $pid still runs after $limit s"; return 1; }
			sleep 0.05
		done
	done
}

# Unmounts and ends whatever a test has left below a directory. Says what there was; 1 if there was anything.
sweep() {
	local point pids pid found=0
	for pid in $(daemons_below "$1"); do
		# A daemon stopped by a test could not answer.
		kill -CONT "$pid" 2>/dev/null || true
	done
	while IFS= read -r point; do
		found=1
		timeout 20 umount "$point" 2>/dev/null || umount -l "$point" || true
	done < <(mounts_below "$1")
	# Supervisors first: they would start another daemon.
	pids="$(supervisors_below "$1") $(daemons_below "$1")"
	if [ "$pids" != " " ]; then
		# shellcheck disable=SC2086 # process ids
		if ! wait_gone 30 $pids; then
			found=1
			kill -KILL $pids 2>/dev/null || true
			wait_gone 5 $pids || true
		fi
	fi
	return $found
}

tmp=$(mktemp -d "${TMPDIR:-/tmp}/mmfs-test.XXXXXX")
chmod 755 "$tmp"
mkdir "$tmp/bin"
mkdir -m 1777 "$tmp/reports"
# A background daemon cannot say on our stderr what a sanitizer found: reports go to files, which are looked
# for at the end. Status 99 is never a program's own.
reports="log_path=$tmp/reports/report:exitcode=99"
export ASAN_OPTIONS="detect_leaks=1:$reports${MMFS_ASAN_EXTRA:+:$MMFS_ASAN_EXTRA}"
export UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1:$reports"
fuse_mode=

# Reports of sanitizers: shows them; 1 if there are any.
no_reports() {
	local file found=0
	for file in "$tmp"/reports/*; do
		[ -s "$file" ] || continue
		found=1
		echo "sanitizer report ${file##*/}:" >&2
		head -n 60 "$file" >&2
	done
	return $found
}

cleanup() {
	local code=$?
	trap - EXIT ERR
	set +eE
	# shellcheck disable=SC2046 # process ids
	[ -z "$(jobs -p)" ] || kill $(jobs -p) 2>/dev/null
	cd /
	sweep "$tmp" || [ "$code" != 0 ] || note "this test left mounts or daemons behind (now ended)"
	no_reports || [ "$code" != 0 ] || code=98
	[ -z "$fuse_mode" ] || chmod "$fuse_mode" /dev/fuse
	[ -n "${MMFS_TEST_KEEP:-}" ] || rm -rf --one-file-system "$tmp"
	exit $code
}
trap cleanup EXIT
trap 'echo "FAILED: ${BASH_SOURCE[0]##*/} line $LINENO: $BASH_COMMAND" >&2' ERR
trap 'echo "stopped by a signal" >&2; exit 143' TERM INT HUP

# expect_fail CODE REGEX COMMAND...: it must end with this status and say this.
expect_fail() {
	local code=$1 regex=$2 got=0
	shift 2
	# To a file, not a pipe: a daemon started by mistake would keep the pipe open.
	"$@" >"$tmp/said" 2>&1 </dev/null || got=$?
	if [ "$got" != "$code" ] || ! grep -Eq -- "$regex" "$tmp/said"; then
		echo "expected status $code and '$regex', got status $got and:" >&2
		cat "$tmp/said" >&2
		fail "$*"
	fi
}

# expect TEXT COMMAND...: it must print exactly this.
expect() {
	local text=$1 got
	shift
	got=$("$@")
	[ "$got" = "$text" ] || fail "'$*' printed '$got', not '$text'"
}

# mount_image IMAGE DIRECTORY [MMFS-OPTIONS...]: makes the directory, mounts; the mount must be ready.
mount_image() {
	local image=$1 directory=$2
	shift 2
	mkdir -p "$directory"
	timeout 120 mmfs "$@" "$image" "$directory" || fail "mmfs $* $image $directory: status $?"
	mountpoint -q "$directory" || fail "mmfs returned, but $directory is not mounted"
	[ -n "$(daemon_pid "$image")" ] || fail "no daemon for $image"
}

# unmount DIRECTORY: unmounts and waits until the daemon has let go of the image.
unmount() {
	local pids i
	pids="$(daemons_of "$1") $(supervisors_of "$1")"
	for i in 1 2 3 4 5 6 7 8 9 10; do
		! timeout 60 umount "$1" 2>"$tmp/umount.said" || break
		[ "$i" != 10 ] || fail "umount $1: $(cat "$tmp/umount.said")"
		sleep 0.3
	done
	# shellcheck disable=SC2086 # process ids
	wait_gone 60 $pids || fail "the daemon of $1 did not end"
}

remount() {
	local image=$1 directory=$2
	shift 2
	unmount "$directory"
	mount_image "$image" "$directory" "$@"
}

# fsck_clean IMAGE: fsck.mmfs -n finds nothing.
fsck_clean() {
	local code=0
	timeout 600 fsck.mmfs -n "$1" >"$tmp/fsck.said" 2>&1 || code=$?
	[ "$code" = 0 ] || { cat "$tmp/fsck.said" >&2; fail "fsck.mmfs -n $1: status $code"; }
}

# Bytes of host space that a file takes.
host_bytes() {
	echo $(($(stat -c %b "$1") * $(stat -c %B "$1")))
}

# helper NAME: compiles helpers/NAME.c of this test's directory; then NAME is a command.
helper() {
	cc -std=gnu17 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -o "$tmp/bin/$1" "$here/helpers/$1.c" -lpthread
	PATH="$tmp/bin:$PATH"
}

need_root() {
	[ "$(id -u)" = 0 ] || skip "needs root"
}

need_fuse() {
	[ -c /dev/fuse ] || skip "needs /dev/fuse"
	need_root
}

# Makes as_nobody possible: /dev/fuse for everybody (until the test ends), programs where nobody reaches them.
nobody_setup() {
	need_fuse
	fuse_mode=$(stat -c %a /dev/fuse)
	chmod 666 /dev/fuse
	cp "$MMFS_BUILD"/mmfs "$MMFS_BUILD"/mkfs.mmfs "$MMFS_BUILD"/fsck.mmfs "$MMFS_BUILD"/mmfsctl "$tmp/bin"
	mkdir "$tmp/nobody"
	chown nobody "$tmp/nobody"
	runuser -u nobody -- test -x "$tmp/bin/mmfs" || skip "$tmp is out of reach for the user nobody"
}

as_nobody() {
	(cd "$tmp/nobody" && exec runuser -u nobody -- env "PATH=$tmp/bin:$PATH" "HOME=$tmp/nobody" "$@")
}
