#!/bin/bash
# Contents of files against a model in memory (exercise/): reads, writes, appends, O_DIRECT, truncates, holes, mapped
# memory, copies, by four processes on four files and by four that share one; on mmfs and on ext4 (a loop device),
# remounted between the rounds. A failure prints an ID for --replay. MMFS_EXERCISE_SEED sets the seed, MMFS_EXERCISE_STEPS
# the steps of each process in each round.
# timeout: 300
. "$(dirname "$0")/../lib.sh"
need_fuse
command -v mkfs.ext4 >/dev/null || skip "needs mkfs.ext4"
losetup -f >/dev/null 2>&1 || fail "there is no loop device here, and without ext4 nobody would know whether the model is right"

cc -std=gnu17 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -o "$tmp/bin/exercise" "$here"/exercise/*.c
seed=${MMFS_EXERCISE_SEED:-$(size 1 "$(od -An -N 4 -t u4 /dev/urandom | tr -d ' ')")}
steps=${MMFS_EXERCISE_STEPS:-$(size 250 20000)}
rounds=$(size 2 10) processes=4
note "seed $seed, $rounds rounds of $steps steps by each of $processes processes"
mkdir "$tmp/mnt"

mount_system() {
	case $1 in
	mmfs) mount_image "$tmp/mmfs.img" "$tmp/mnt" ;;
	ext4) mount -o loop "$tmp/ext4.img" "$tmp/mnt" ;;
	esac
}

unmount_system() {
	case $1 in
	mmfs)
		unmount "$tmp/mnt"
		fsck_clean "$tmp/mmfs.img"
		;;
	ext4) umount "$tmp/mnt" ;;
	esac
}

# exercise_all NAME ROUND MODE...: a round in each mode; what the rounds before left is compared first.
exercise_all() {
	local name=$1 round=$2 mode started=$SECONDS
	shift 2
	for mode; do
		mkdir -p "$tmp/$name-$mode"
		"$tmp/bin/exercise" --seed "$seed" --from $((round * steps)) --steps "$steps" --processes $processes \
			"--$mode" --state "$tmp/$name-$mode" "$tmp/mnt" >"$tmp/said" ||
			{ cat "$tmp/said" >&2; fail "$name, $mode, round $round, seed $seed"; }
	done
	note "$name, round $round: $((SECONDS - started)) s"
}

truncate -s 128M "$tmp/ext4.img"
mkfs.ext4 -qF "$tmp/ext4.img"
for name in mmfs ext4; do
	for ((round = 0; round < rounds; round++)); do
		mount_system $name
		exercise_all $name "$round" own shared
		unmount_system $name
	done
done
echo "exercised $((2 * rounds * steps * processes)) steps on mmfs, and as many on ext4"
