# shellcheck shell=bash
#
# The filesystems of run.sh. make_NAME makes an empty one in $image; start_NAME mounts it at $mnt, for all users;
# stop_NAME unmounts it and waits until all of it is in the image.
# shellcheck disable=SC2154 # image, mnt, systems, megabytes, tree are run.sh's

# Programs that are not there are said before hours have gone by.
need_systems() {
	local name program
	for name in $systems; do
		case $name in
		fuse2fs) program=fuse2fs ;;
		ntfs-3g) program=ntfs-3g ;;
		ext4) program=mkfs.ext4 ;;
		null*)
			ninja -C "$MMFS_BUILD" "tests/mmfs-$name" >"$tmp/said" || fail "$(tail -n 20 "$tmp/said")"
			continue
			;;
		*) continue ;;
		esac
		command -v "$program" >/dev/null || fail "no $program: mount-scripts/deps.sh --bench --install"
	done
}

make_mmfs() { mkfs.mmfs "$image" >/dev/null; }
start_mmfs() { mmfs -o allow_other "$image" "$mnt"; }
stop_mmfs() { unmount "$mnt"; }

make_null() { mkfs.mmfs "$image" >/dev/null; }
start_null() { "$MMFS_BUILD/tests/mmfs-null" -o allow_other "$image" "$mnt"; }
stop_null() { unmount "$mnt"; }

make_null-libfuse() { make_null; }
start_null-libfuse() { "$MMFS_BUILD/tests/mmfs-null-libfuse" -o allow_other "$image" "$mnt"; }
stop_null-libfuse() { unmount "$mnt"; }

# Enough for everything, in one place of the host's.
foreign_bytes() { echo $(((2 * megabytes + tree / 20 + 2048) * 1048576)); }

make_fuse2fs() { make_ext4; }
start_fuse2fs() {
	fuse2fs -o fakeroot,allow_other "$image" "$mnt" >/dev/null 2>&1
	foreign=$(pgrep -f -x "fuse2fs.* $image $mnt")
}
stop_fuse2fs() { stop_foreign; }

make_ntfs-3g() { truncate -s "$(foreign_bytes)" "$image" && mkntfs -q -F "$image" >/dev/null 2>&1; }
start_ntfs-3g() {
	ntfs-3g -o big_writes,permissions "$image" "$mnt"
	foreign=$(pgrep -f -x "ntfs-3g.* $image $mnt")
}
stop_ntfs-3g() { stop_foreign; }

make_ext4() { truncate -s "$(foreign_bytes)" "$image" && mkfs.ext4 -q -F "$image"; }
start_ext4() { mount -o loop "$image" "$mnt"; }
stop_ext4() { leave; }

make_tmpfs() { :; }
start_tmpfs() { mount -t tmpfs -o size=90% mmfs-bench "$mnt"; }
stop_tmpfs() { leave; }

# A server that was stopped may leave processes for a moment.
leave() {
	local i
	for i in 1 2 3 4 5 6 7 8 9 10; do
		! umount "$mnt" 2>"$tmp/said" || return 0
		sleep "0.$i"
	done
	fail "$(cat "$tmp/said")"
}

stop_foreign() {
	leave
	# shellcheck disable=SC2086 # process ids
	wait_gone 120 $foreign
}
