#!/bin/bash
# Bad input: what is said, the status, and that nothing is touched which is not ours.
. "$(dirname "$0")/../lib.sh"
nobody_setup
helper feature
mnt=$tmp/mnt
mkdir "$mnt"

# refused IMAGE REGEX [MMFS-OPTIONS...]: mmfs says so in one line that names it, and leaves it alone.
refused() {
	local image=$1 regex=$2 sum lines
	shift 2
	sum=$(cat "$image" 2>/dev/null | cksum)
	expect_fail 1 "^mmfs: .*$regex" mmfs "$@" "$image" "$mnt"
	lines=$(grep -vc 'note:' "$tmp/said")
	[ "$lines" = 1 ] || fail "$lines lines: $(cat "$tmp/said")"
	[ "$sum" = "$(cat "$image" 2>/dev/null | cksum)" ] || fail "$image was touched"
	! mountpoint -q "$mnt" || fail "$mnt is mounted"
	[ -z "$(daemon_pid "$image")" ] || fail "a daemon stayed"
}

mmfs "$tmp/good.img" "$mnt"
echo text >"$mnt/file"
seq 1000 >"$mnt/numbers"
unmount "$mnt"

note "not an image"
head -c 1000000 /dev/urandom >"$tmp/random"
refused "$tmp/random" 'not an mmfs image'
echo short >"$tmp/text"
refused "$tmp/text" 'not an mmfs image'
head -c 10000000 /dev/zero >"$tmp/zeros"
refused "$tmp/zeros" 'not an mmfs image'
expect_fail 8 'not an mmfs image' fsck.mmfs -n "$tmp/random"
expect_fail 1 'not an mmfs image' mmfsctl info "$tmp/random"
refused /dev/null 'regular file|block device'
mkdir "$tmp/directory"
expect_fail 1 'directory' mmfs "$tmp/directory" "$mnt"

note "a short image"
for length in 4096 8192 65536 1000000 17000000; do
	head -c $length "$tmp/good.img" >"$tmp/short.img"
	refused "$tmp/short.img" '(short|truncated|cut|beyond|end|damage|larger)'
	refused "$tmp/short.img" '(short|truncated|cut|beyond|end|damage|larger)' -o ro
done

note "one superblock slot damaged: the other serves, and it is said"
for slot in 0 1; do
	cp --sparse=always "$tmp/good.img" "$tmp/slot.img"
	dd if=/dev/urandom of="$tmp/slot.img" bs=4096 seek=$slot count=1 conv=notrunc status=none
	mmfs "$tmp/slot.img" "$mnt" 2>"$tmp/said"
	grep -q 'superblock' "$tmp/said" || fail "not a word: $(cat "$tmp/said")"
	expect text cat "$mnt/file"
	echo more >"$mnt/more"
	unmount "$mnt"
	mmfs "$tmp/slot.img" "$mnt" 2>"$tmp/said"
	expect more cat "$mnt/more"
	unmount "$mnt"
	mmfs "$tmp/slot.img" "$mnt"
	unmount "$mnt"
	fsck_clean "$tmp/slot.img"
done

note "both damaged"
cp --sparse=always "$tmp/good.img" "$tmp/both.img"
for slot in 0 1; do
	dd if=/dev/urandom of="$tmp/both.img" bs=1 seek=$((slot * 4096 + 200)) count=100 conv=notrunc status=none
done
refused "$tmp/both.img" 'superblock'
refused "$tmp/both.img" 'superblock' -o ro

note "in use: says by whom"
mmfs "$tmp/good.img" "$mnt"
pid=$(daemon_pid "$tmp/good.img")
expect_fail 8 "in use by process $pid" fsck.mmfs -n "$tmp/good.img"
expect_fail 1 "in use by process $pid" mkfs.mmfs --force "$tmp/good.img"
mkdir "$tmp/second"
started=$SECONDS
expect_fail 1 "in use by process $pid" mmfs "$tmp/good.img" "$tmp/second"
[ $((SECONDS - started)) -ge 25 ] || fail "it did not wait"
grep -q 'waiting' "$tmp/said" || fail "it waited without a word: $(cat "$tmp/said")"
expect text cat "$mnt/file"
unmount "$mnt"
fsck_clean "$tmp/good.img"

note "a read-only file"
as_nobody mkdir "$tmp/nobody/mnt"
chmod 444 "$tmp/good.img"
expect_fail 1 'written|ermission|denied' as_nobody mmfs "$tmp/good.img" "$tmp/nobody/mnt"
as_nobody mmfs -o ro "$tmp/good.img" "$tmp/nobody/mnt"
expect text as_nobody cat "$tmp/nobody/mnt/file"
unmount "$tmp/nobody/mnt"
chmod 600 "$tmp/good.img"

note "mountpoints that are none"
expect_fail 1 'nowhere' mmfs "$tmp/good.img" "$tmp/nowhere"
expect_fail 1 'text' mmfs "$tmp/good.img" "$tmp/text"
expect_fail 1 '.' mmfs "$tmp/new.img" "$tmp/nowhere"
[ ! -e "$tmp/new.img" ] || fail "an image was made for a mount that failed"
expect_fail 1 'does not exist|No such' mmfs "$tmp/no/such.img" "$mnt"
expect_fail 1 '.' mmfs
expect_fail 1 '.' mmfs "$tmp/good.img"
expect_fail 1 '.' mmfs "$tmp/good.img" "$mnt" more

note "a newer format: the feature is named"
cp --sparse=always "$tmp/good.img" "$tmp/newer.img"
feature "$tmp/newer.img" incompat 5
refused "$tmp/newer.img" '(feature|newer).*5'
refused "$tmp/newer.img" '(feature|newer).*5' -o ro
cp --sparse=always "$tmp/good.img" "$tmp/newer-ro.img"
feature "$tmp/newer-ro.img" ro_compat 7
refused "$tmp/newer-ro.img" '(feature|newer).*7'
mmfs -o ro "$tmp/newer-ro.img" "$mnt"
expect text cat "$mnt/file"
unmount "$mnt"

note "metadata damaged in places: an errno, never a crash or a hang"
mmfs "$tmp/good.img" "$mnt"
mkdir "$mnt/d"
(cd "$mnt/d" && seq 2000 | xargs touch)
unmount "$mnt"
length=$(stat -c %s "$tmp/good.img")
RANDOM=${MMFS_SEED:-42}
for round in $(seq 12); do
	cp --sparse=always "$tmp/good.img" "$tmp/damaged.img"
	for _ in 1 2 3 4 5 6; do
		# Behind the ring: the zone's map, the roots, nodes.
		at=$(((length - 4112 * 4096 < 0 ? 65536 : 4112 * 4096) + RANDOM * 37 % 600000))
		printf "\\x$(printf %02x $((RANDOM % 256)))" |
			dd of="$tmp/damaged.img" bs=1 seek=$at conv=notrunc status=none
	done
	code=0
	timeout 60 mmfs "$tmp/damaged.img" "$mnt" >"$tmp/said" 2>&1 || code=$?
	[ $code -le 1 ] || fail "round $round: mmfs ended with status $code: $(cat "$tmp/said")"
	if [ $code = 0 ]; then
		timeout 60 find "$mnt" -type f -exec cat {} + >/dev/null 2>"$tmp/said" || true
		timeout 60 rm -rf "$mnt/d" 2>"$tmp/said" || true
		[ -n "$(daemon_pid "$tmp/damaged.img")" ] || fail "round $round: the daemon died"
		unmount "$mnt"
	fi
	code=0
	timeout 60 fsck.mmfs -n "$tmp/damaged.img" >"$tmp/said" 2>&1 || code=$?
	[ $code -le 12 ] || fail "round $round: fsck.mmfs ended with status $code: $(tail -n 20 "$tmp/said")"
done
