#!/bin/bash
# Archives that mean harm, are damaged or cut, and programs stopped at any moment: nothing gets outside of its
# directory, the image stays whole, what was imported is said, and mkfs.mmfs leaves a good image or none.
. "$(dirname "$0")/../lib.sh"
need_fuse

image=$tmp/a.img
fresh() {
	rm -f "$image"
	mkfs.mmfs -q -J 1M "$image"
	mmfsctl mkdir "$image" in outside
	echo kept >"$tmp/secret"
	mmfsctl put "$image" "$tmp/secret" outside
}

# archive NAME PYTHON: makes $tmp/NAME with add(name, type, data, link, **attributes).
archive() {
	python3 - "$tmp/$1" <<-END
		import io, sys, tarfile
		tar = tarfile.open(sys.argv[1], "w", format=tarfile.PAX_FORMAT)
		def add(name, type=tarfile.REGTYPE, data=b"", link="", **attributes):
		    info = tarfile.TarInfo(name)
		    info.type, info.linkname, info.size = type, link, len(data)
		    for key, value in attributes.items():
		        setattr(info, key, value)
		    tar.addfile(info, io.BytesIO(data))
		DIR, SYM, LNK = tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
		$2
		tar.close()
	END
}

note "names that lead elsewhere: in an image and in a mount"
archive hostile.tar '
add("good", data=b"good")
add("/absolute", data=b"below")
add("../outside/secret", data=b"evil")
add("a/../../outside/secret", data=b"evil")
add("..", DIR)
add("up", SYM, link="../outside")
add("up/secret", data=b"evil")
add("root", SYM, link="/outside")
add("root/secret", data=b"evil")
add("self", SYM, link=".")
add("self/more", data=b"evil")
add("secret", LNK, link="../outside/secret")
add("secret2", LNK, link="/outside/secret")
add("secret3", LNK, link="up/secret")
add("whole", LNK, link=".")
add("after", data=b"after")
add("./a//b/./c", data=b"deep")'
fresh
expect_fail 1 '7 entries of .* were imported' mmfsctl import "$image" "$tmp/hostile.tar" in
grep -q 'cannot import ../outside/secret: a name with "..", which could lead out' "$tmp/said" || fail "$(cat "$tmp/said")"
grep -q 'cannot import up/secret: its name leads through a symbolic link' "$tmp/said" || fail "$(cat "$tmp/said")"
[ "$(grep -c 'cannot import' "$tmp/said")" = 10 ] || fail "$(cat "$tmp/said")"
mmfsctl ls -R "$image" >"$tmp/names"
expect "$(printf 'a\nabsolute\nafter\ngood\nroot\nself\nup')" mmfsctl ls "$image" in
expect kept mmfsctl cat "$image" outside/secret
expect "$(printf 'in\noutside')" mmfsctl ls "$image"
expect deep mmfsctl cat "$image" in/a/b/c
fsck_clean "$image"
fresh
mount_image "$image" "$tmp/mnt"
expect_fail 1 'entries of .* were imported' mmfsctl import "$tmp/mnt" "$tmp/hostile.tar" in
expect "$(printf 'a\nabsolute\nafter\ngood\nroot\nself\nup')" ls "$tmp/mnt/in"
expect kept cat "$tmp/mnt/outside/secret"
expect 1 stat -c %h "$tmp/mnt/outside/secret"
expect "$(printf 'in\noutside')" ls "$tmp/mnt"
unmount "$tmp/mnt"

note "a link that is there already leads nowhere either; a directory in its place becomes one"
fresh
ln -s ../outside "$tmp/up"
mmfsctl put "$image" "$tmp/up" in
archive through.tar 'add("up/secret", data=b"evil")'
expect_fail 1 'through a symbolic link' mmfsctl import "$image" "$tmp/through.tar" in
archive through.tar 'add("up", DIR, mode=0o751); add("up/secret", data=b"mine")'
mmfsctl import "$image" "$tmp/through.tar" in
expect mine mmfsctl cat "$image" in/up/secret
expect kept mmfsctl cat "$image" outside/secret

note "one name twice, and what takes the place of something else"
archive twice.tar '
add("f", data=b"first")
add("f", data=b"second")
add("d", DIR)
add("d", data=b"a file now")
add("full", DIR)
add("full/in", data=b"x")
add("full", data=b"no")
add("l", LNK, link="f")
add("l", LNK, link="f")
add("f", LNK, link="l")
add("s", SYM, link="one")
add("s", SYM, link="two")'
expect_fail 1 'cannot import full: Directory not empty' mmfsctl import "$image" "$tmp/twice.tar"
expect "second" mmfsctl cat "$image" l
expect "a file now" mmfsctl cat "$image" d
expect x mmfsctl cat "$image" full/in
expect 2 eval 'mmfsctl ls --json "$image" f | sed -n "s/.*\"links\": \([0-9]*\).*/\1/p"'
[ -z "$(mmfsctl ls -aR "$image" | grep mmfsctl-)" ] || fail "something is left in the image"
fsck_clean "$image"

note "attributes nobody has, owners and names out of range"
archive odd.tar '
add("big-owner", data=b"x", uid=2**40)
add("n" * 256, data=b"x")
add("s", SYM, link="t" * 5000)
add("apple", data=b"x", pax_headers={"SCHILY.xattr.com.apple.x": "y"})
add("acl", data=b"x", pax_headers={"SCHILY.acl.access": "user::rw-,user:nobody-like-that:rwx,group::r--,mask::rwx,other::---"})
add("bad-acl", data=b"x", pax_headers={"SCHILY.acl.access": "user::rw-,user:5:rwx,group::r--,other::---"})
add("last", data=b"x", mode=0o6755, uid=3, gid=4)'
expect_fail 1 '2 entries of' mmfsctl import "$image" "$tmp/odd.tar" in
for what in 'big-owner: Value too large' 'nnn: File name too long' 'ttt\|s: File name too long' 'acl: its ACL names somebody' \
	'bad-acl: Invalid argument' 'note: attributes like com.apple.x are left out'; do
	grep -q "$what" "$tmp/said" || fail "not said: $what"
done
expect "$(printf 'apple\nlast\nup')" mmfsctl ls "$image" in
mmfsctl ls -l "$image" in/last | grep -q '^-rwsr-sr-x 1 3 4 ' || fail "$(mmfsctl ls -l "$image" in/last)"

note "cut at every kind of place, and damaged"
seq 1 100000 >"$tmp/large"
archive cut.tar 'add("one", data=b"1"); add("two", data=open("'"$tmp"'/large", "rb").read()); add("three", data=b"3")'
# cut_at BYTES REGEX NAMES: cut there it is refused, and these are there.
cut_at() {
	head -c "$1" "$tmp/cut.tar" >"$tmp/part.tar"
	mkfs.mmfs -q --force -J 1M "$image"
	expect_fail 1 "$2" mmfsctl import "$image" "$tmp/part.tar"
	grep -q "$(wc -w <<<"$3") entries of .*part.tar were imported" "$tmp/said" || fail "$(cat "$tmp/said")"
	expect "$3" eval 'mmfsctl ls "$image" | xargs'
	expect_fail 1 "$2" mkfs.mmfs -q -J 1M --from "$tmp/part.tar" "$tmp/none.img"
	[ ! -e "$tmp/none.img" ] || fail "an image is left"
	fsck_clean "$image"
}
whole=$((1024 + 512 + ($(stat -c %s "$tmp/large") + 511) / 512 * 512 + 1024)) # without the end mark
cut_at 1024 'end mark is missing' one
cut_at 1200 'runcated' one
cut_at 200000 'Truncated tar archive' one
cut_at $whole 'end mark is missing' "$(printf 'one three two')"
: >"$tmp/empty.tar"
expect_fail 1 'empty; no archive' mkfs.mmfs --from "$tmp/empty.tar" "$tmp/none.img"
expect_fail 1 'empty; no archive' mkfs.mmfs --from - "$tmp/none.img"
expect_fail 1 'Unrecognized archive format' mkfs.mmfs --from "$tmp/large" "$tmp/none.img"
# mtree is text that names files of the host to be read
printf '#mtree\n./stolen type=file contents=%s\n' "$tmp/secret" >"$tmp/mtree"
expect_fail 1 'Unrecognized archive format' mmfsctl import "$image" "$tmp/mtree"
gzip -c "$tmp/cut.tar" >"$tmp/whole.tar.gz"
head -c 50000 "$tmp/whole.tar.gz" >"$tmp/cut.tar.gz"
expect_fail 1 'runcated|unexpected end' mmfsctl import "$image" "$tmp/cut.tar.gz"
expect_fail 1 'No such file' mmfsctl import "$image" "$tmp/no/such"
expect_fail 1 'cannot import anything at nowhere' mmfsctl import "$image" "$tmp/cut.tar" nowhere
expect_fail 1 'cannot export nowhere: No such file' mmfsctl export "$image" "$tmp/x.tar" nowhere
fsck_clean "$image"

note "an image that is full, an archive that cannot be written"
head -c 75000000 /dev/zero | gzip -1 >"$tmp/zeros.gz"
archive full.tar 'import gzip; add("small", data=b"1"); add("large", data=gzip.open("'"$tmp"'/zeros.gz").read())'
expect_fail 1 'cannot import large: no room left' mkfs.mmfs -J 1M --size=72M --from "$tmp/full.tar" "$tmp/none.img"
[ ! -e "$tmp/none.img" ] || fail "an image is left"
rm "$tmp/full.tar"
expect_fail 1 'No space left' mmfsctl export "$image" /dev/full
expect_fail 1 'does not exist|No such file' mmfsctl export "$image" "$tmp/no/such.tar"
mkfs.mmfs -q --force -J 1M --from "$tmp/cut.tar" "$image"
echo old >"$tmp/x.tar"
chmod 640 "$tmp/x.tar"
{ mmfsctl export "$image" - || echo "status $?" >"$tmp/status"; } 2>"$tmp/said" | head -c 1 >"$tmp/byte"
grep -q 'standard output: Broken pipe' "$tmp/said" && grep -qx 'status 1' "$tmp/status" || fail "$(cat "$tmp/said")"

note "stopped at any moment"
# slow PROGRAM...: its standard input gives more than a pipe takes, so it reads entries by now; then nothing more.
mkfifo "$tmp/pipe"
slow() {
	# what a shell runs in the background has SIGINT ignored
	env --default-signal=INT "$@" <"$tmp/pipe" >"$tmp/said" 2>&1 &
	pid=$!
	exec 7>"$tmp/pipe"
	head -c 300000 "$tmp/cut.tar" >&7
}
ended() {
	code=0
	wait "$pid" || code=$?
	exec 7>&-
}
mkfs.mmfs -q -J 1M --label=old "$tmp/old.img"
for signal in INT TERM HUP KILL; do
	for target in new old; do
		slow mkfs.mmfs --force -J 1M --from - "$tmp/$target.img"
		[ -z "$(find "$tmp" -maxdepth 1 \( -name '*.new-*' -o -name new.img \))" ] || fail "it has a name already"
		kill -$signal "$pid"
		ended
		case $signal in
		KILL) [ $code = 137 ] || fail "status $code" ;;
		*) [ $code = 1 ] && grep -q 'stopped by a signal' "$tmp/said" || fail "$signal: $code, $(cat "$tmp/said")" ;;
		esac
	done
	[ ! -e "$tmp/new.img" ] || fail "$signal: half an image is left"
	expect old mmfsctl label "$tmp/old.img"
	# an import keeps what was complete
	slow mmfsctl import "$image" -
	kill -$signal "$pid"
	ended
	[ $signal = KILL ] || grep -q '1 entries of standard input were imported' "$tmp/said" || fail "$(cat "$tmp/said")"
	fsck_clean "$image"
	mmfsctl cat "$image" two | cmp - "$tmp/large" || fail "half of a file has taken the place of a whole one"
done
mkfs.mmfs -q --force -J 1M --from "$tmp/cut.tar" "$tmp/old.img"
expect 600 stat -c %a "$tmp/old.img"
mmfsctl export "$tmp/old.img" "$tmp/x.tar"
expect 640 stat -c %a "$tmp/x.tar"
tar tf "$tmp/x.tar" >"$tmp/names"
grep -qx ./three "$tmp/names" || fail "$(cat "$tmp/names")"

note "who waits for the image gets the new one"
slow mkfs.mmfs -q --force -J 1M --label=new --from - "$tmp/old.img"
mkdir "$tmp/mnt2"
# not with our end of the pipe
mmfs "$tmp/old.img" "$tmp/mnt2" 2>"$tmp/waits" 7>&- &
waits=$!
: >>"$tmp/waits"
until grep -q 'waiting for the image' "$tmp/waits"; do sleep 0.05; done
tail -c +300001 "$tmp/cut.tar" >&7
exec 7>&-
ended
[ $code = 0 ] || fail "mkfs.mmfs: $code"
wait $waits || fail "mmfs: $? $(cat "$tmp/waits")"
expect "$(printf 'one\nthree\ntwo')" ls "$tmp/mnt2"
unmount "$tmp/mnt2"
expect new mmfsctl label "$tmp/old.img"

note "a file with several names, and a device, are made in place"
ln "$tmp/old.img" "$tmp/other.img"
expect_fail 1 'Unrecognized' mkfs.mmfs --force --from "$tmp/large" "$tmp/other.img"
expect new mmfsctl label "$tmp/old.img"
mkfs.mmfs -q --force -J 1M --from "$tmp/cut.tar" --label=place "$tmp/other.img"
expect place mmfsctl label "$tmp/old.img"
expect_fail 1 'cut short' mkfs.mmfs --force -J 1M --from "$tmp/part.tar" "$tmp/other.img"
expect_fail 1 'empty file' mmfsctl ls "$tmp/old.img"
