#!/bin/bash
# Mounting by the system: lines of fstab(5) through mount(8), what systemd makes of such a line, and the example units.
. "$(dirname "$0")/../lib.sh"
need_fuse
scripts=$MMFS_SOURCE/mount-scripts
image=$tmp/a.img mnt=$tmp/mnt
mkdir "$mnt"

# mount(8) looks for its helpers in /sbin only, and empties PATH; installed, the helper lies beside mmfs.
helper_made=
if [ ! -e /sbin/mount.mmfs ]; then
	cp "$scripts/mount.mmfs" "$MMFS_BUILD/mmfs" "$tmp/bin"
	ln -s "$tmp/bin/mount.mmfs" /sbin/mount.mmfs
	helper_made=1
fi
finish() {
	[ -z "$helper_made" ] || rm -f /sbin/mount.mmfs
	cleanup
}
trap finish EXIT

note "fstab: by its mountpoint, by its image, all of the type; noauto and nofail"
printf '%s %s mmfs defaults,allow_other,noatime,nofail,_netdev 0 0\n' "$image" "$mnt" >"$tmp/fstab"
mkdir "$tmp/other"
printf '%s %s mmfs noauto,ro 0 0\n' "$tmp/other.img" "$tmp/other" >>"$tmp/fstab"
mount -T "$tmp/fstab" "$mnt"
echo text >"$mnt/file"
grep -F " $mnt fuse.mmfs " /proc/self/mounts | grep -q 'noatime.*allow_other' || fail "$(grep -F "$mnt" /proc/self/mounts)"
unmount "$mnt"
mount -T "$tmp/fstab" "$image"
expect text cat "$mnt/file"
unmount "$mnt"
mount -T "$tmp/fstab" -a -t mmfs
expect text cat "$mnt/file"
! mountpoint -q "$tmp/other" || fail "noauto was mounted"
mount -T "$tmp/fstab" -a -t mmfs || fail "mount -a a second time: status $?"
unmount "$mnt"
expect_fail 1 'no such file' mount -T "$tmp/fstab" "$tmp/other"
fsck_clean "$image"

note "what systemd makes of such a line"
printf '/srv/work.img /srv/work mmfs defaults,allow_other,x-systemd.automount,x-systemd.idle-timeout=10min 0 0\n' >"$tmp/fstab"
mkdir "$tmp/units" "$tmp/early" "$tmp/late"
SYSTEMD_FSTAB=$tmp/fstab /lib/systemd/system-generators/systemd-fstab-generator "$tmp/units" "$tmp/early" "$tmp/late"
grep -qx 'Type=mmfs' "$tmp/units/srv-work.mount" || fail "$(cat "$tmp/units/srv-work.mount")"
grep -qx 'Where=/srv/work' "$tmp/units/srv-work.automount" || fail "$(cat "$tmp/units/srv-work.automount")"

note "the example units"
for unit in "$MMFS_SOURCE"/docs/examples/*.mount "$MMFS_SOURCE"/docs/examples/*.automount; do
	systemd-analyze verify --man=no "$unit" >"$tmp/said" 2>&1 || fail "$unit: $(cat "$tmp/said")"
	! grep -F "$(basename "$unit")" "$tmp/said" || fail "$unit is complained about"
	where=$(sed -n 's/^Where=//p' "$unit")
	expect "$(systemd-escape --path "$where")" basename "${unit%.*}"
done
# As systemd would mount it.
what() { sed -n "s/^$1=//p" "$MMFS_SOURCE/docs/examples/srv-work.mount"; }
mount -t "$(what Type)" -o "$(what Options)" "$image" "$mnt"
expect text cat "$mnt/file"
unmount "$mnt"
