#!/bin/bash
# What takes longer than a second shows how far it is, on a terminal of 80 columns or fewer, and nowhere else.
. "$(dirname "$0")/../lib.sh"
command -v script >/dev/null || skip "needs script"
command -v strace >/dev/null || skip "needs strace"

mkdir "$tmp/source"
seq 1 200000 >"$tmp/source/large"
echo small >"$tmp/source/small"
tar -cf "$tmp/a.tar" -C "$tmp/source" .
export ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0"

# on_terminal COLUMNS CALL FILE COMMAND...: to $tmp/shown; the second such call for the file takes 1.3 s.
on_terminal() {
	delayed "$2:delay_enter=1300000:when=2" "$@"
}

# delayed INJECT COLUMNS CALL FILE COMMAND...: as strace -e inject= has it; FILE "": calls for any
delayed() {
	local inject=$1 columns=$2 call=$3 path=${4:+-P $4}
	shift 4
	script -qec "stty cols $columns rows 24; strace -qq -f -o /dev/null $path -e trace=$call \
		-e inject=$inject $*" "$tmp/shown" >/dev/null </dev/null || fail "$*: $(cat "$tmp/shown")"
	# what was written between two returns to the start of the line
	grep -v '^Script ' "$tmp/shown" | tr '\r' '\n' | sed 's/\x1b\[K//g' >"$tmp/lines"
	awk -v most="$columns" 'length($0) >= most { print; bad = 1 } END { exit bad }' "$tmp/lines" ||
		fail "too long for $columns columns"
}

note "a bar where the end is known"
on_terminal 80 read "$tmp/a.tar" mkfs.mmfs -q -J 1M --from "$tmp/a.tar" "$tmp/a.img"
grep -Eq '^mkfs.mmfs: filling \[#+-*\] +[0-9]+%  [0-9]+ files  [0-9.]+ [KM]iB$' "$tmp/lines" || fail "$(cat -v "$tmp/lines")"
on_terminal 40 read "$tmp/a.tar" mmfsctl import "$tmp/a.img" "$tmp/a.tar"
grep -Eq '^mmfsctl: importing \[#+-*' "$tmp/lines" || fail "$(cat -v "$tmp/lines")"

note "counts where it is not"
on_terminal 80 pread64 "$tmp/source/large" mkfs.mmfs -q --force -J 1M --from "$tmp/source" "$tmp/a.img"
grep -Eq '^mkfs.mmfs: filling  [0-9]+ files  [0-9.]+ [KM]iB$' "$tmp/lines" || fail "$(cat -v "$tmp/lines")"

note "of what a daemon does"
if [ "$(id -u)" = 0 ] && [ -c /dev/fuse ]; then
	mount_image "$tmp/a.img" "$tmp/mnt"
	delayed ioctl:delay_exit=1300000:when=3 80 ioctl "$tmp/mnt" mmfsctl backup "$tmp/mnt" "$tmp/copy.img" ">/dev/null"
	grep -Eq '^mmfsctl: copying \[#+-*\] +[0-9]+%  [0-9.]+ [KM]iB$' "$tmp/lines" || fail "$(cat -v "$tmp/lines")"
	delayed ioctl:delay_exit=1300000:when=3 30 ioctl "$tmp/mnt" mmfsctl compact "$tmp/mnt" ">/dev/null"
	grep -q '^mmfsctl: compacting' "$tmp/lines" || fail "$(cat -v "$tmp/lines")"
	unmount "$tmp/mnt"
fi

note "writing out, which nothing comes back from for a while"
delayed msync:delay_enter=1300000:when=3 80 msync "" mmfsctl rm -r "$tmp/a.img" small
grep -qx 'mmfsctl: writing it out' "$tmp/lines" || fail "$(cat -v "$tmp/lines")"

note "nothing when it is quick, or no terminal"
script -qec "mmfsctl export $tmp/a.img $tmp/b.tar" "$tmp/shown" >/dev/null </dev/null
! grep -q 'exporting' "$tmp/shown" || fail "shown at once: $(cat -v "$tmp/shown")"
strace -qq -f -o /dev/null -P "$tmp/a.tar" -e trace=read -e inject=read:delay_enter=1300000:when=2 \
	mmfsctl import "$tmp/a.img" "$tmp/a.tar" >"$tmp/said" 2>&1
[ ! -s "$tmp/said" ] || fail "no terminal: $(cat "$tmp/said")"
