#!/bin/bash
# PostgreSQL on a mount, as an unprivileged user. Under pgbench and writers that note each acknowledged insert, kill -9
# in turn of the server, of mmfs, and of mmfs followed by a cold recovery (as after a power cut: only what was
# fsynced counts). After each the server recovers, every acknowledged transaction is there, and amcheck finds
# nothing. MMFS_POSTGRES_ROUNDS sets the number of kills.
# timeout: 900
. "$(dirname "$0")/../lib.sh"
nobody_setup
bin=$(find /usr/lib/postgresql/*/bin -maxdepth 0 2>/dev/null | sort -V | tail -n 1)
[ -n "$bin" ] || skip "needs PostgreSQL (packages postgresql and postgresql-contrib)"
rounds=${MMFS_POSTGRES_ROUNDS:-$(size 3 30)}
image=$tmp/nobody/a.img mnt=$tmp/nobody/mnt data=$tmp/nobody/mnt/data
sockets=$tmp/nobody/s logs=$tmp/nobody/logs
PATH=$bin:$PATH
as_nobody mkdir "$mnt" "$sockets" "$logs"
export PGHOST=$sockets PGDATABASE=postgres PGUSER=nobody PGCONNECT_TIMEOUT=20

sql() {
	as_nobody psql -XAqt -v ON_ERROR_STOP=1 -c "$1"
}

server_start() {
	as_nobody pg_ctl -D "$data" -l "$logs/server" -w -t 120 start >"$logs/start" ||
		fail "the server does not start: $(tail -n 30 "$logs/server")"
	postmaster=$(as_nobody head -n 1 "$data/postmaster.pid")
}

# The server and all its processes, as after a power cut: none may say anything more to the mount.
server_kill() {
	local pids
	[ -n "$postmaster" ] || return 0
	pids="$postmaster $(ps -o pid= --ppid "$postmaster" || true)"
	postmaster=
	# shellcheck disable=SC2086 # process ids
	kill -KILL $pids 2>/dev/null || true
	# shellcheck disable=SC2086
	wait_gone 20 $pids
}

mmfs_kill() {
	kill_daemon "$image"
}

# Inserts, each of which is its own transaction and is noted once it is acknowledged.
writer() {
	as_nobody sh -c 'yes "INSERT INTO acknowledged (writer, padding) VALUES ($1, repeat(\$\$x\$\$, 300)) RETURNING id;" |
		psql -XAqt -v ON_ERROR_STOP=1 >"$2" 2>/dev/null || true' sh "$1" "$logs/acked.$2.$1"
}

work_start() {
	as_nobody sh -c 'cd "$1" && pgbench -n -c 3 -T 600 -l --log-prefix="bench.$2" >"said.$2" 2>&1 || true' sh "$logs" "$1" &
	workers=$!
	for i in 1 2; do
		writer $i "$1" &
		workers+=" $!"
	done
}

# What clients were told has happened.
check() {
	local told there lost
	cat "$logs"/acked.* | grep -E '^[0-9]+$' | as_nobody tee "$logs/ids" >/dev/null
	told=$(wc -l <"$logs/ids")
	sql "CREATE TEMP TABLE told (id bigint); COPY told FROM '$logs/ids';
		SELECT count(*) FROM told WHERE id NOT IN (SELECT id FROM acknowledged)" >"$logs/lost"
	lost=$(cat "$logs/lost")
	[ "$lost" = 0 ] || fail "$lost of $told acknowledged inserts are lost"
	# pgbench writes a line for each transaction; it is one row of its history.
	there=$(sql "SELECT count(*) FROM pgbench_history")
	told_bench=$(cat "$logs"/bench.*.[0-9]* 2>/dev/null | wc -l)
	[ "$there" -ge "$told_bench" ] || fail "pgbench was told of $told_bench transactions, $there are there"
	expect t sql "SELECT (SELECT sum(abalance) FROM pgbench_accounts) = (SELECT coalesce(sum(delta), 0) FROM pgbench_history)
		AND (SELECT sum(bbalance) FROM pgbench_branches) = (SELECT sum(tbalance) FROM pgbench_tellers)
		AND (SELECT sum(abalance) FROM pgbench_accounts) = (SELECT sum(bbalance) FROM pgbench_branches)"
	as_nobody pg_amcheck --heapallindexed --parent-check --all >"$logs/amcheck" 2>&1 ||
		fail "amcheck: $(cat "$logs/amcheck")"
	note "$1: $told inserts and $told_bench of pgbench's transactions were acknowledged so far, all there"
}

mount_image_as_nobody() {
	as_nobody timeout 120 mmfs "$@" "$image" "$mnt" || fail "mmfs $*: status $?"
}

# However this test ends, no server is left.
at_end() {
	set +eE
	trap - ERR
	server_kill
	(exit "$1")
	cleanup
}
trap 'at_end $?' EXIT
postmaster=

mount_image_as_nobody
as_nobody initdb -D "$data" -U nobody -A trust -E UTF8 --locale=C >"$logs/initdb" || fail "initdb: $(cat "$logs/initdb")"
as_nobody tee -a "$data/postgresql.conf" >/dev/null <<END
listen_addresses = ''
unix_socket_directories = '$sockets'
shared_buffers = 16MB
max_wal_size = 64MB
checkpoint_timeout = 30s
END
server_start
as_nobody pgbench -i -q -s 1 >"$logs/init" 2>&1 || fail "pgbench -i: $(cat "$logs/init")"
sql "CREATE EXTENSION amcheck; CREATE TABLE acknowledged (id bigserial PRIMARY KEY, writer int, padding text)"

for ((round = 1; round <= rounds; round++)); do
	work_start $round
	sleep "$((RANDOM % 2 + 2)).$((RANDOM % 10))"
	case $((round % 3)) in
	1)
		what="kill -9 of the server"
		server_kill
		;;
	2)
		what="kill -9 of mmfs"
		mmfs_kill
		server_kill
		;;
	0)
		what="kill -9 of mmfs, cold recovery"
		mmfs_kill
		server_kill
		;;
	esac
	# shellcheck disable=SC2086 # process ids
	wait $workers || true
	case $((round % 3)) in
	2)
		fsck_clean "$image"
		mount_image_as_nobody
		;;
	0) mount_image_as_nobody -o recover=cold ;;
	esac
	# It has ended, even where nobody has taken note of it yet: a zombie would look alive.
	as_nobody rm -f "$data/postmaster.pid" "$sockets"/.s.PGSQL.*
	server_start
	check "round $round, $what"
done

as_nobody pg_ctl -D "$data" -m fast -w stop >"$logs/stop" || fail "$(cat "$logs/stop")"
postmaster=
unmount "$mnt"
fsck_clean "$image"
mount_image_as_nobody
server_start
check "after an orderly end"
as_nobody pg_ctl -D "$data" -m fast -w stop >"$logs/stop" || fail "$(cat "$logs/stop")"
postmaster=
unmount "$mnt"
fsck_clean "$image"
