#!/bin/bash
# Names: every type of file, links, renames, directories, and the errno of each refusal.
. "$(dirname "$0")/../lib.sh"
need_fuse
helper syscalls
image=$tmp/a.img mnt=$tmp/mnt
mount_image "$image" "$mnt"
cd "$mnt"

note "types"
mknod character c 1 3
mknod block b 7 200
mkfifo fifo
syscalls socket "$mnt/socket"
expect "character special file 1:3" stat -c "%F %Hr:%Lr" character
expect "block special file 7:200" stat -c "%F %Hr:%Lr" block
expect "fifo" stat -c %F fifo
expect "socket" stat -c %F socket
(echo through the fifo >fifo) &
expect "through the fifo" cat fifo
wait
echo ignored >character

note "names of 255 bytes, odd names, and one byte too many"
long=$(printf 'n%.0s' {1..255})
echo text >"$long"
expect text cat "$long"
expect_fail 1 'File name too long' touch "${long}x"
expect_fail 1 'File name too long' ln -s a "${long}x"
expect_fail 1 'File name too long' mkdir "${long}x"
odd=$'new\nline \x01 \xff\xfe " \\ *'
touch "$odd"
[ -e "$odd" ]
rm "$odd" "$long"

note "symbolic links"
target=$(printf 'd/%.0s' {1..2047})x
ln -s "$target" deep
expect "$target" readlink deep
expect 4095 stat -c %s deep
ln -s loop loop
expect_fail 1 'Too many levels' cat loop
ln -s no/where dangling
expect_fail 1 'No such file' cat dangling
rm deep loop dangling

note "hard links"
echo one >one
ln one two
mkdir sub
ln one sub/three
expect 3 stat -c %h one
expect "$(stat -c %i one)" stat -c %i sub/three
rm one
expect one cat sub/three
expect 2 stat -c %h two
expect_fail 1 'not allowed|not permitted' ln sub hard
expect_fail 1 'File exists' ln two sub/three
rm two sub/three

note "directories"
mkdir -p a/b/c
expect 3 stat -c %h a
expect_fail 1 'not empty' rmdir a
expect_fail 1 'File exists' mkdir a
expect_fail 1 'Not a directory' rmdir fifo
expect_fail 1 'subdirectory of itself|Invalid' mv a a/b/c/
mv a/b moved
expect 2 stat -c %h a
expect "$(stat -c %i .)" stat -c %i moved/..
expect "$(stat -c %i moved)" stat -c %i moved/c/..
expect_fail 1 'No such file' stat a/b
[ "$(cd moved/c && pwd -P)" = "$mnt/moved/c" ]
rm -r a moved

note "rename"
echo 1 >x
echo 2 >y
expect_fail 1 EEXIST syscalls noreplace x y
syscalls exchange x y
expect 2 cat x
expect 1 cat y
mkdir d
syscalls exchange x d
[ -d x ]
expect 2 cat d
expect_fail 1 ENOENT syscalls exchange x nothing
syscalls noreplace d z
mv -T x newdir
mkdir full full/entry other
expect_fail 1 'not empty|File exists' mv -T other full
expect_fail 1 'overwrite|directory' mv -T z full
rmdir full/entry
mv -T other full
[ ! -e other ]
rm -r full newdir y z
ln fifo fifo2
# rename(2) of two names of one file does nothing; mv removes the source then, by POSIX.
syscalls noreplace fifo2 fifo3
rm fifo fifo3

note "an entry is listed once, positions lead back"
mkdir many
(cd many && seq 1 3000 | sed 's/^/a-rather-long-name-for-an-entry-/' | xargs touch)
expect 3000 sh -c 'ls many | wc -l'
expect 3000 sh -c 'ls many | sort -u | wc -l'
syscalls seekdir many 3002
rm -r many

note "unlinked and renamed-over files stay while they are open"
syscalls unlinked f

note "and all of it is there after a remount"
mkdir -p keep/deep/er
echo kept >keep/deep/er/file
ln keep/deep/er/file keep/link
ln -s deep/er keep/symbolic
cd /
listing() {
	find "$mnt" -printf '%P %i %y %m %n %s %l %T@\n' | sort
}
listing >"$tmp/before"
remount "$image" "$mnt"
listing >"$tmp/after"
diff "$tmp/before" "$tmp/after"
expect kept cat "$mnt/keep/symbolic/file"
unmount "$mnt"
fsck_clean "$image"
