#!/bin/bash
# sqlite3: 100,000 rows in transactions, with each of its journals; integrity and contents, remounted too.
# timeout: 600
. "$(dirname "$0")/../lib.sh"
need_fuse
command -v sqlite3 >/dev/null || skip "needs sqlite3"
image=$tmp/a.img mnt=$tmp/mnt
mount_image "$image" "$mnt"

rows=100000 batch=1000
for journal in delete wal truncate; do
	database=$mnt/$journal.db
	started=$SECONDS
	{
		echo "PRAGMA journal_mode=$journal; PRAGMA synchronous=FULL;"
		echo "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, number INTEGER, filler BLOB);"
		echo "CREATE INDEX t_name ON t(name);"
		for ((first = 0; first < rows; first += batch)); do
			cat <<-SQL
				BEGIN;
				WITH RECURSIVE c(x) AS (SELECT $first UNION ALL SELECT x + 1 FROM c WHERE x + 1 < $first + $batch)
				INSERT INTO t SELECT x, 'name ' || (x * 7919 % $rows), x * x, zeroblob(x % 50) FROM c;
				COMMIT;
			SQL
		done
		echo "BEGIN; UPDATE t SET number = number + 1 WHERE id % 3 = 0; COMMIT;"
		echo "BEGIN; DELETE FROM t WHERE id % 10 = 9; ROLLBACK;"
	} | sqlite3 -bail "$database" >/dev/null
	note "$journal: $((SECONDS - started)) s"
	expect ok sqlite3 "$database" 'PRAGMA integrity_check'
	sum="$rows|$(((rows - 1) * rows / 2 * (2 * rows - 1) / 3 + (rows + 2) / 3))"
	expect "$sum" sqlite3 "$database" 'SELECT count(*), sum(number) FROM t'
done
remount "$image" "$mnt"
for journal in delete wal truncate; do
	expect ok sqlite3 "$mnt/$journal.db" 'PRAGMA integrity_check'
	expect "$sum" sqlite3 "$mnt/$journal.db" 'SELECT count(*), sum(number) FROM t'
	expect "1|name 7919" sqlite3 "$mnt/$journal.db" "SELECT id, name FROM t WHERE name = 'name 7919'"
done

note "two writers share a database: locks work"
for writer in 1 2; do
	for ((i = 0; i < 50; i++)); do
		echo ".timeout 60000"
		echo "BEGIN IMMEDIATE; INSERT INTO t(name) VALUES('writer $writer'); COMMIT;"
	done | sqlite3 -bail "$mnt/delete.db" &
done
wait
expect $((rows + 100)) sqlite3 "$mnt/delete.db" 'SELECT count(*) FROM t'
expect ok sqlite3 "$mnt/delete.db" 'PRAGMA integrity_check'
unmount "$mnt"
fsck_clean "$image"
