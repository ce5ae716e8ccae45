#!/bin/bash
# Attributes: modes, owners, times from 1901 to past 2446 in nanoseconds, extended attributes, access checks.
. "$(dirname "$0")/../lib.sh"
need_fuse
nobody_setup
image=$tmp/a.img mnt=$tmp/mnt
mount_image "$image" "$mnt" -o allow_other
chmod 755 "$mnt"
cd "$mnt"

note "modes and owners"
touch f
for mode in 0 644 4755 2755 1777 7777; do
	chmod $mode f
	expect $mode stat -c %a f
done
chown 12345:54321 f
expect 12345:54321 stat -c %u:%g f
chown 4294967294:4294967294 f
expect 4294967294:4294967294 stat -c %u:%g f
chown 0:0 f
(umask 027 && touch masked && mkdir masked-dir)
expect 640 stat -c %a masked
expect 750 stat -c %a masked-dir
mkdir -m 2775 shared
chgrp 12 shared
chmod 2775 shared
touch shared/file
mkdir shared/dir
expect 12 stat -c %g shared/file
expect "12 2755" stat -c "%g %a" shared/dir

note "times"
for time in 1901-12-14T01:02:03.123456789 1969-12-31T23:59:59.999999999 1970-01-01T00:00:00.000000000 \
	2038-01-20T03:14:08.000000001 2262-04-12T00:00:00.500000000 2500-06-07T08:09:10.987654321; do
	TZ=UTC touch -d "$time" f
	expect "$(tr T ' ' <<<"$time") +0000" env TZ=UTC stat -c %y f
	TZ=UTC touch -a -d "$time" f
	expect "$(tr T ' ' <<<"$time") +0000" env TZ=UTC stat -c %x f
done
before=$(stat -c %.9Z f)
sleep 0.02
chmod 600 f
[[ $(stat -c %.9Z f) > $before ]] || fail "chmod did not move ctime"
before=$(stat -c %.9Y .)
sleep 0.02
touch new
[[ $(stat -c %.9Y .) > $before ]] || fail "a new name did not move the directory's mtime"
before=$(stat -c %.9Y f)
echo >>f
[[ $(stat -c %.9Y f) != "$before" ]] || fail "a write did not move mtime"

note "extended attributes"
attribute() {
	getfattr --only-values -n "$1" "$2" 2>/dev/null
}
setfattr -n user.a -v one f
setfattr -n user.empty f
setfattr -n trusted.t -v secret f
setfattr -n security.s -v label f
big=$(head -c 45000 /dev/urandom | base64 -w 0)
setfattr -n user.big -v "$big" f
expect one attribute user.a f
expect "$big" attribute user.big f
expect secret attribute trusted.t f
expect 5 sh -c 'getfattr -m - f 2>/dev/null | grep -c "^[us t]"'
setfattr -n user.a -v "another, longer value" f
expect "another, longer value" attribute user.a f
setfattr -x user.empty f
expect_fail 1 'No such attribute' getfattr -n user.empty f
expect_fail 1 'No such attribute' setfattr -x user.none f
expect_fail 1 'not supported' setfattr -n system.nonsense -v x f
for i in $(seq 200); do setfattr -n "user.many.$i" -v "value $i" f; done
expect 200 sh -c 'getfattr -m many f 2>/dev/null | grep -c many'
mkdir with
setfattr -n user.dir -v x with
ln -s f link
setfattr -h -n trusted.link -v x link
expect x attribute user.dir with
expect_fail 1 'not permitted|denied' runuser -u nobody -- setfattr -n user.n -v x f

note "access is checked"
echo secret >private
chmod 600 private
expect_fail 1 'Permission denied' as_nobody cat "$mnt/private"
expect_fail 1 'Permission denied' as_nobody touch "$mnt/by-nobody"
expect_fail 1 'not permitted' as_nobody chmod 777 "$mnt/private"
mkdir -m 1777 public
as_nobody touch "$mnt/public/mine"
expect nobody stat -c %U public/mine
touch public/roots
expect_fail 1 'not permitted' as_nobody rm -f "$mnt/public/roots"
as_nobody rm "$mnt/public/mine"
cp /bin/true setuid
chmod 6777 setuid
as_nobody sh -c 'printf x >>"$1"' sh "$mnt/setuid"
expect 777 stat -c %a setuid

note "the same after a remount"
cd /
listing() {
	find "$mnt" -printf '%P %m %U %G %T@ %C@\n' | sort
	getfattr -R -h -d -m - "$mnt" 2>/dev/null
}
listing >"$tmp/before"
remount "$image" "$mnt" -o allow_other
listing >"$tmp/after"
cmp "$tmp/before" "$tmp/after"
unmount "$mnt"
fsck_clean "$image"
