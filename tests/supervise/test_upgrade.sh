#!/bin/bash
# mmfsctl upgrade: another program takes a mount over under processes that know what each of their system calls must
# give. One that cannot go on is refused, one that cannot be started leaves the old one at work.
# timeout: 600
. "$(dirname "$0")/../lib.sh"
nobody_setup
helper checked
rounds=$(size 3 20)
seed=${MMFS_KILL_SEED:-$(od -An -N 4 -t u4 /dev/urandom | tr -d ' ')}
note "seed $seed (MMFS_KILL_SEED), $rounds upgrades"
program=$tmp/bin/mmfs image=$tmp/a.img mnt=$tmp/mnt

# install FILE: puts it in the place of the program that runs, as package managers do.
install() {
	cp "$1" "$tmp/bin/new"
	chmod 755 "$tmp/bin/new"
	mv "$tmp/bin/new" "$program"
}

# runs PID: its program is the file that is installed now.
runs() {
	[ "/proc/$1/exe" -ef "$program" ]
}

# value NAME: a number that status tells.
value() {
	mmfsctl status --json "$mnt" | sed -n "s/^ *\"$1\": \([0-9]*\),*$/\1/p"
}

# refused REGEX: it is, for this reason, and the same daemon goes on.
refused() {
	local before
	before=$(value pid)
	expect_fail 1 "not upgraded: .*$1" mmfsctl upgrade "$mnt"
	expect "$before" value pid
	echo text >"$mnt/file"
	expect text cat "$mnt/file"
}

# Paths that mean something else for the next program, whose working directory is another.
mkdir "$mnt"
cd "$tmp"
"$program" -o allow_other a.img mnt
cd /
mountpoint -q "$mnt"
supervisor=$(value supervisor_pid)
expect / readlink "/proc/$supervisor/cwd"

note "under load"
workers=()
for i in 1 2; do
	mkdir "$mnt/$i"
	checked "$mnt/$i" $((seed + i)) $((rounds * 2 + 2)) >"$tmp/said.$i" 2>&1 &
	workers+=($!)
done
for ((i = 1; i <= rounds; i++)); do
	sleep "0.$(((seed / i) % 900 + 100))"
	before=$(value pid)
	install "$MMFS_BUILD/mmfs"
	! runs "$before" || fail "the old program is the installed one"
	mmfsctl upgrade "$mnt" >"$tmp/upgraded" || fail "upgrade $i"
	after=$(value pid)
	[ "$before" != "$after" ] || fail "upgrade $i: still process $after"
	grep -q "process $after$" "$tmp/upgraded" || fail "$(cat "$tmp/upgraded"), not process $after"
	runs "$after" && runs "$supervisor" || fail "upgrade $i: another program runs"
	expect "$i" value upgrades
	expect "$supervisor" value supervisor_pid
done
for i in 1 2; do
	wait "${workers[i - 1]}" || fail "worker $i, seed $((seed + i)): $(cat "$tmp/said.$i")"
	note "$(cat "$tmp/said.$i")"
done
expect 0 value restarts

note "it is supervised as before"
before=$(value pid)
kill -KILL "$before"
expect 1 value restarts
[ "$(value pid)" != "$before" ] || fail "killed, and still there"

note "refused"
printf '#!/bin/sh\necho 4294967295\n' >"$tmp/other"
install "$tmp/other"
refused 'cannot go on with what this one leaves'
printf '#!/bin/sh\necho unknown option >&2\nexit 1\n' >"$tmp/other"
install "$tmp/other"
refused 'cannot go on with what this one leaves'
rm "$program"
refused 'not where it was'
printf '#!/bin/sh\nrm -- "$0"\nexec %s "$@"\n' "$MMFS_BUILD/mmfs" >"$tmp/other"
install "$tmp/other"
before=$(value pid)
expect_fail 1 'not upgraded: the installed program could not be started: No such file.*; the old program goes on' \
	mmfsctl upgrade "$mnt"
[ "$(value pid)" != "$before" ] || fail "the daemon did not end"
expect "$rounds" value upgrades
install "$MMFS_BUILD/mmfs"
chmod 755 "$mnt"
expect_fail 1 'only root and the user who mounted it' as_nobody mmfsctl upgrade "$mnt"
mmfsctl upgrade "$mnt"
expect_fail 1 'no mmfs is mounted here' mmfsctl upgrade "$tmp"

note "a signal that comes meanwhile is not lost"
pids="$supervisor $(value pid)"
mmfsctl upgrade "$mnt" &
kill -TERM "$supervisor"
# Unmounted before it asked, or after.
wait $! || true
# shellcheck disable=SC2086 # process ids
wait_gone 60 $pids
! mountpoint -q "$mnt" || fail "still mounted"
fsck_clean "$image"

note "by a user, and read-only"
mnt=$tmp/nobody/mnt
for options in rw ro; do
	as_nobody mkdir -p "$mnt"
	as_nobody mmfs -o "$options" "$tmp/nobody/b.img" "$mnt"
	[ $options = ro ] || as_nobody sh -c "echo text >$mnt/file"
	as_nobody mmfsctl upgrade "$mnt" >"$tmp/upgraded"
	expect text as_nobody cat "$mnt/file"
	as_nobody mmfsctl status "$mnt" >"$tmp/text"
	grep -q "^  upgrades  *1$" "$tmp/text" || fail "$(cat "$tmp/text")"
	# Nobody else looks into it, root neither.
	expect_fail 1 'ask as the user who mounted it' mmfsctl upgrade "$mnt"
	unmount "$mnt"
done
fsck_clean "$tmp/nobody/b.img"

note "a program that lies in the mount, and no supervisor"
mkdir "$tmp/cover"
cp "$MMFS_BUILD/mmfs" "$tmp/cover"
mnt=$tmp/cover
"$tmp/cover/mmfs" "$image" "$mnt"
cp "$MMFS_BUILD/mmfs" "$mnt/mmfs"
refused 'lies in this mount'
unmount "$mnt"
mount_image "$image" "$mnt" -o supervise=no
refused 'no supervisor'
unmount "$mnt"
fsck_clean "$image"
