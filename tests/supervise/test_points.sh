#!/bin/bash
# The daemon is killed at each point on the way of a request of each kind: the call gives what it should, and is done
# exactly once. A request that kills every daemon fails after the third, whatever else goes on. Want of memory at a
# restart passes.
# timeout: 300
. "$(dirname "$0")/../lib.sh"
need_fuse
helper exactly
ninja -C "$MMFS_BUILD" tests/mmfs-points >"$tmp/build" 2>&1 || { tail "$tmp/build"; fail "cannot build mmfs-points"; }
cp "$MMFS_BUILD/tests/mmfs-points" "$tmp/bin/mmfs"
PATH=$tmp/bin:$PATH
export MMFS_POINT_FILE=$tmp/orders
image=$tmp/a.img mnt=$tmp/mnt
ulimit -c 0
mkdir "$mnt"
mmfs -f "$image" "$mnt" >"$tmp/log" 2>&1 </dev/null &
for ((i = 0; i < 300; i++)); do
	! mountpoint -q "$mnt" || break
	sleep 0.1
done

# order LINE: what the points are to do (tests/supervise/points/points.c).
order() {
	echo "$*" >"$tmp/orders.new"
	mv "$tmp/orders.new" "$tmp/orders"
}

# value NAME: a number that status tells.
value() {
	mmfsctl status --json "$mnt" | sed -n "s/^ *\"$1\": \([0-9]*\),*$/\1/p"
}

note "each kind at each point"
mkdir "$mnt/d"
(cd "$mnt/d" && exactly "$tmp/orders" "$(size some all)")
expect "" ls -A "$mnt/d"

note "a request that ends every daemon, alone"
mkdir=9
before=$(value restarts)
order "read $mkdir $mkdir 0 99 $(kill -l ABRT)"
expect_fail 1 'Input/output error' mkdir "$mnt/new"
read -r _ _ _ _ left _ <"$tmp/orders"
expect 96 echo "$left"
rm "$tmp/orders"
expect $((before + 3)) value restarts
grep -q "$mnt: a request (type 9, inode 1) has ended 3 daemons in a row: it fails with EIO" "$tmp/log" ||
	fail "said: $(cat "$tmp/log")"
mkdir "$mnt/new"

note "the same while others progress, and after its record"
for ((i = 0; i < 400; i++)); do echo $i >>"$mnt/others"; done &
others=$!
order "read $mkdir $mkdir 0 99 $(kill -l ABRT)"
expect_fail 1 'Input/output error' mkdir "$mnt/other"
rm "$tmp/orders"
wait $others
expect "$(seq 0 399)" cat "$mnt/others"
# It has happened, and three daemons die when they answer it.
order "reply-next $mkdir $mkdir 0 99 $(kill -l ABRT)"
expect_fail 1 'Input/output error' mkdir "$mnt/other"
rm "$tmp/orders"
[ -d "$mnt/other" ] || fail "it was there, and was taken back"

note "no memory for the next daemon"
before=$(value restarts)
order "recovery 0 0 0 4 0"
kill -KILL "$(daemon_pid "$image")"
mkdir "$mnt/later"
expect $((before + 5)) value restarts
[ ! -e "$tmp/orders" ] || fail "nothing has failed"
expect 4 grep -c "did not have enough memory to begin; another one goes on" "$tmp/log"
unmount "$mnt"
fsck_clean "$image"
