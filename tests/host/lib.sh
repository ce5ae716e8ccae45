# shellcheck shell=bash
#
# Sourced after tests/lib.sh by tests that put an image on a host filesystem of its own: tmpfs, or a real one in a
# file (KIND is ext4, xfs or btrfs). All lie below $tmp, and so are found and unmounted however the test ends.

# host_can KIND: can this kernel mount it? (A filesystem may be built in, or come as a module.)
host_can() {
	grep -qE "\s$1\$" /proc/filesystems || { modprobe "$1" && grep -qE "\s$1\$" /proc/filesystems; } 2>/dev/null
}

# host_make KIND DIRECTORY SIZE [DISK]: mounts a new filesystem of that size at the directory; DISK is the file
# that it lies in.
host_make() {
	local kind=$1 directory=$2 size=$3 disk=${4:-$2.img}
	mkdir -p "$directory"
	case $kind in
	tmpfs)
		mount -t tmpfs -o "size=$size" mmfs-test "$directory"
		return
		;;
	esac
	truncate -s "$size" "$disk"
	case $kind in
	ext4) mkfs.ext4 -q -F -m 0 "$disk" ;;
	xfs) mkfs.xfs -q -f "$disk" ;;
	btrfs) mkfs.btrfs -q -f "$disk" >/dev/null 2>&1 ;; # it has advice
	esac
	# A loop device of mount's own goes with the mount.
	mount -t "$kind" -o loop "$disk" "$directory"
}

# host_thin DIRECTORY SIZE REAL: an ext4 of SIZE whose disk can store only REAL bytes: writing back more than
# that is an I/O error, as of a failing disk. The disk lies in a tmpfs at DIRECTORY.disk.
host_thin() {
	mkdir -p "$1.disk"
	mount -t tmpfs -o "size=$3" mmfs-test "$1.disk"
	truncate -s "$2" "$1.disk/img"
	# Without a journal, so that it is the image's writeback that fails, not the host's own metadata.
	mkfs.ext4 -q -F -m 0 -O ^has_journal -E lazy_itable_init=1,nodiscard "$1.disk/img"
	mkdir -p "$1"
	mount -t ext4 -o loop,errors=continue "$1.disk/img" "$1"
}

# host_gone DIRECTORY: unmounts what host_make or host_thin made, and deletes its disk.
host_gone() {
	umount "$1"
	if mountpoint -q "$1.disk"; then
		umount "$1.disk"
	fi
	rm -f "$1.img"
}
