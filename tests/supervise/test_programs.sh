#!/bin/bash
# git, a build and a database go on while the daemon under them is killed: none of them notices. MMFS_PAUSE sets
# the seconds between kills.
# timeout: 600
. "$(dirname "$0")/../lib.sh"
need_fuse
command -v git >/dev/null || skip "needs git"
command -v sqlite3 >/dev/null || skip "needs sqlite3"
image=$tmp/a.img mnt=$tmp/mnt
pause=${MMFS_PAUSE:-$(size 0.7 0.3)}
mount_image "$image" "$mnt"
export HOME=$tmp/home GIT_AUTHOR_NAME=test GIT_AUTHOR_EMAIL=test@localhost
export GIT_COMMITTER_NAME=test GIT_COMMITTER_EMAIL=test@localhost
mkdir "$HOME"

# Kills until told to stop; a daemon has answered something before each kill.
killing() {
	local kills=0
	until [ -e "$tmp/enough" ]; do
		sleep "$pause"
		stat -f "$mnt" >/dev/null
		kill -KILL "$(daemon_pid "$image")" && kills=$((kills + 1))
	done
	echo $kills >"$tmp/kills"
}
killing &
killer=$!

note "git: a repository made from files, cloned, packed, checked"
git init -q "$mnt/one"
cp -r "$MMFS_SOURCE/backend" "$MMFS_SOURCE/fs" "$MMFS_SOURCE/docs" "$mnt/one"
git -C "$mnt/one" add -A
git -C "$mnt/one" commit -q -m everything
git clone -q --no-hardlinks "file://$mnt/one" "$mnt/two"
git -C "$mnt/two" gc -q
git -C "$mnt/two" fsck --full --strict
expect "" git -C "$mnt/two" status --porcelain
for part in backend fs docs; do
	diff -r "$MMFS_SOURCE/$part" "$mnt/two/$part"
done

note "a build: every source of the backend"
for source in "$mnt"/two/backend/*.c; do
	cc -std=gnu17 -D_GNU_SOURCE -c -o "${source%.c}.o" "$source"
done
ar rcs "$mnt/backend.a" "$mnt"/two/backend/*.o
expect "$(find "$mnt/two/backend" -name '*.o' | wc -l)" sh -c 'ar t "$1" | wc -l' sh "$mnt/backend.a"

note "sqlite: transactions, each synced"
{
	echo "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT);"
	for ((i = 1; i <= 400; i++)); do
		echo "INSERT INTO t VALUES($i, 'name $i');"
	done
} | sqlite3 -bail "$mnt/a.db"
expect ok sqlite3 "$mnt/a.db" 'PRAGMA integrity_check'
expect 400 sqlite3 "$mnt/a.db" 'SELECT count(*) FROM t'

touch "$tmp/enough"
wait $killer
note "$(cat "$tmp/kills") kills"
[ "$(cat "$tmp/kills")" -ge 5 ] || fail "too few kills to show anything"
unmount "$mnt"
fsck_clean "$image"
