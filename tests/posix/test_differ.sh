#!/bin/bash
# Random system calls on mmfs and on ext4 (a loop device), which must agree: differ/differ.h. The seed is fresh for each commit, and
# is printed; MMFS_DIFFER_SEED sets it. A difference is printed as a script of calls for `differ --replay`. First it has to
# find the differences between ext4 and tmpfs, or it would find none.
# timeout: 600
. "$(dirname "$0")/../lib.sh"
need_fuse
for tool in mkfs.ext4 losetup; do
	command -v $tool >/dev/null || skip "needs $tool"
done
losetup -f >/dev/null 2>&1 || fail "there is no loop device here, and without ext4 there is nothing to compare with"

differ=$tmp/bin/differ
cc -std=gnu17 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -o "$differ" "$here"/differ/*.c

# Both in memory: what takes long else is waiting for the host's disk.
mkdir "$tmp/disk" "$tmp/ext4" "$tmp/tmpfs"
mount -t tmpfs -o size=3200M tmpfs "$tmp/disk"
truncate -s 1500M "$tmp/disk/ext4.img"
# ea_inode: values of 64 KiB. Without barriers, since nobody cuts its power.
mkfs.ext4 -qF -O ea_inode "$tmp/disk/ext4.img"
mount -o loop,noatime,barrier=0 "$tmp/disk/ext4.img" "$tmp/ext4"
# Written blocks are those that were written, so that SEEK_DATA is exact.
echo 0 >"/sys/fs/ext4/$(basename "$(findmnt -no SOURCE "$tmp/ext4")")/extent_max_zeroout_kb"
mount -t tmpfs -o noatime,size=1500M tmpfs "$tmp/tmpfs"
mmfs_options=allow_other,noatime
! mmfs --help | grep -e '-o acl ' >/dev/null || mmfs_options+=,acl
mount_image "$tmp/disk/mmfs.img" "$tmp/mmfs" -o "$mmfs_options,size=1500M"

note "tmpfs against ext4: there are differences"
code=0
"$differ" --seed=1 --steps=5000 --tree=250 "$tmp/tmpfs" "$tmp/ext4" >"$tmp/said" || code=$?
[ $code = 1 ] || fail "tmpfs and ext4 do not differ? $(cat "$tmp/said")"
sed -n 's/^    //p' "$tmp/said" >"$tmp/script"
[ -s "$tmp/script" ] && [ "$(wc -l <"$tmp/script")" -le 40 ] || fail "no small script: $(cat "$tmp/said")"
expect_fail 1 'differ' "$differ" --replay="$tmp/script" "$tmp/tmpfs" "$tmp/ext4"
umount "$tmp/tmpfs"

# differ OPTIONS...: nothing differs.
compared() {
	"$differ" --counts "$@" "$tmp/mmfs" "$tmp/ext4" >"$tmp/said" || { sed '/^call /,$d' "$tmp/said"; fail "mmfs and ext4 differ"; }
	sed -n '/^seed/p' "$tmp/said"
}

# A fresh one for each commit, so that a commit's run can be had again; in full, for each run.
fresh=${MMFS_DIFFER_SEED:-}
if [ -z "$fresh" ] && ! full; then
	commit=$(git -C "$MMFS_SOURCE" rev-parse --short=7 HEAD 2>/dev/null) && fresh=$((16#$commit))
fi
: "${fresh:=$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}"
note "mmfs against ext4, seed $fresh"
! full || for seed in 1 2 3 4; do compared --seed=$seed --steps=100000; done
compared --seed="$fresh" --steps="$(size 100000 1000000)" --keep

note "no call has failed each time that it was made, and some who waited for a lock got it"
missed=$(sed '1,/^call /d' "$tmp/said" | awk '$2 == 0 { print $1 }')
[ -z "$missed" ] || fail "never with success: $missed"

note "what the image holds, after it was unmounted"
remount "$tmp/disk/mmfs.img" "$tmp/mmfs" -o "$mmfs_options"
"$differ" --trees "$tmp"/mmfs/tree-* "$tmp"/ext4/tree-* || fail "the trees differ"
unmount "$tmp/mmfs"
umount "$tmp/ext4"
fsck_clean "$tmp/disk/mmfs.img"
umount "$tmp/disk"
