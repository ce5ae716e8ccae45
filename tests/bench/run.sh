#!/bin/bash
# mmfs beside what else there is, on the same machine at the same time: a daemon that stores nothing (null: the
# limit of FUSE), the same under libfuse's own loop (null-libfuse), fuse2fs, ntfs-3g, loop-mounted ext4 and tmpfs.
#
#   tests/bench/run.sh [OPTIONS]
#
#   --rounds N         3; the systems take turns in every round, and medians are printed
#   --systems A,B,...  of mmfs, null, null-libfuse, fuse2fs, ntfs-3g, ext4, tmpfs (all of them)
#   --phases A,B,...   only those whose names begin like this (see --list)
#   --threads A,B,...  1,4
#   --files N          20000 files for each thread count, in directories of --each N (500)
#   --megabytes N      1024, of the large files
#   --tree N           50000 files are unpacked and removed
#   --seconds N        5, for pgbench and each fio job
#   --short            small sizes, one round: to see that it works
#   --json FILE        results with a description of the machine
#   --svg FILE         a chart of them; tests/bench/report.py makes one of a JSON file as well
#   --list             names the phases
#
# Cold: the dentries, inodes and pages that the kernel has of the mount are dropped, while the image stays in the
# host's page cache (-disk: it does not). MMFS_BUILD names a release build (by default build-plain). As root;
# packages: mount-scripts/deps.sh --bench --install.
: "${MMFS_BUILD:=$(cd "$(dirname "$0")/../.." && pwd)/build-plain}"
. "$(dirname "$0")/../lib.sh"
. "$here/systems.sh"
. "$here/programs.sh"

# NAME DRIVER-PHASE BEFORE NEEDS: what is done before it (drop: caches of the mount; evict: of the host, too),
# and which phase has to have run.
table="create create - -
stat-cold stat drop create
stat-warm stat - stat-cold
list-cold list drop create
rename rename - create
unlink unlink - rename
small-write small-write - -
small-read-cold small-read drop small-write
small-read-warm small-read - small-read-cold
seq-write seq-write - -
seq-rewrite seq-rewrite - seq-write
seq-read-cold seq-read drop seq-write
seq-read-warm seq-read - seq-read-cold
rand-read rand-read drop seq-write
rand-write rand-write - seq-write
rand-read-direct rand-read-direct drop seq-write
rand-write-direct rand-write-direct - seq-write
seq-read-disk seq-read evict seq-write
append-fsync append-fsync - -"

rounds=3 files=20000 each=500 megabytes=1024 tree=50000 seconds=5
compile_target=all # of programs.sh
warm=yes
systems="mmfs null null-libfuse fuse2fs ntfs-3g ext4 tmpfs"
threads="1 4" wanted="" json="" svg=""

parse() {
	while [ $# -gt 0 ]; do
		case $1 in
		--help | -h) sed -n '2,/^:/s/^# \{0,1\}//p' "$0" && exit 0 ;;
		--list) { cut -d ' ' -f 1 <<<"$table" && printf '%s\n' $programs; } && exit 0 ;;
		--short)
			rounds=1 files=400 each=100 megabytes=16 tree=500 seconds=1 warm=no
			# shellcheck disable=SC2034 # of programs.sh
			compile_target=libbackend.a
			;;
		--rounds | --files | --each | --megabytes | --tree | --seconds | --json | --svg)
			declare -g "${1#--}=${2:?value of $1}" && shift
			;;
		--systems) systems=${2//,/ } && shift ;;
		--threads) threads=${2//,/ } && shift ;;
		--phases) wanted=${2//,/ } && shift ;;
		*) fail "unknown argument $1; see --help" ;;
		esac
		shift
	done
	for name in $systems; do
		declare -F "make_$name" >/dev/null || fail "no such system: $name"
	done
}

is_wanted() {
	local one
	[ -n "$wanted" ] || return 0
	for one in $wanted; do
		case $1 in "$one"*) return 0 ;; esac
	done
	return 1
}

# Sets `needed` to the phases of the table that have to run, in blanks.
find_needed() {
	local name driver before needs
	needed=" "
	while read -r name driver before needs; do
		if is_wanted "$name" || [[ $needed == *" $name "* ]]; then
			needed+="$name $needs "
		fi
	done < <(tac <<<"$table")
}

# record PHASE THREADS SYSTEM VALUE UNIT
record() {
	printf '%s\t%s\t%s\t%s\t%s\n' "$@" >>"$tmp/results"
}

# The caches of the kernel, but not those of the image below.
drop() {
	sync -f "$mnt"
	echo 2 >/proc/sys/vm/drop_caches
}

# All caches; 1 where there is no image to read from.
evict() {
	case $name in null* | tmpfs) return 1 ;; esac
	"stop_$name"
	sync "$image"
	dd if="$image" iflag=nocache count=0 status=none
	"start_$name"
}

# one_phase COUNT PHASE DRIVER-PHASE BEFORE, with COUNT threads
one_phase() {
	local count=$1 phase=$2 driver=$3 before=$4 value code=0 unit="per second"
	[ "$before" = - ] || "$before" || return 0
	value=$(phases "$driver" "$mnt/work" "$count" "$files" "$each" "$megabytes" 2>"$tmp/said") || code=$?
	if [ $code != 0 ]; then
		# 3: it has no O_DIRECT. Mmfs has no excuse.
		[ "$name" != mmfs ] || fail "$phase: $(cat "$tmp/said")"
		note "$name: $phase: ${code/#3/does not support it}: $(cat "$tmp/said")"
		return 0
	fi
	case $phase in seq-*) unit="MiB/s" ;; esac
	! is_wanted "$phase" || record "$phase" "$count" "$name" "$value" "$unit"
}

# All phases with COUNT threads.
all_phases() {
	local count=$1 phase driver before needs writers
	mkdir "$mnt/work"
	while read -r phase driver before needs <&3; do
		[[ $needed == *" $phase "* ]] || continue
		writers=$count
		[ "$phase" != append-fsync ] || [ "$count" = 1 ] || writers=8
		one_phase "$writers" "$phase" "$driver" "$before"
	done 3<<<"$table"
	rm -r "$mnt/work"
}

one_round() {
	local count
	image=$tmp/$name.img
	"make_$name"
	"start_$name"
	for count in $threads; do all_phases "$count"; done
	all_programs
	"stop_$name"
	rm -f "$image"
}

# Memory that a virtual machine has never touched costs more than what is measured.
warm_memory() {
	local bytes
	bytes=$(awk '/^MemAvailable/ { n = $2 * 1024 / 2; if (n > 2 ^ 33) n = 2 ^ 33; printf "%d", n }' /proc/meminfo)
	python3 -c "b'x' * $bytes"
}

parse "$@"
need_fuse
need_systems
helper phases
mnt=$tmp/mnt
mkdir "$mnt"
find_needed
prepare_programs
[ $warm = no ] || warm_memory
started=$SECONDS
for ((round = 1; round <= rounds; round++)); do
	for name in $systems; do
		note "round $round of $rounds: $name ($((SECONDS - started)) s)"
		one_round
	done
	# Another one is first next time.
	systems="${systems#* } ${systems%% *}"
done
python3 "$here/report.py" collect "$tmp/results" "rounds=$rounds" "files=$files" "each=$each" "megabytes=$megabytes" \
	"tree=$tree" "seconds=$seconds" "image=$(df -PT "$tmp" | awk 'NR == 2 { print $2 }')" \
	"mmfs=$(mmfs --version)" >"$tmp/results.json"
[ -z "$json" ] || cp "$tmp/results.json" "$json"
[ -z "$svg" ] || python3 "$here/report.py" chart "$tmp/results.json" >"$svg"
python3 "$here/report.py" table "$tmp/results.json"
note "took $((SECONDS - started)) s"
