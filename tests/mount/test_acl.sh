#!/bin/bash
# POSIX ACLs with the real programs, the same on mmfs and on ext4: setfacl, getfacl, cp, tar, mv. What is kept without
# -o acl and over a kill. How many requests they cost.
. "$(dirname "$0")/../lib.sh"
need_fuse
for tool in setfacl getfacl mkfs.ext4 losetup tar getfattr; do
	command -v $tool >/dev/null || skip "needs $tool"
done
image=$tmp/a.img mnt=$tmp/mmfs

mount_image "$image" "$mnt" -o allow_other,acl
truncate -s 64M "$tmp/ext4.img"
mkfs.ext4 -qF "$tmp/ext4.img"
mkdir "$tmp/ext4"
mount -o loop "$tmp/ext4.img" "$tmp/ext4"

# Of everything in the working directory.
all_acls() {
	find . | sort | getfacl -
}

# Everything that the programs do with ACLs; what they print has to be the same.
work() {
	cd "$1"
	mkdir shared
	setfacl -m u:nobody:rwx,g:nogroup:r-x shared
	setfacl -d -m u:nobody:rwx,g:12:r--,m::rwx shared
	(umask 077 && touch shared/file && mkdir shared/below && mkfifo shared/below/pipe)
	printf 'text\n' >shared/below/text
	chmod 751 shared/below
	chmod g-w shared/file
	setfacl -m u:0:r-- shared/below/text
	setfacl -x u:nobody shared/below/text
	mkdir plain
	cp -r shared plain/copied
	cp -a shared plain/kept
	tar --acls -cf plain/tar shared
	mkdir plain/unpacked
	tar --acls -C plain/unpacked -xf plain/tar
	mv plain/unpacked/shared/below/text plain/moved
	touch made
	mv made shared/made
	setfacl -R -m u:bin:r-X plain/copied
	setfacl -R -d -m o::--- plain/copied
	setfacl -b plain/kept/file
	setfacl -k plain/kept/below
	setfacl -m m::--- plain/moved
	getfacl -R shared >plain/backup
	setfacl -R -b shared
	setfacl --restore=plain/backup
	sed 1,5s/made/x/ -i shared/below/text
	ln plain/moved shared/link
	setfacl -m u:1:x plain/moved
	! setfacl -d -m u:1:rwx plain/moved 2>/dev/null
	rm -rf lost+found
	all_acls
	find . -printf '%p %M\n' | sort
}
note "programs"
(work "$mnt") >"$tmp/mmfs.said"
(work "$tmp/ext4") >"$tmp/ext4.said"
diff "$tmp/mmfs.said" "$tmp/ext4.said" >"$tmp/diff" || fail "ACLs differ from ext4's: $(head -n 40 "$tmp/diff")"
grep -q '^default:user:nobody:rwx' "$tmp/mmfs.said" || fail "nothing was inherited: $(head -n 40 "$tmp/mmfs.said")"
umount "$tmp/ext4"

note "they outlive the daemon, and mounts without -o acl"
(cd "$mnt" && all_acls) >"$tmp/before"
kill_daemon "$image"
umount -l "$mnt"
mount_image "$image" "$mnt" -o allow_other
expect_fail 1 'not supported' setfacl -m u:nobody:rwx "$mnt/shared"
expect "" getfattr -d -m - "$mnt/shared"
(umask 022 && touch "$mnt/shared/without")
expect 644 stat -c %a "$mnt/shared/without"
rm "$mnt/shared/without"
remount "$image" "$mnt" -o allow_other,acl
(cd "$mnt" && all_acls) | diff - "$tmp/before" || fail "ACLs are not what they were"
remount "$image" "$mnt" -o allow_other,acl,ro
(cd "$mnt" && all_acls) | diff - "$tmp/before" || fail "ACLs are not what they were, read-only"
expect_fail 1 'Read-only' setfacl -m u:games:rwx "$mnt/shared"
unmount "$mnt"
fsck_clean "$image"

note "requests"
mkdir "$tmp/m"
mmfs "$tmp/b.img" "$tmp/m"
mkdir "$tmp/m/directory"
for i in 1 2 3 4 5 6 7 8 9 10; do echo $i >"$tmp/m/directory/$i"; done
chmod 755 "$tmp/m"
unmount "$tmp/m"
# asked OPTIONS USER: how often files below the root were asked for an ACL, in the first and the second pass.
asked() {
	local before=0 now
	mmfs -d -o "$1" "$tmp/b.img" "$tmp/m" 2>"$tmp/log" &
	until mountpoint -q "$tmp/m"; do sleep 0.02; done
	for _ in 1 2; do
		runuser -u "$2" -- cat "$tmp/m/directory"/{1,2,3,4,5,6,7,8,9,10} >/dev/null
		now=$(grep -ac 'GETXATTR (22), nodeid: [0-9][0-9]' "$tmp/log" || true)
		echo -n "$((now - before)) "
		before=$now
	done
	unmount "$tmp/m" >&2
	wait $! || true
}
expect "0 0 " asked allow_other root
expect "0 0 " asked allow_other nobody
expect "0 0 " asked allow_other,acl root
# of the directory and ten files, once
expect "11 0 " asked allow_other,acl nobody
fsck_clean "$tmp/b.img"
