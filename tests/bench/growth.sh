#!/bin/bash
# Does a mount get slower as it gets fuller? The time of a create, a cold stat, a rename and an unlink, of 10,000 files
# in an otherwise empty image and of 10,000 beside a million others: medians of five runs each, and their ratio, which is
# to be less than 1.5. tests/bench/growth.sh [FILES]
: "${MMFS_BUILD:=$(cd "$(dirname "$0")/../.." && pwd)/build-plain}"
. "$(dirname "$0")/../lib.sh"
need_fuse
helper phases
many=${1:-1000000}
few=10000 each=500 rounds=5
image=$tmp/a.img mnt=$tmp/mnt

# What the kernel knows of the mount is dropped, and the daemon told; then it is let come to rest.
drop() {
	sync -f "$mnt"
	echo 2 >/proc/sys/vm/drop_caches
	local end=$((SECONDS + 120))
	until [ "$(mmfsctl stats "$mnt" | awk '$1 == "known_inodes" { print $2 }')" -lt 100 ]; do
		[ $SECONDS -lt $end ] || fail "the kernel does not forget"
		sleep 0.2
	done
}

# measure NAME: lines "PHASE NAME RATE".
measure() {
	local phase
	for _ in $(seq $rounds); do
		mkdir "$mnt/few"
		for phase in create stat rename unlink; do
			[ $phase != stat ] || drop
			echo "$phase $1 $(phases $phase "$mnt/few" 1 $few $each 1)"
		done
		rm -r "$mnt/few"
	done
}

mount_image "$image" "$mnt"
measure few >"$tmp/rates"
note "$many files: $(mkdir "$mnt/many" && phases create "$mnt/many" 1 "$many" 1000 1) a second"
drop
measure many >>"$tmp/rates"
start=$(date +%s%N)
unmount "$mnt"
mounted=$(date +%s%N)
mount_image "$image" "$mnt"
note "unmounted in $(((mounted - start) / 1000000)) ms, mounted in $((($(date +%s%N) - mounted) / 1000000)) ms"
unmount "$mnt"
fsck_clean "$image"
sort -k1,2 -k3n "$tmp/rates" | awk -v few=$few -v many="$many" '
	{ n = ++count[$1 " " $2]; rate[$1 " " $2, n] = $3 }
	END {
		split("create stat rename unlink", phases, " ")
		for (i = 1; i in phases; i++) {
			f = rate[phases[i] " few", int((count[phases[i] " few"] + 1) / 2)]
			m = rate[phases[i] " many", int((count[phases[i] " many"] + 1) / 2)]
			printf "%-7s %5.1f us with %d files, %5.1f us with %d more: %.2f times\n",
				phases[i], 1e6 / f, few, 1e6 / m, many, f / m
			missed += f / m >= 1.5
		}
		exit missed > 0
	}' || fail "slower than 1.5 times"
