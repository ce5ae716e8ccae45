#!/bin/bash
# -o scratch: a writable mount whose changes never reach the image, many at once over one image, in limited memory.
. "$(dirname "$0")/../lib.sh"
nobody_setup
command -v jq >/dev/null || skip "needs jq"
image=$tmp/a.img mnt=$tmp/mnt
mkfs.mmfs --journal 1M "$image" >/dev/null
mount_image "$image" "$mnt"
mkdir "$mnt/dir" "$mnt/dir/sub"
for i in 1 2 3; do echo "text $i" >"$mnt/dir/$i"; done
dd if=/dev/urandom of="$mnt/large" bs=1M count=6 status=none
chmod 1777 "$mnt"
# A dirty image: its recovery has to stay in memory, too.
kill_daemon "$image"
umount -l "$mnt"

image_state() {
	sha256sum <"$image"
	stat -c '%s %b %y %z' "$image"
}
image_state >"$tmp/state"
unchanged() {
	image_state | cmp - "$tmp/state" || fail "the image was changed"
}

note "all kinds of changes, and none reaches the image"
mount_image "$image" "$mnt" -o scratch
expect "text 2" cat "$mnt/dir/2"
cp -r /usr/include/linux "$mnt/linux"
diff -r /usr/include/linux "$mnt/linux"
rm -r "$mnt/dir/sub"
echo more >>"$mnt/dir/1"
mv "$mnt/dir/3" "$mnt/linux/moved"
setfattr -n user.x -v y "$mnt/dir/2"
dd if=/dev/urandom of="$mnt/large" bs=64K seek=3 count=20 conv=notrunc,fsync status=none
cksum "$mnt/large" >"$tmp/sum"
truncate -s 100 "$mnt/dir/2"
unchanged

note "fsync and sync succeed; freed space is used again; the journal goes round"
sync "$mnt/dir/1" "$mnt"
sync -f "$mnt"
for i in $(seq "$(size 1 20)"); do
	rm -r "$mnt/linux"
	sync "$mnt"
	cp -r /usr/include/linux "$mnt/linux"
done
fstrim "$mnt" || true
diff -r /usr/include/linux "$mnt/linux"
cksum "$mnt/large" | cmp - "$tmp/sum"
expect "text 1 more" sh -c 'echo $(cat "$1")' sh "$mnt/dir/1"
[ "$(mmfsctl stats --json "$mnt" | jq '[.. | objects | .checkpoints? // empty] | max')" -gt 1 ] ||
	fail "no checkpoint: $(mmfsctl stats "$mnt")"
unchanged

note "mmfsctl status; no upgrade, since the state is the daemon's"
value() {
	mmfsctl status --json "$mnt" | jq -r ".$1"
}
expect true value scratch
expect false value read_only
expect 0 value supervisor_pid
[ "$(value scratch_bytes)" -gt 1000000 ] || fail "$(mmfsctl status "$mnt")"
memory=$(($(awk '/^MemTotal/ {print $2}' /proc/meminfo) * 512))
[ "$(value scratch_limit_bytes)" -ge $((memory - 65536)) ] && [ "$(value scratch_limit_bytes)" -le "$memory" ] ||
	fail "half of the memory is $memory: $(mmfsctl status "$mnt")"
mmfsctl status "$mnt" | grep -q '^  mounted  *read and write, from scratch' || fail "$(mmfsctl status "$mnt")"
expect_fail 1 'it has no supervisor' mmfsctl upgrade "$mnt"

note "many at once, with a read-only one, each with its own changes; nobody writes meanwhile"
for i in 1 2 3; do
	mount_image "$image" "$tmp/scratch$i" -o scratch
	echo "of $i" >"$tmp/scratch$i/dir/2"
	mkdir "$tmp/scratch$i/made$i"
done
mount_image "$image" "$tmp/reader" -o ro
for i in 1 2 3; do
	expect "of $i" cat "$tmp/scratch$i/dir/2"
	expect "dir large made$i" sh -c 'echo $(ls "$1")' sh "$tmp/scratch$i"
done
expect "text 2" cat "$tmp/reader/dir/2"
expect 100 stat -c %s "$mnt/dir/2"
mkdir "$tmp/writer"
mmfs "$image" "$tmp/writer" >"$tmp/said.writer" 2>&1 &
writer=$!
until [ -s "$tmp/said.writer" ]; do sleep 0.05; done
grep -q 'waiting for the image: in use' "$tmp/said.writer" || fail "$(cat "$tmp/said.writer")"
kill $writer
wait $writer || true
unmount "$tmp/reader"
for i in 2 3; do unmount "$tmp/scratch$i"; done
unchanged

note "kill -9: the mount is dead, the image as it was"
kill_daemon "$tmp/scratch1"
expect_fail 1 'not connected' stat "$tmp/scratch1/dir"
umount -l "$tmp/scratch1"
unmount "$mnt"
unchanged
mount_image "$image" "$mnt" -o scratch
expect "text 2" cat "$mnt/dir/2"
expect "dir large" sh -c 'echo $(ls "$1")' sh "$mnt"
unmount "$mnt"

note "the limit: of new files and of overwritten ones; deleting gives it back"
mount_image "$image" "$mnt" -o scratch=8M
[ "$(df --output=avail -k "$mnt" | tail -n 1)" -le 8192 ] || fail "$(df -k "$mnt")"
expect_fail 1 'No space left' dd if=/dev/urandom of="$mnt/new" bs=64K count=1000
got=$(stat -c %s "$mnt/new")
[ "$got" -gt $((5 << 20)) ] && [ "$got" -le $((8 << 20)) ] || fail "$got bytes fitted in 8 MiB"
expect_fail 1 'No space left' dd if=/dev/urandom of="$mnt/large" bs=1M count=6 conv=notrunc
rm "$mnt/new"
# Once its freeing is sealed.
sync "$mnt"
for _ in $(seq 100); do
	[ "$(value scratch_bytes)" -gt $((2 << 20)) ] || break
	sleep 0.05
done
dd if=/dev/urandom of="$mnt/large" bs=1M count=6 conv=notrunc status=none
cksum "$mnt/large" >"$tmp/sum"
expect_fail 1 'No space left' dd if=/dev/zero of="$mnt/new" bs=1M count=6
cksum "$mnt/large" | cmp - "$tmp/sum"
expect "text 1" cat "$mnt/dir/1"
unmount "$mnt"
unchanged

note "size is for this mount only; the image grows in memory"
mount_image "$image" "$mnt" -o scratch=100M,size=100M
dd if=/dev/urandom of="$mnt/grown" bs=1M count=30 status=none
cp "$mnt/grown" "$mnt/copy"
cmp "$mnt/grown" "$mnt/copy"
unmount "$mnt"
mount_image "$image" "$mnt" -o scratch=100M,size=70M
expect_fail 1 'No space left' dd if=/dev/zero of="$mnt/grown" bs=1M count=80
unmount "$mnt"
unchanged

note "an image of somebody else's, which may only be read"
chmod 644 "$image"
as_nobody mkdir mnt
as_nobody mmfs -o scratch "$image" "$tmp/nobody/mnt"
image_state >"$tmp/state" # its mode is new
as_nobody sh -c 'echo mine >mnt/mine && cat mnt/mine && cat mnt/dir/1 && sync mnt/mine' >"$tmp/said"
printf 'mine\ntext 1\n' | cmp - "$tmp/said"
as_nobody fusermount3 -u mnt
unchanged

note "what does not go together, and what is not there"
expect_fail 1 'scratch and ro exclude each other' mmfs -o ro,scratch "$image" "$mnt"
expect_fail 1 'scratch and supervise=yes exclude' mmfs -o scratch,supervise=yes "$image" "$mnt"
expect_fail 1 "cannot be '4K'; give scratch=LIMIT" mmfs -o scratch=4K "$image" "$mnt"
expect_fail 1 "'scratch' needs a value" mmfs -o scratch= "$image" "$mnt"
expect_fail 1 'no such file' mmfs -o scratch "$tmp/none.img" "$mnt"
[ ! -e "$tmp/none.img" ] || fail "a scratch mount made an image"
: >"$tmp/empty.img"
expect_fail 1 'empty file' mmfs -o scratch "$tmp/empty.img" "$mnt"
[ ! -s "$tmp/empty.img" ] || fail "a scratch mount made an image"
mount_image "$image" "$mnt" -o scratch,supervise=no,rw
unmount "$mnt"
unchanged

note "after all this: the image as it was when its daemon was killed"
mount_image "$image" "$mnt"
expect "text 2" cat "$mnt/dir/2"
unmount "$mnt"
fsck_clean "$image"
