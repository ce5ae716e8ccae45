#!/bin/bash
# -o uid=, gid=: every file appears to belong to them, permissions go by that, and what is stored stays.
. "$(dirname "$0")/../lib.sh"
nobody_setup
command -v setfacl >/dev/null || skip "needs setfacl"
image=$tmp/nobody/a.img mnt=$tmp/nobody/mnt
uid=$(id -u nobody) gid=$(id -g nobody)
mkdir "$mnt"
chown nobody "$mnt"

owners() {
	(cd "$1" && find . -printf '%U:%G %M %p\n' | sort -k 3)
}

note "a disk of users who are unknown elsewhere"
mount_image "$image" "$mnt" -o root_owner=1234:5678
mkdir "$mnt/home" "$mnt/home/sub" "$mnt/sticky" "$mnt/of-root"
echo text >"$mnt/home/file"
echo sub >"$mnt/home/sub/file"
ln -s file "$mnt/home/link"
chown -hR 1234:5678 "$mnt/home"
chown 1234:999 "$mnt/home/sub"
chmod 700 "$mnt/home"
chmod 600 "$mnt/home/file"
chmod 1755 "$mnt/sticky"
echo other >"$mnt/sticky/file"
chown 77:78 "$mnt/sticky/file"
cp /bin/true "$mnt/of-root/program"
chmod 6755 "$mnt/of-root/program"
owners "$mnt" >"$tmp/stored"
unmount "$mnt"
chown nobody "$image"

note "as it is, its carrier cannot use it"
as_nobody mmfs "$image" "$mnt"
expect_fail 1 'Permission denied' as_nobody cat "$mnt/home/file"
expect_fail 1 'Permission denied' as_nobody touch "$mnt/new"
unmount "$mnt"

note "with uid= and gid= everything is the carrier's: stat, readdir, after making, after a kill"
as_nobody mmfs -o "uid=$uid,gid=$gid" "$image" "$mnt"
# All at once: entries with attributes come with the listing.
expect "$uid:$gid" as_nobody sh -c "find '$mnt' -printf '%U:%G\n' | sort -u"
as_nobody sh -c "
	cd '$mnt' && echo more >>home/file && echo new >home/sub/new && mkdir home/sub/made made &&
	ln home/file hard && ln -s x sym && mkfifo fifo && rm sticky/file && touch of-root/touched &&
	chmod 644 home/file && touch -d @1 home/sub/file && setfattr -n user.x -v y of-root/program"
expect "$uid:$gid" as_nobody stat -c %u:%g "$mnt/home/sub/new"
expect "$uid:$gid" as_nobody stat -c %u:%g "$mnt/hard"
# mmfs-supervise starts another: its attributes are the same.
kill -KILL "$(daemon_pid "$image")"
as_nobody touch "$mnt/after"
expect "$uid:$gid" as_nobody stat -c %u:%g "$mnt/after"
expect "$uid:$gid" as_nobody stat -c %u:%g "$mnt/home/sub"

note "chown: what the kernel lets its caller do succeeds, and is not stored; others it refuses"
as_nobody chown "$uid:$gid" "$mnt/home/file"
as_nobody chgrp "$gid" "$mnt/home/sub"
expect_fail 1 'not permitted' as_nobody chown 1234 "$mnt/home/file"
as_nobody sh -c "cd '$mnt' && tar -cf ../t.tar home && tar -C made -xpf ../t.tar && cp -a home made/copied"

note "set-id bits cannot be set for somebody else"
as_nobody cp /bin/true "$mnt/of-root/mine"
as_nobody chmod 6755 "$mnt/of-root/mine"
expect 755 as_nobody stat -c %a "$mnt/of-root/mine"
expect 6755 as_nobody stat -c %a "$mnt/of-root/program"
unmount "$mnt"
fsck_clean "$image"

note "at home: stored owners are as they were, new files belong to the owner of their directory"
mount_image "$image" "$mnt"
owners "$mnt" >"$tmp/now"
sed -n 's|^\([0-9:]*\) .* \(\./.*\)$|\1 \2|p' "$tmp/stored" | grep -v sticky/file >"$tmp/stored.owners"
while read -r owner path; do
	expect "$owner" stat -c %u:%g "$mnt/$path"
done <"$tmp/stored.owners"
[ "$(wc -l <"$tmp/stored.owners")" -ge 8 ] || fail "$(cat "$tmp/stored")"
expect 1234:999 stat -c %u:%g "$mnt/home/sub/new"
expect 1234:999 stat -c %u:%g "$mnt/home/sub/made"
expect 1234:5678 stat -c %u:%g "$mnt/made/home/file"
expect 1234:5678 stat -c %u:%g "$mnt/fifo"
expect 1234:5678 stat -c %u:%g "$mnt/sym"
expect 0:0 stat -c %u:%g "$mnt/of-root/touched"
expect "0:0 6755" stat -c '%u:%g %a' "$mnt/of-root/program"
expect "0:0 755" stat -c '%u:%g %a' "$mnt/of-root/mine"
unmount "$mnt"

note "by root for somebody else: one of the two, ACLs, sticky directories, and set-id bits that do not count"
chown root "$image"
mount_image "$image" "$mnt" -o "uid=$uid,allow_other,acl"
expect "$uid:999" stat -c %u:%g "$mnt/home/sub"
grep -F " $mnt " /proc/self/mounts | grep nosuid >/dev/null || fail "suid: $(grep -F " $mnt " /proc/self/mounts)"
chown 55:66 "$mnt/home/sub/file"
expect "$uid:66" stat -c %u:%g "$mnt/home/sub/file"
touch "$mnt/of-root/by-root"
expect "$uid:0" stat -c %u:%g "$mnt/of-root/by-root"
as_nobody sh -c "cd '$mnt' && setfacl -m u:55:r home/file && setfacl -d -m u:55:rx home && mkdir home/acl && chattr +A home/acl"
expect "user:55:r-x" sh -c 'getfacl -p "$1" | grep ^user:55' sh "$mnt/home/acl"
expect_fail 1 'Permission denied' setpriv --reuid 4321 --clear-groups touch "$mnt/sticky/x"
as_nobody setfacl -m u:55:rw "$mnt/of-root/touched"
setpriv --reuid 55 --regid 55 --clear-groups sh -c 'echo x >>"$1"' sh "$mnt/of-root/touched"
expect_fail 2 'Permission denied' setpriv --reuid 4321 --regid 55 --clear-groups sh -c 'echo x >>"$1"' sh "$mnt/of-root/touched"
chmod 1777 "$mnt/sticky"
as_nobody touch "$mnt/sticky/of-nobody"
expect_fail 1 'not permitted' setpriv --reuid 4321 --clear-groups rm -f "$mnt/sticky/of-nobody"
as_nobody rm "$mnt/sticky/of-nobody"
unmount "$mnt"
mount_image "$image" "$mnt" -o uid=1,gid=2,suid,ro
expect 1:2 stat -c %u:%g "$mnt/of-root/by-root"
! grep -F " $mnt " /proc/self/mounts | grep nosuid >&2 || fail "nosuid in spite of suid"
unmount "$mnt"
mount_image "$image" "$mnt"
expect 0:0 stat -c %u:%g "$mnt/of-root/by-root"
expect 1234:66 stat -c %u:%g "$mnt/home/sub/file"
unmount "$mnt"
fsck_clean "$image"

note "no ids"
for id in nobody -1 4294967295 1x; do
	expect_fail 1 "option 'uid' cannot be '$id'; give uid=UID" mmfs -o "uid=$id" "$image" "$mnt"
	expect_fail 1 "option 'gid' cannot be '$id'; give gid=GID" mmfs -o "gid=$id" "$image" "$mnt"
done
