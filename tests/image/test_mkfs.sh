#!/bin/bash
# mkfs.mmfs: what it makes, what it refuses, and that a refused file stays as it was.
. "$(dirname "$0")/../lib.sh"

same() {
	cmp "$1" "$2" || fail "$1 was touched"
}

note "a new image"
mkfs.mmfs "$tmp/new.img" >"$tmp/facts"
[ "$(wc -l <"$tmp/facts")" = 1 ] || fail "not one line: $(cat "$tmp/facts")"
[ "$(stat -c %a "$tmp/new.img")" = 600 ] || fail "mode $(stat -c %a "$tmp/new.img")"
fsck_clean "$tmp/new.img"
grep -q 'clean, 1 inodes, 0 data blocks' "$tmp/fsck.said" || fail "$(cat "$tmp/fsck.said")"
mmfsctl info "$tmp/new.img" | grep -Eq 'state +clean' || fail "not clean"
journal=$(mmfsctl info "$tmp/new.img" | awk '$1 == "journal" { print $2 * 1024 }')
[ "$(host_bytes "$tmp/new.img")" -lt $((journal + 1048576)) ] || fail "it takes $(host_bytes "$tmp/new.img") bytes"
mmfsctl dump "$tmp/new.img" inode 1 | grep -q "mode 040755, uid $(id -u), gid $(id -g), links 2" ||
	fail "$(mmfsctl dump "$tmp/new.img" inode 1)"

note "options"
mkfs.mmfs --size=1G --label="a name" --uuid=01234567-89ab-cdef-0123-456789ABCDEF --journal=2M "$tmp/options.img" >"$tmp/facts"
grep -q '01234567-89ab-cdef-0123-456789abcdef, journal 2048 KiB, grows up to 1048576 KiB' "$tmp/facts" ||
	fail "$(cat "$tmp/facts")"
mmfsctl info "$tmp/options.img" >"$tmp/info"
grep -q '"a name"' "$tmp/info" || fail "$(cat "$tmp/info")"
fsck_clean "$tmp/options.img"
expect "" mkfs.mmfs --quiet --journal=1M "$tmp/quiet.img"
: >"$tmp/empty.img"
mkfs.mmfs -q -J 1M "$tmp/empty.img"
fsck_clean "$tmp/empty.img"
truncate -s 100M "$tmp/hole.img"
mkfs.mmfs -q -J 1M "$tmp/hole.img"
fsck_clean "$tmp/hole.img"

note "a file that holds something is refused, and made with --force"
cp "$tmp/quiet.img" "$tmp/copy.img"
expect_fail 1 'already holds an mmfs image' mkfs.mmfs "$tmp/copy.img"
same "$tmp/copy.img" "$tmp/quiet.img"
truncate -s 5M "$tmp/late.img"
printf x | dd of="$tmp/late.img" bs=1 seek=4000000 conv=notrunc status=none
cp "$tmp/late.img" "$tmp/late.copy"
expect_fail 1 'already holds something' mkfs.mmfs "$tmp/late.img"
same "$tmp/late.img" "$tmp/late.copy"
mkfs.mmfs -q --force -J 1M "$tmp/late.img"
fsck_clean "$tmp/late.img"
old=$(mmfsctl info "$tmp/copy.img" | grep uuid)
mkfs.mmfs -q -F -J 1M "$tmp/copy.img"
fsck_clean "$tmp/copy.img"
[ "$old" != "$(mmfsctl info "$tmp/copy.img" | grep uuid)" ] || fail "the old image is still there"

note "in use"
exec 8<"$tmp/copy.img"
flock -x 8
expect_fail 1 'in use by another process' mkfs.mmfs --force "$tmp/copy.img"
expect_fail 8 'in use by another process' fsck.mmfs -n "$tmp/copy.img"
exec 8<&-

note "what cannot be"
expect_fail 1 'directory does not exist' mkfs.mmfs "$tmp/no/such.img"
expect_fail 1 'directory' mkfs.mmfs "$tmp"
expect_fail 1 'regular file' mkfs.mmfs /dev/null
expect_fail 1 'sizes' mkfs.mmfs --journal=4K "$tmp/small.img"
[ ! -e "$tmp/small.img" ] || fail "a failed image was left behind"
expect_fail 1 'sizes' mkfs.mmfs --size=1M "$tmp/small.img"
[ ! -e "$tmp/small.img" ] || fail "a failed image was left behind"
: >"$tmp/was-empty"
expect_fail 1 'sizes' mkfs.mmfs --journal=4K "$tmp/was-empty"
[ -e "$tmp/was-empty" ] && [ ! -s "$tmp/was-empty" ] || fail "an empty file did not stay one"

note "usage"
expect_fail 2 'one image' mkfs.mmfs
expect_fail 2 'one image' mkfs.mmfs "$tmp/a" "$tmp/b"
expect_fail 2 'not a size' mkfs.mmfs --size=12Q "$tmp/a"
expect_fail 2 'not a size' mkfs.mmfs --size=-1 "$tmp/a"
expect_fail 2 'not a size' mkfs.mmfs --size=99999999999P "$tmp/a"
expect_fail 2 'not a UUID' mkfs.mmfs --uuid=12-34 "$tmp/a"
expect_fail 2 'longer than' mkfs.mmfs --label="$(printf '%064d' 0)" "$tmp/a"
expect_fail 2 'help' mkfs.mmfs --nonsense "$tmp/a"
[ ! -e "$tmp/a" ] || fail "wrong usage made a file"
