#!/bin/bash
# kill -9 of the daemon in the middle of work, again and again, as root and as nobody: a remount needs no fsck,
# and whatever was acknowledged before the kill is there. MMFS_KILL_ROUNDS sets the number of rounds,
# MMFS_KILL_USERS who mounts.
# timeout: 900
. "$(dirname "$0")/../lib.sh"
nobody_setup
helper acknowledged
chmod 755 "$tmp/bin/acknowledged"
rounds=${MMFS_KILL_ROUNDS:-$(size 14 200)}
seed=${MMFS_KILL_SEED:-$(od -An -N 4 -t u4 /dev/urandom | tr -d ' ')}
note "seed $seed (MMFS_KILL_SEED)"
RANDOM=$((seed % 32768))
mkdir -m 777 "$tmp/logs"

# cp -v names a file when it begins to copy it: all but the last one named are complete.
copied_is_there() {
	local line from to
	head -n -1 "$1" | { grep -a "^'.*' -> '.*'$" || true; } | while IFS= read -r line; do
		from=${line#\'}
		from=${from%%\' -> *}
		to=${line##*-> \'}
		to=${to%\'}
		# cp goes on when the daemon is dead, and names what it then fails to copy.
		! grep -qF "'$to'" "${1%.copied}.failed" || continue
		if [ -L "$from" ]; then
			[ "$(readlink "$from")" = "$(readlink "$to")" ] || fail "$to: another target than $from"
		elif [ -f "$from" ]; then
			cmp "$from" "$to" || fail "$to was copied, and is not there"
		else
			[ -d "$to" ] || fail "$to was made, and is not there"
		fi
	done
}

# round USER NUMBER: works, kills, looks at the image, mounts it again, and checks.
round() {
	local user=$1 number=$2 started log=$tmp/logs/$1.$2 code=0 copier worker
	local run=()
	[ "$user" = root ] || run=(as_nobody)
	"${run[@]}" mkdir "$mnt/r$number" "$mnt/r$number/copy" "$mnt/r$number/work"
	# The worker keeps its log on the host: the mapping lives on when the mount is dead.
	"${run[@]}" stdbuf -oL cp -av /usr/include "$mnt/r$number/copy" >"$log.copied" 2>"$log.failed" &
	copier=$!
	"${run[@]}" acknowledged work "$mnt/r$number/work" "$log.log" $((seed + number)) >"$log.said" 2>&1 &
	worker=$!
	sleep "0.$((RANDOM % 9 + 1))"
	[ $((RANDOM % 3)) != 0 ] || sleep 1
	kill_daemon "$image"
	wait "$copier" || true
	wait "$worker" || fail "the worker: $(cat "$log.said")"

	fsck_clean "$image"
	started=$(date +%s%N)
	"${run[@]}" mmfs "$image" "$mnt" || fail "remount failed"
	started=$((($(date +%s%N) - started) / 1000000))
	[ $started -lt 3000 ] || fail "the remount took $started ms"
	"${run[@]}" acknowledged check "$mnt/r$number/work" "$log.log" $((seed + number)) || code=$?
	[ $code = 0 ] || fail "$user, round $number, seed $((seed + number))"
	"${run[@]}" cat "$mnt/r$number/copy/include/stdio.h" >/dev/null 2>&1 || true
	note "$user, round $number: $(cat "$log.said"), $(wc -l <"$log.copied") files copied, remount $started ms"
}

for user in ${MMFS_KILL_USERS:-root nobody}; do
	run=()
	image=$tmp/root.img mnt=$tmp/mnt
	if [ $user = nobody ]; then
		run=(as_nobody)
		image=$tmp/nobody/nobody.img mnt=$tmp/nobody/mnt
		rounds=$(((rounds + 1) / 2))
	fi
	"${run[@]}" mkdir "$mnt"
	"${run[@]}" mmfs "$image" "$mnt"
	for ((number = 1; number <= rounds; number++)); do
		round $user $number
		# Its copy is compared by its own user, the only one who may look.
		export -f copied_is_there fail
		"${run[@]}" bash -c 'set -eo pipefail; copied_is_there "$1"' kill "$tmp/logs/$user.$number.copied"
		# Earlier rounds stay as they were; their copies go, so that freeing is killed too.
		[ $number -le 2 ] || "${run[@]}" acknowledged check "$mnt/r$((number - 2))/work" \
			"$tmp/logs/$user.$((number - 2)).log" $((seed + number - 2))
		[ $number -le 1 ] || ("${run[@]}" rm -rf "$mnt/r$((number - 1))/copy" 2>/dev/null || true) &
	done
	wait
	unmount "$mnt"
	fsck_clean "$image"
	"${run[@]}" mmfs "$image" "$mnt"
	for ((number = 1; number <= rounds; number++)); do
		"${run[@]}" acknowledged check "$mnt/r$number/work" "$tmp/logs/$user.$number.log" $((seed + number))
	done
	unmount "$mnt"
done
