# shellcheck shell=bash
#
# Whole programs on a mount, for run.sh: seconds each takes, or what it says of itself.
# shellcheck disable=SC2154 # mnt, name, tree, seconds, compile_target are run.sh's

programs="untar rm git-clone git-status compile sqlite pgbench fio-seq-read fio-rand-read fio-rand-write"
postgres=$(find /usr/lib/postgresql/*/bin -maxdepth 0 2>/dev/null | sort -V | tail -n 1)

any_program() {
	local program
	for program in $programs; do ! is_wanted "$program" || return 0; done
	return 1
}

prepare_programs() {
	local program
	any_program || return 0
	for program in sqlite3 git meson fio; do
		command -v $program >/dev/null || fail "no $program: mount-scripts/deps.sh --bench --install"
	done
	[ -n "$postgres" ] || fail "no PostgreSQL: mount-scripts/deps.sh --bench --install"
	python3 "$here/tree.py" "$tree" >"$tmp/tree.tar"
	export HOME=$tmp/home CCACHE_DISABLE=1
	mkdir "$HOME"
	git config --global safe.directory '*'
	# A repository of its own, which does not change meanwhile.
	git clone -q --bare "file://$MMFS_SOURCE" "$tmp/source.git"
	for ((i = 0; i < 100 * seconds; i++)); do
		echo "INSERT INTO t VALUES ($i, hex(randomblob(50)));"
	done >"$tmp/inserts"
}

# timed PROGRAM COMMAND...: its seconds.
timed() {
	local program=$1 from
	shift
	from=$(date +%s%N)
	if "$@" >"$tmp/said" 2>&1; then
		! is_wanted "$program" || record "$program" 1 "$name" \
			"$(awk -v n="$(($(date +%s%N) - from))" 'BEGIN { printf "%.3f", n / 1e9 }')" seconds
	else
		refused "$program"
	fi
}

# One that did not work; mmfs has no excuse.
refused() {
	[ "$name" != mmfs ] || fail "$1: $(tail -n 20 "$tmp/said")"
	note "$name: $1 does not work there: $(tail -n 1 "$tmp/said")"
}

compile() {
	meson setup -Dtests=disabled "$mnt/clone/build" "$mnt/clone" && ninja -C "$mnt/clone/build" $compile_target
}

run_sqlite() {
	local from
	sqlite3 "$mnt/db" 'CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT)' >"$tmp/said" 2>&1 || { refused sqlite; return; }
	from=$(date +%s%N)
	sqlite3 "$mnt/db" <"$tmp/inserts"
	record sqlite 1 "$name" "$(awk -v n="$(($(date +%s%N) - from))" -v i="$(wc -l <"$tmp/inserts")" \
		'BEGIN { printf "%.1f", i / n * 1e9 }')" "per second"
}

as_postgres() {
	setpriv --reuid nobody --clear-groups env "PATH=$postgres:$PATH" HOME=/tmp PGHOST="$tmp/sockets" PGDATABASE=postgres "$@"
}

pgbench_on_mount() {
	as_postgres initdb -D "$mnt/pg/data" -U nobody -A trust -E UTF8 --locale=C &&
		as_postgres pg_ctl -D "$mnt/pg/data" -w -t 120 -l "$tmp/sockets/log" \
			-o "-c listen_addresses='' -c unix_socket_directories='$tmp/sockets'" start &&
		as_postgres pgbench -U nobody -i -q -s 2 &&
		as_postgres pgbench -U nobody -n -c 4 -j 2 -T "$seconds" >"$tmp/pgbench"
}

run_pgbench() {
	mkdir -p "$tmp/sockets" "$mnt/pg"
	chown nobody "$tmp/sockets" "$mnt/pg"
	# Not to a pipe: the server keeps it.
	if (cd / && pgbench_on_mount) >"$tmp/said" 2>&1; then
		record pgbench 4 "$name" "$(sed -n 's/^tps = \([0-9.]*\).*/\1/p' "$tmp/pgbench")" "per second"
	else
		refused pgbench
	fi
	(cd / && as_postgres pg_ctl -D "$mnt/pg/data" -m immediate -w stop) >/dev/null 2>&1 || true
}

# run_fio PROGRAM FIELD OPTIONS...: FIELD of fio's JSON.
run_fio() {
	local program=$1 field=$2
	shift 2
	if fio --name=job --directory="$mnt" --filename=fio --size=128m --fallocate=none --ioengine=psync --time_based \
		--runtime="$seconds" --output-format=json --output="$tmp/fio" "$@" >"$tmp/said" 2>&1; then
		record "$program" 1 "$name" "$(jq ".jobs[0].$field" "$tmp/fio")" "per second"
	else
		refused "$program"
	fi
}

keeps_contents() {
	case $name in null*) return 1 ;; esac
}

all_programs() {
	if is_wanted untar || is_wanted rm; then
		timed untar tar -x -f "$tmp/tree.tar" -C "$mnt"
		timed rm rm -r "$mnt/tree"
	fi
	! is_wanted fio-seq-read || run_fio fio-seq-read read.iops --rw=read --bs=1m
	! is_wanted fio-rand-read || run_fio fio-rand-read read.iops --rw=randread --bs=4k --direct=1
	! is_wanted fio-rand-write || run_fio fio-rand-write write.iops --rw=randwrite --bs=4k --direct=1
	keeps_contents || return 0
	if is_wanted git || is_wanted git-clone || is_wanted git-status || is_wanted compile; then
		timed git-clone git clone -q "file://$tmp/source.git" "$mnt/clone"
		drop
		timed git-status git -C "$mnt/clone" status --porcelain
		! is_wanted compile || timed compile compile
	fi
	! is_wanted sqlite || run_sqlite
	! is_wanted pgbench || run_pgbench
}
