#!/bin/bash
# The daemons of two mounts, one of them with -o writeback, are killed again and again under processes that know what
# each of their system calls must give: none fails, none is done twice or not at all, also on files that are open and
# have no name any more. Then the images are whole. MMFS_RESTARTS sets the number of kills of each.
# timeout: 600
# A sanitizer would turn crashes into exits.
export MMFS_ASAN_EXTRA=handle_segv=0:handle_abort=0
. "$(dirname "$0")/../lib.sh"
need_fuse
helper checked
kills=${MMFS_RESTARTS:-$(size 50 500)}
seed=${MMFS_KILL_SEED:-$(od -An -N 4 -t u4 /dev/urandom | tr -d ' ')}
note "seed $seed (MMFS_KILL_SEED), $kills kills"
RANDOM=$((seed % 32768))

declare -A supervisor options=([through]=commit=5 [back]=writeback)
workers=() names=()
for mount in through back; do
	mount_image "$tmp/$mount.img" "$tmp/$mount" -o "${options[$mount]}"
	supervisor[$mount]=$(supervisors_of "$tmp/$mount.img")
	for i in 1 2 3; do
		mkdir "$tmp/$mount/$i"
		# Long enough for the kills; ended by itself.
		checked "$tmp/$mount/$i" $((seed + i)) $((kills / 4 + 8)) >"$tmp/said.$mount.$i" 2>&1 &
		workers+=($!)
		names+=("$mount.$i")
	done
done

signals=(KILL KILL KILL KILL SEGV ABRT)
strike() {
	local pid
	# Three in a row that have answered nothing would be given up.
	[ $((i % 3)) = 0 ] || stat -f "$tmp/$1" >/dev/null
	pid=$(daemon_pid "$tmp/$1.img")
	if [ -z "$pid" ]; then
		[ -n "$(supervisors_of "$tmp/$1.img")" ] || fail "$1: gave up after $i kills"
		return 0 # between two daemons
	fi
	kill "-${signals[RANDOM % 6]}" "$pid"
}
for ((i = 1; i <= kills; i++)); do
	sleep "0.$(printf %03d $((RANDOM % 200 + 20)))"
	for mount in through back; do strike $mount; done
done
for ((i = 0; i < ${#workers[@]}; i++)); do
	wait "${workers[i]}" || fail "worker ${names[i]}, seed $seed: $(cat "$tmp/said.${names[i]}")"
	note "${names[i]}: $(cat "$tmp/said.${names[i]}")"
done
for mount in through back; do
	expect "${supervisor[$mount]}" supervisors_of "$tmp/$mount.img"
	unmount "$tmp/$mount"
	fsck_clean "$tmp/$mount.img"
done
