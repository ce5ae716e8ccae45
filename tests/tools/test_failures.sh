#!/bin/bash
# What cannot be done: said in one line, and no half of a file or image is left, whatever ends a copy.
. "$(dirname "$0")/../lib.sh"
. "$here/tree.sh"
need_fuse
command -v strace >/dev/null || skip "needs strace"

image=$tmp/a.img
mkfs.mmfs -q -J 1M --size=72M "$image"
echo content >"$tmp/file"
long=$(printf '%0256d' 0)

note "what is not there, what cannot be"
for command in ls tree "cat x" "get x $tmp/x" "put $tmp/file /" "rm x" "mkdir x" "label x" df; do
	read -ra words <<<"$command"
	expect_fail 1 'none.img: no such file' mmfsctl "${words[0]}" "$tmp/none.img" "${words[@]:1}"
done
expect_fail 1 'not an mmfs image' mmfsctl ls "$tmp/file"
expect_fail 1 'not an mmfs image' mmfsctl put "$tmp/file" "$tmp/file" /
expect_fail 1 'not an mmfs image' mmfsctl label "$tmp/file" new
[ ! -e "$tmp/none.img" ] && [ ! -e "$tmp/x" ] || fail "a failed command made something"
expect content cat "$tmp/file"
expect_fail 1 'a.img: nothing: No such file' mmfsctl ls "$image" nothing
expect_fail 1 'a.img: nothing: No such file' mmfsctl tree "$image" nothing
expect_fail 1 'a.img: /: Is a directory' mmfsctl cat "$image" /
expect_fail 1 'a.img: nothing: No such file' mmfsctl get "$image" nothing "$tmp"
expect_fail 1 'cannot put .*/nothing: No such file' mmfsctl put "$image" "$tmp/nothing" /
expect_fail 1 'cannot put .*: File name too long' mmfsctl put "$image" "$tmp/file" "/$long"
expect_fail 1 'File name too long' mmfsctl mkdir "$image" "$long"
expect_fail 1 'File name too long' mmfsctl ls "$image" "$long"
expect_fail 1 'cannot put anything at no/such: No such file' mmfsctl put "$image" "$tmp/file" no/such
expect_fail 1 'Not a directory' mmfsctl put "$image" "$tmp/file" "$tmp/file" target
mmfsctl put "$image" "$tmp/file" kept
expect_fail 1 'Not a directory' mmfsctl ls "$image" kept/below
expect_fail 1 'Not a directory' mmfsctl ls "$image" kept/
expect_fail 1 'not a directory' mmfsctl get "$image" kept kept "$tmp/file"
expect_fail 1 'No such file' mmfsctl get "$image" kept "$tmp/no/such"
mkdir -p "$tmp/clash/kept" "$tmp/clash2"
: >"$tmp/clash/kept/in"
expect_fail 1 'cannot put .*clash/kept: Not a directory' mmfsctl put "$image" "$tmp/clash/kept" /
expect_fail 1 'cannot get kept: Is a directory' mmfsctl get "$image" kept "$tmp/clash"
mmfsctl mkdir "$image" file
expect_fail 1 'cannot put .*file: Is a directory' mmfsctl put "$image" "$tmp/file" /
expect_fail 1 'cannot get file: Not a directory' mmfsctl get "$image" file "$tmp"
ln -s "$tmp/clash2" "$tmp/clash/file"
expect_fail 1 'cannot get file: ' mmfsctl get "$image" file "$tmp/clash"
expect content mmfsctl cat "$image" kept
expect content cat "$tmp/file"
ln -s loop2 "$tmp/clash2/loop1"
ln -s loop1 "$tmp/clash2/loop2"
mmfsctl put "$image" "$tmp/clash2/loop1" "$tmp/clash2/loop2" /
expect_fail 1 'Too many levels' mmfsctl cat "$image" loop1
expect loop2 eval 'mmfsctl ls --json "$image" loop1 | sed -n "s/.*target\": \"\(.*\)\".*/\1/p"'

note "a full image"
head -c 75000000 /dev/zero >"$tmp/large"
mkdir "$tmp/many"
ln "$tmp/large" "$tmp/many/large"
cp "$tmp/file" "$tmp/many/"
expect_fail 1 'cannot put .*large: no room left' mmfsctl put "$image" "$tmp/large" /
expect_fail 1 'No such file' mmfsctl ls "$image" large
expect_fail 1 'cannot put .*large: no room left' mmfsctl put "$image" "$tmp/large" kept
expect content mmfsctl cat "$image" kept
fsck_clean "$image"
mmfsctl put "$image" "$tmp/file" room
expect content mmfsctl cat "$image" room
[ -z "$(mmfsctl ls -aR "$image" | grep mmfsctl-)" ] || fail "something is left in the image"
expect_fail 1 'cannot put .*large: no room left' mkfs.mmfs -J 1M --size=72M --from "$tmp/many" "$tmp/new.img"
[ ! -e "$tmp/new.img" ] || fail "an image is left that does not hold everything"
expect_fail 1 'no/such: No such file' mkfs.mmfs --force --from "$tmp/no/such" "$image"
expect_fail 1 'file: Unrecognized archive format' mkfs.mmfs --force --from "$tmp/file" "$image"
expect content mmfsctl cat "$image" kept
: >"$tmp/new.img"
expect_fail 1 'no room left' mkfs.mmfs -J 1M --size=72M --from "$tmp/many" "$tmp/new.img"
[ -e "$tmp/new.img" ] && [ ! -s "$tmp/new.img" ] || fail "an empty file did not stay one"
rm "$tmp/large" "$tmp/many/large" "$tmp/new.img"

note "stopped by Ctrl-C"
# interrupted CALL NUMBER COMMAND...: gets SIGINT at this call of that kind. (A leak check needs ptrace for itself.)
interrupted() {
	ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0" strace -qq -f -o /dev/null -e trace="$1" \
		-e inject="$1:signal=INT:when=$2" "${@:3}"
}
for i in $(seq 40); do echo "$i" >"$tmp/many/$i"; done
expect_fail 1 'stopped by a signal' interrupted llistxattr 20 mkfs.mmfs -J 1M --from "$tmp/many" "$tmp/new.img"
[ ! -e "$tmp/new.img" ] || fail "an image is left that does not hold everything"
expect_fail 1 'stopped by a signal' interrupted pread64 30 mkfs.mmfs -J 1M --from "$tmp/many" "$tmp/new.img"
[ ! -e "$tmp/new.img" ] || fail "an image is left that does not hold everything"
expect_fail 1 'stopped by a signal' interrupted llistxattr 20 mmfsctl put "$image" "$tmp/many" /
fsck_clean "$image"
[ "$(mmfsctl ls "$image" many | wc -l)" -ge 18 ] || fail "what was complete is not there"
mmfsctl get "$image" many "$tmp/part"
for file in "$tmp/part"/*; do
	cmp "$file" "$tmp/many/${file##*/}" || fail "half of $file is left"
done
expect_fail 1 'stopped by a signal' interrupted pwrite64 5 mmfsctl get "$image" many "$tmp/stopped"
[ "$(find "$tmp/stopped" -type f | wc -l)" -ge 4 ] || fail "what was complete is not there"
[ "$(find "$tmp/stopped" -type f | wc -l)" -lt "$(find "$tmp/part" -type f | wc -l)" ] || fail "it was not stopped"
for file in "$tmp/stopped"/*; do
	cmp "$file" "$tmp/many/${file##*/}" || fail "half of $file is left"
done
# Killed for good: an image with a part of it, or with the one file that was being made besides.
code=0
ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0" strace -qq -f -o /dev/null -e trace=llistxattr \
	-e inject=llistxattr:signal=KILL:when=5 mmfsctl put "$image" "$tmp/many/." many 2>"$tmp/said" || code=$?
[ $code -ge 128 ] || fail "status $code of a killed command"
fsck_clean "$image"
mmfsctl put "$image" "$tmp/many/." many
mmfsctl get "$image" many "$tmp/whole"
diff -r "$tmp/many" "$tmp/whole" || fail "the second time did not mend it"
[ -z "$(mmfsctl ls -aR "$image" | grep mmfsctl-)" ] || fail "something is left in the image"
fsck_clean "$image"

note "a damaged image, whose directories lead back or to the same place"
here=$MMFS_SOURCE/tests/image helper poke
mkdir -p "$tmp/loops/first/below" "$tmp/loops/second-name" "$tmp/loops/first/back-to-it"
echo whole >"$tmp/loops/first/below/file"
mkfs.mmfs -q -J 1M --from "$tmp/loops" "$tmp/loops.img"
number() {
	mmfsctl ls -R --json "$tmp/loops.img" | sed -n "s|.*\"path\": \"$1\".*\"inode\": \([0-9]*\).*|\1|p"
}
# points_to NAME INODE: the entry (its last place in the file: the journal comes first) of that name names another inode from now on.
points_to() {
	local at
	at=$(($(grep -abo "$1" "$tmp/loops.img" | tail -n 1 | cut -d : -f 1) - 16))
	poke "$tmp/loops.img" block $((at / 4096)) $((at % 4096)) "$(printf '%02x' "$2")"
}
first=$(number /first)
points_to second-name "$first"
points_to back-to-it 1
expect_fail 1 "damaged .directory 1 has several names.; check the image with fsck.mmfs" mmfsctl tree "$tmp/loops.img"
grep -q '^3 directories, 1 files$' "$tmp/said" || fail "$(cat "$tmp/said")"
expect_fail 1 "second-name: damaged .directory $first has several names" mmfsctl ls -R "$tmp/loops.img"
expect_fail 1 "second-name: damaged .directory $first has several names" mmfsctl get "$tmp/loops.img" / "$tmp/rescued"
expect whole cat "$tmp/rescued/first/below/file"

note "as a user"
nobody_setup
make_tree "$tmp/source"
mkfs.mmfs -q -J 1M --from "$tmp/source" "$tmp/nobody/owned.img"
chown nobody "$tmp/nobody/owned.img"
# As far as a user may: no devices, no trusted.*; what others own is theirs without set-id bits.
expect_fail 1 'cannot get /(block|character): Operation not permitted' as_nobody mmfsctl get owned.img / out
! grep -v 'cannot get /\(block\|character\)\|security.capability' "$tmp/said" || fail "more could not be done"
expect small as_nobody cat out/plain/deep/er/again
expect "755 nobody" stat -c '%a %U' "$tmp/nobody/out/plain/large"
expect "500 nobody" stat -c '%a %U' "$tmp/nobody/out/closed"
as_nobody mkfs.mmfs -q -J 1M --from out/plain mine.img
as_nobody mmfsctl put mine.img out/names/a out/closed /
as_nobody mmfsctl get mine.img / mine
expect "$(stat -c '%a %U %y' "$tmp/nobody/out/closed")" stat -c '%a %U %y' "$tmp/nobody/mine/closed"
expect_fail 1 'cannot put out/names/b: Permission denied' as_nobody mmfsctl put mine.img out/names /
expect a as_nobody mmfsctl cat mine.img names/a
expect_fail 1 'cannot put .*names/b: Permission denied' as_nobody mkfs.mmfs -q -J 1M --from out/names none.img
[ ! -e "$tmp/nobody/none.img" ] || fail "an image is left that does not hold everything"
chmod 400 "$tmp/nobody/mine.img"
expect small as_nobody mmfsctl cat mine.img small
expect_fail 1 'may not be written' as_nobody mmfsctl rm mine.img small
fsck_clean "$tmp/nobody/mine.img"
