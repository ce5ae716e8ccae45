#!/bin/bash
# Builds mmfs plain, sanitized and with clang, and runs every test there is: tests/DIR/test_*.sh and the
# programs of tests/unit. A file dropped into a directory runs; there is no list to edit.
#
#   tests/run.sh [--full] [--list] [--no-install] [PATTERN...]
#
#   --full        full sizes instead of CI sizes (also: MMFS_TEST_FULL=1); hours instead of minutes
#   --list        names the tests and ends
#   --no-install  does not install missing packages
#   PATTERN       only tests whose name holds one of these texts
#
# Prints one line a test, the log's end of each that failed, and last of all "N passed, N failed"; the status is
# 0 if none failed. A line "# timeout: SECONDS" in a test changes its time limit (300 s). A test that cannot run
# ends with status 77 and says why: with CI set in the environment that is a failure.

set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
source_root=$PWD
plain=$source_root/build-plain asan=$source_root/build-asan clang=$source_root/build-clang
directories="style unit image tools mount host kill supervise real costs races crash fuzz posix"
install=1 list=0
patterns=()

while [ $# -gt 0 ]; do
	case $1 in
	--full) export MMFS_TEST_FULL=1 ;;
	--list) list=1 ;;
	--no-install) install=0 ;;
	--help)
		sed -n '2,/^$/s/^# \{0,1\}//p' "$0"
		exit 0
		;;
	-*)
		echo "tests/run.sh: unknown option $1; see --help" >&2
		exit 2
		;;
	*) patterns+=("$1") ;;
	esac
	shift
done

wanted() {
	local pattern
	[ ${#patterns[@]} -gt 0 ] || return 0
	for pattern in "${patterns[@]}"; do
		case $1 in *"$pattern"*) return 0 ;; esac
	done
	return 1
}

# Names of all tests of a directory, without their suffix.
tests_of() {
	local file suffix=sh
	[ "$1" != unit ] || suffix=c
	for file in tests/"$1"/test_*."$suffix"; do
		[ -e "$file" ] || continue
		file=${file#tests/}
		wanted "${file%."$suffix"}" && echo "${file%."$suffix"}"
	done
}

build_of() {
	case $1 in style | real | kill | costs | races) echo "$plain" ;; *) echo "$asan" ;; esac
}

# How many tests of a directory run at the same time: one, where times are waited for or resources counted.
at_once() {
	case $1 in style | unit | image | tools | kill | real | posix) echo 2 ;; *) echo 1 ;; esac
}

if [ $list = 1 ]; then
	for directory in $directories; do tests_of "$directory"; done
	exit 0
fi

if [ "$(id -u)" != 0 ]; then
	echo "tests/run.sh installs packages and mounts as root and as nobody: going on with sudo"
	options=()
	[ $install = 1 ] || options+=(--no-install)
	exec sudo --preserve-env=CI,TMPDIR,MMFS_TEST_FULL,MMFS_KILL_ROUNDS,MMFS_RESTARTS -- "$source_root/tests/run.sh" \
		"${options[@]}" "${patterns[@]}"
fi

# Tests that run at the same time would take it from each other.
fuse_mode=
if [ -c /dev/fuse ]; then
	fuse_mode=$(stat -c %a /dev/fuse)
	chmod 666 /dev/fuse
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/mmfs-run.XXXXXX")
chmod 755 "$work"
logs=$work/logs
mkdir "$logs"

# Ends what a test that had to be killed left behind; 1 if there was anything. In a process of its own: lib.sh
# brings strict mode and traps with it.
sweep_below() {
	TMPDIR=$work bash -c '. "$1"; sweep "$2"' sweep "$source_root/tests/lib.sh" "$1"
}

finish() {
	[ -z "$fuse_mode" ] || chmod "$fuse_mode" /dev/fuse
	sweep_below "$work" >/dev/null 2>&1
	rm -rf --one-file-system "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

# run_one NAME SECONDS COMMAND...: runs it, prints its line, notes the result in a file.
run_one() {
	local name=$1 limit=$2 code=0 start=$SECONDS result=FAIL reason="" place
	local log=$logs/${name//\//_}
	shift 2
	place=$(mktemp -d "$work/XXXX") # short: sockets have short names
	chmod 755 "$place"
	TMPDIR=$place timeout -k 60 "$limit" "$@" >"$log.log" 2>&1 </dev/null || code=$?
	if ! sweep_below "$place" >>"$log.log" 2>&1; then
		echo "left mounts or daemons behind" >>"$log.log"
		[ $code != 0 ] || code=97
	fi
	case $code in
	0) result=ok ;;
	77)
		reason="skipped: $(tail -n 1 "$log.log")"
		[ -n "${CI:-}" ] || result=skip
		;;
	124 | 137) reason="no end after $limit s" ;;
	*) reason="status $code" ;;
	esac
	echo $result >"$log.result"
	{
		echo "$result $name ($((SECONDS - start)) s)${reason:+: $reason}"
		[ $result != FAIL ] || tail -n 60 "$log.log" | sed 's/^/    | /'
	} >"$log.line"
	cat "$log.line"
	rm -rf --one-file-system "$place"
	[ $result != FAIL ]
}

# run_test NAME: with its time limit.
run_test() {
	local limit
	case $1 in
	unit/*) run_one "$1" 300 "$asan/tests/${1#unit/}" ;;
	*)
		limit=$(sed -n 's/^# timeout: \([0-9]*\)$/\1/p' "tests/$1.sh")
		[ "${MMFS_TEST_FULL:-0}" != 1 ] || limit=$((${limit:-300} * 20))
		run_one "$1" "${limit:-300}" bash "tests/$1.sh"
		;;
	esac
}

summary() {
	local passed failed skipped
	passed=$(cat "$logs"/*.result 2>/dev/null | grep -c '^ok')
	failed=$(cat "$logs"/*.result 2>/dev/null | grep -c '^FAIL')
	skipped=$(cat "$logs"/*.result 2>/dev/null | grep -c '^skip')
	[ "$skipped" = 0 ] || echo "$skipped skipped"
	[ "$failed" = 0 ] || { echo "failed:"; grep -h '^FAIL' "$logs"/*.line; }
	echo "in $SECONDS s"
	if [ $((passed + failed)) = 0 ]; then
		echo "no test has a name like that"
		failed=1
	fi
	echo "$passed passed, $failed failed"
	[ "$failed" = 0 ]
	exit
}

# build DIRECTORY MESON-OPTIONS...
build() {
	local directory=$1
	shift
	if [ -f "$directory/build.ninja" ]; then
		set -- --reconfigure "$@"
	fi
	meson setup "$directory" "$@" && ninja -C "$directory"
}

if [ $install = 1 ]; then
	run_one build/packages 900 mount-scripts/deps.sh --tests --install || summary
fi
export -f build
run_one build/plain 900 bash -c 'build "$@"' build "$plain" --buildtype=release -Dtests=enabled || summary
run_one build/asan 900 bash -c 'build "$@"' build "$asan" --buildtype=debugoptimized \
	-Db_sanitize=address,undefined -Db_lundef=false -Dtests=enabled || summary
if wanted build/clang; then
	CC=clang run_one build/clang 900 bash -c 'build "$@"' build "$clang" --buildtype=debugoptimized -Dtests=enabled
fi

export ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
for directory in $directories; do
	MMFS_BUILD=$(build_of "$directory")
	export MMFS_BUILD
	for name in $(tests_of "$directory"); do
		while [ "$(jobs -rp | wc -l)" -ge "$(at_once "$directory")" ]; do wait -n; done
		run_test "$name" &
	done
	wait
done
summary
