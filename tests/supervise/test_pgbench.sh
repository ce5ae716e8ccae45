#!/bin/bash
# pgbench runs through ten kills of the daemon without noticing: no transaction fails, and afterwards the books balance
# and amcheck finds nothing.
# timeout: 300
. "$(dirname "$0")/../lib.sh"
nobody_setup
bin=$(find /usr/lib/postgresql/*/bin -maxdepth 0 2>/dev/null | sort -V | tail -n 1)
[ -n "$bin" ] || skip "needs PostgreSQL (packages postgresql and postgresql-contrib)"
kills=${MMFS_RESTARTS:-$(size 10 100)}
image=$tmp/nobody/a.img mnt=$tmp/nobody/mnt data=$tmp/nobody/mnt/data sockets=$tmp/nobody/s
PATH=$bin:$PATH
as_nobody mkdir "$mnt" "$sockets"
export PGHOST=$sockets PGDATABASE=postgres PGUSER=nobody PGCONNECT_TIMEOUT=20

# However this test ends, no server is left.
server=
at_end() {
	set +eE
	trap - ERR
	[ -z "$server" ] || as_nobody pg_ctl -D "$data" -m immediate -w stop >/dev/null 2>&1
	(exit "$1")
	cleanup
}
trap 'at_end $?' EXIT

as_nobody mmfs "$image" "$mnt"
as_nobody initdb -N -D "$data" -U nobody -A trust -E UTF8 --locale=C >"$tmp/initdb" 2>&1 || fail "$(cat "$tmp/initdb")"
as_nobody tee -a "$data/postgresql.conf" >/dev/null <<END
listen_addresses = ''
unix_socket_directories = '$sockets'
shared_buffers = 16MB
END
as_nobody pg_ctl -D "$data" -l "$tmp/nobody/log" -w start >"$tmp/start" || fail "$(cat "$tmp/nobody/log")"
server=1
as_nobody pgbench -i -q -s 1 >"$tmp/init" 2>&1 || fail "$(cat "$tmp/init")"

as_nobody pgbench -n -c 3 -T $((kills * 3 / 10 + 1)) >"$tmp/bench" 2>&1 &
bench=$!
supervisor=$(supervisors_of "$image")
for ((i = 1; i <= kills; i++)); do
	sleep 0.15
	as_nobody stat -f "$mnt" >/dev/null
	kill -KILL "$(daemon_pid "$image")" || fail "no daemon before kill $i"
done
wait $bench || fail "pgbench: $(cat "$tmp/bench")"
grep -q 'number of failed transactions: 0 ' "$tmp/bench" || fail "$(cat "$tmp/bench")"
done=$(sed -n 's/^number of transactions actually processed: //p' "$tmp/bench")
note "$kills kills, $done transactions"
expect "t|$done" as_nobody psql -XAqt -c "SELECT (SELECT sum(abalance) FROM pgbench_accounts) = (SELECT sum(delta) FROM
	pgbench_history), (SELECT count(*) FROM pgbench_history)"
as_nobody pg_amcheck --install-missing --heapallindexed --parent-check --all >"$tmp/amcheck" 2>&1 || fail "$(cat "$tmp/amcheck")"
as_nobody pg_ctl -D "$data" -m fast -w stop >"$tmp/stop" || fail "$(cat "$tmp/stop")"
server=
expect "$supervisor" supervisors_of "$image"
unmount "$mnt"
fsck_clean "$image"
