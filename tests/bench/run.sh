#!/bin/bash
# Metadata operations per second on one thread, side by side:
#
#   tests/bench/run.sh [--rounds N] [--files N] [--each N] [FS...]      FS: mmfs fuse2fs ntfs-3g ext4 tmpfs
#
# --each: so many files to a directory (default 10000). Without FS: mmfs and fuse2fs. The filesystems take turns in
# every round, so that a machine that slows down slows all of them; medians and the ratio of mmfs to each other
# one are printed. MMFS_BUILD names a release build (by default build-plain, which tests/run.sh makes).
: "${MMFS_BUILD:=$(cd "$(dirname "$0")/../.." && pwd)/build-plain}"
. "$(dirname "$0")/../lib.sh"

rounds=5 files=10000 each=10000
filesystems=()
while [ $# -gt 0 ]; do
	case $1 in
	--rounds) rounds=$2 && shift ;;
	--files) files=$2 && shift ;;
	--each) each=$2 && shift ;;
	--help)
		sed -n '2,/^:/s/^# \{0,1\}//p' "$0"
		exit 0
		;;
	-*) fail "unknown option $1; see --help" ;;
	*) filesystems+=("$1") ;;
	esac
	shift
done
[ ${#filesystems[@]} -gt 0 ] || filesystems=(mmfs fuse2fs)
phases="create stat-warm stat-cold readdir-cold write read-cold fsync unlink"
need_fuse
helper metadata
mnt=$tmp/mnt
mkdir "$mnt"

# make_NAME makes an empty filesystem in $image; start_NAME mounts it, stop_NAME unmounts and waits until all of it
# is in the image.
make_mmfs() { mkfs.mmfs "$image" >/dev/null; }
start_mmfs() { mmfs "$image" "$mnt"; }
stop_mmfs() { unmount "$mnt"; }

make_fuse2fs() { truncate -s 4G "$image" && mkfs.ext4 -q -F "$image"; }
start_fuse2fs() {
	fuse2fs -o fakeroot "$image" "$mnt" >/dev/null 2>&1
	foreign=$(pgrep -f -x "fuse2fs.* $image $mnt")
}
stop_fuse2fs() { stop_foreign; }

make_ntfs-3g() { truncate -s 4G "$image" && mkntfs -q -F "$image" >/dev/null 2>&1; }
start_ntfs-3g() {
	ntfs-3g "$image" "$mnt"
	foreign=$(pgrep -f -x "ntfs-3g.* $image $mnt")
}
stop_ntfs-3g() { stop_foreign; }

make_ext4() { make_fuse2fs; }
start_ext4() { mount -o loop "$image" "$mnt"; }
stop_ext4() { umount "$mnt"; }

make_tmpfs() { :; }
start_tmpfs() { mountpoint -q "$mnt" || mount -t tmpfs mmfs-bench "$mnt"; }
stop_tmpfs() { :; }

stop_foreign() {
	umount "$mnt"
	# shellcheck disable=SC2086 # process ids
	wait_gone 120 $foreign
}

# one FS ROUND: all phases once; a file of results for each.
one() {
	local name=$1 phase
	image=$tmp/$name.img
	rm -f "$image"
	"make_$name"
	"start_$name"
	for phase in $phases; do
		case $phase in
		*-cold)
			# A new daemon and an empty cache in the kernel; the host's cache of the image stays.
			"stop_$name"
			"start_$name"
			;;
		esac
		metadata "${phase%-*}" "$mnt" "$files" "$each" >>"$tmp/result.$name.$phase"
	done
	"stop_$name"
	! mountpoint -q "$mnt" || umount "$mnt"
	rm -f "$image"
}

median() {
	sort -n "$1" | awk '{ value[NR] = $1 } END { print NR % 2 ? value[(NR + 1) / 2] : (value[NR / 2] + value[NR / 2 + 1]) / 2 }'
}

for ((round = 1; round <= rounds; round++)); do
	for name in "${filesystems[@]}"; do
		declare -F "make_$name" >/dev/null || fail "no such filesystem: $name"
		one "$name"
	done
	note "round $round of $rounds"
done

echo "operations per second, $files files, $each to a directory, medians of $rounds rounds (and $(uname -r), $(nproc) CPUs)"
printf '%-13s' phase
printf '%12s' "${filesystems[@]}"
for name in "${filesystems[@]:1}"; do printf '%20s' "${filesystems[0]}/$name"; done
echo
for phase in $phases; do
	printf '%-13s' "$phase"
	first=$(median "$tmp/result.${filesystems[0]}.$phase")
	ratios=
	for name in "${filesystems[@]}"; do
		value=$(median "$tmp/result.$name.$phase")
		printf '%12.0f' "$value"
		[ "$name" = "${filesystems[0]}" ] || ratios+=$(awk -v a="$first" -v b="$value" 'BEGIN { printf "%20.2f", a / b }')
	done
	echo "$ratios"
done
