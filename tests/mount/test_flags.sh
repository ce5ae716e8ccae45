#!/bin/bash
# chattr and lsattr; what immutable and append-only files refuse in the mount that made them so, and from the next on.
. "$(dirname "$0")/../lib.sh"
need_fuse
for tool in chattr lsattr setpriv; do
	command -v $tool >/dev/null || skip "needs $tool"
done
helper mapped
nobody_setup
image=$tmp/a.img mnt=$tmp/mnt
mount_image "$image" "$mnt" -o allow_other
cd "$mnt"

# flags FILE: its letters.
flags() {
	local letters
	letters=$(lsattr -d "$1")
	letters=${letters%% *}
	echo "${letters//-/}"
}
guarded() {
	mmfsctl dump "$image" roots | sed -n 's/.*guarded inodes *//p'
}

note "chattr and lsattr"
echo text >file
echo line >log
mkdir directory
expect "" flags file
chattr +idA file
expect idA flags file
chattr -idA file
chattr +d directory
expect d flags directory
touch directory/inherits
expect d flags directory/inherits
for letter in c j t u S; do
	expect_fail 1 'not supported' chattr +$letter file
done
expect "" flags file
chown nobody file
expect_fail 1 'not permitted' runuser -u nobody -- chattr +i file
expect_fail 1 'not permitted' runuser -u nobody -- chattr +a file
runuser -u nobody -- chattr +A file
expect A flags file
expect_fail 1 'not permitted' runuser -u nobody -- chattr -d directory
expect_fail 1 'not permitted' setpriv --bounding-set=-linux_immutable chattr +i file
chattr -A file
version=$(lsattr -vd file | awk '{print $1}')
[ "$version" -gt 0 ] || fail "generation $version"

note "the mount that makes a file immutable: opens succeed, nothing else"
chattr +i file
chattr +a log
expect_fail 1 'not permitted' bash -c 'exec 3<>file; echo more >&3'
expect_fail 1 'not permitted' bash -c 'exec 3<>log; echo more >&3'
expect_fail 1 'not permitted' bash -c 'echo more >file'
expect_fail 1 'not permitted' rm -f file
expect_fail 1 'not permitted' mv file elsewhere
expect_fail 1 'not permitted' mv directory/inherits file
expect_fail 1 'not permitted' mv directory/inherits log
expect_fail 1 'not permitted' chmod 600 log
expect_fail 1 'not permitted' ln file link
expect_fail 1 'not permitted' touch -d 2001-01-01 log
touch log
echo more >>log
expect "line
more" cat log
expect text cat file
echo old >map
mapped map || fail "a mapping was written"
chattr -i map

note "from the next mount on, and after a kill, opens fail too"
cd /
kill_daemon "$image"
umount -l "$mnt"
mount_image "$image" "$mnt" -o allow_other
cd "$mnt"
expect i flags file
expect a flags log
expect old cat map
expect "$version" sh -c 'lsattr -vd file | cut -d " " -f 1'
expect_fail 1 'not permitted' bash -c 'exec 3<>file'
expect_fail 1 'not permitted' bash -c 'exec 3<>log'
expect_fail 1 'not permitted' bash -c 'exec 3>log'
echo last >>log
expect "line
more
last" cat log
expect_fail 1 'not permitted' rm -rf file log
echo other >other
expect other cat other
cd /
remount "$image" "$mnt" -o allow_other,ro
expect i flags "$mnt/file"
expect_fail 1 'Read-only' chattr -i "$mnt/file"
unmount "$mnt"
expect 2 guarded
fsck_clean "$image"

note "cleared again"
mount_image "$image" "$mnt" -o allow_other
chattr -i "$mnt/file"
chattr -a "$mnt/log"
echo more >>"$mnt/file"
(cd "$mnt" && rm -r ./*)
unmount "$mnt"
expect 0 guarded
fsck_clean "$image"

note "mounted by a user"
as_nobody mkdir mnt
as_nobody mmfs -o acl b.img mnt
as_nobody touch mnt/file
expect_fail 1 'not permitted' as_nobody chattr +i mnt/file
as_nobody chattr +d mnt/file
expect d as_nobody sh -c 'lsattr -d mnt/file | tr -d "\- " | cut -c 1'
if command -v setfacl >/dev/null; then
	as_nobody setfacl -m u:bin:rw mnt/file
	expect user:bin:rw- sh -c "cd '$tmp/nobody' && runuser -u nobody -- getfacl mnt/file | grep bin"
fi
as_nobody fusermount3 -u mnt
