#!/bin/bash
# mmfsctl ls, tree, df, cat, rm, mkdir, label: what they print, and that they do what their models do.
. "$(dirname "$0")/../lib.sh"
. "$here/tree.sh"
need_fuse

image=$tmp/a.img
make_tree "$tmp/source"
mkfs.mmfs -q -J 1M --size=1G --from "$tmp/source" "$image"
mount_image "$image" "$tmp/mnt" -o acl,ro

# like_ls OPTIONS [PATH]: as ls of the same at the mount, blanks aside; ls puts "+" behind modes with ACLs.
like_ls() {
	local options=$1 path=${2:-.}
	(cd "$tmp/mnt" && ls -1 "${options/l/n}" --time-style=long-iso "$path") |
		sed -E 's/^([-a-z]{9}[-a-zST])[+]/\1/; s/ +/ /g' >"$tmp/expected"
	mmfsctl ls "$options" "$image" "$path" | sed -E 's/ +/ /g' >"$tmp/got"
	diff -u "$tmp/expected" "$tmp/got" >&2 || fail "ls $options $path"
	[ -s "$tmp/got" ] || fail "ls $options $path: nothing"
}

note "ls as ls(1) (an image that is mounted read-only can be read)"
export TZ=UTC
like_ls -l
like_ls -la names
like_ls -lR
like_ls -laR plain
like_ls -a
like_ls -R
like_ls -l link_to_directory
like_ls -l names/link
expect "$(ls "$tmp/mnt/plain")" mmfsctl ls "$image" link_to_directory
expect small mmfsctl cat "$image" /names/../link_to_directory/small
expect small mmfsctl cat "$image" names/link
expect "" mmfsctl ls "$image" closed
unmount "$tmp/mnt"

note "JSON"
python=$(command -v python3) || skip "needs python3"
mmfsctl ls -aR --json "$image" >"$tmp/json"
mmfsctl df --json "$image" >"$tmp/df.json"
"$python" - "$tmp" <<'END'
import json, os, sys
tmp = sys.argv[1]
source = os.fsencode(tmp + "/source")
rows = {os.fsencode(r["path"]): r for r in json.load(open(tmp + "/json")) if os.path.basename(r["path"]) not in (".", "..")}
found = {}
for path, directories, files in os.walk(source):
    for name in directories + files:
        full = os.path.join(path, name)
        found[full[len(source):]] = os.lstat(full)
assert rows.keys() == found.keys(), rows.keys() ^ found.keys()
for path, status in found.items():
    row = rows[path]
    assert int(row["mode"], 8) == status.st_mode & 0o7777, path
    assert (row["uid"], row["gid"]) == (status.st_uid, status.st_gid), path
    assert row["type"] in ("directory",) or row["size"] == status.st_size, path
    assert abs(row["mtime"] - status.st_mtime) < 1e-5, path
    if row["type"] == "symlink":
        assert os.fsencode(row["target"]) == os.readlink(source + path), path
room = json.load(open(tmp + "/df.json"))
assert room["total_bytes"] > 900 << 20 and room["used_bytes"] + room["available_bytes"] == room["total_bytes"]
assert room["inodes"] > 20
END
expect "[]" mmfsctl ls --json "$image" closed

note "tree, df"
mmfsctl tree "$image" names plain/deep >"$tmp/tree"
cat >"$tmp/expected" <<'END'
names
|-- a
|-- b
|-- c
|-- capable
|-- dangling -> nowhere
|-- link -> ../plain/small
|-- link2 -> ../plain/small
END
head -n 8 "$tmp/tree" | diff -u "$tmp/expected" - || fail "tree"
printf '%s\n' 'plain/deep' '`-- er' '    `-- again' '' '3 directories, 9 files' >"$tmp/expected"
tail -n 5 "$tmp/tree" | diff -u "$tmp/expected" - || fail "tree"
mmfsctl df "$image" | grep -Eq "^ *[0-9]{6,7} +[0-9]+ +[0-9]{6,7} +[0-9]+% +[0-9]+ $image\$" || fail "$(mmfsctl df "$image")"

note "mkdir, rm"
mmfsctl mkdir "$image" /made made/in
expect_fail 1 'cannot make made: File exists' mmfsctl mkdir "$image" made
expect_fail 1 'cannot make no/such: No such file' mmfsctl mkdir "$image" no/such
expect_fail 1 'cannot make plain/small: Not a directory' mmfsctl mkdir -p "$image" plain/small
expect_fail 1 'cannot make /: File exists' mmfsctl mkdir "$image" /
mmfsctl mkdir -p "$image" made/in/several/more/ link_to_directory/through /
expect "in
in/several
in/several/more" eval 'mmfsctl get "$image" made "$tmp/made" && (cd "$tmp/made" && find . -mindepth 1 -printf "%P\n")'
expect_fail 1 'cannot remove made: Is a directory' mmfsctl rm "$image" made
expect_fail 1 'cannot remove plain/small/: Not a directory' mmfsctl rm -r "$image" plain/small/
expect_fail 1 'cannot remove /: Invalid' mmfsctl rm -rf "$image" /
expect_fail 1 'cannot remove names/..: Invalid' mmfsctl rm -rf "$image" names/..
expect_fail 1 'cannot remove nothing: No such file' mmfsctl rm "$image" nothing names/c
expect_fail 1 'No such file' mmfsctl ls "$image" names/c
mmfsctl rm -f "$image" nothing
mmfsctl rm -r "$image" made link_to_directory
expect small mmfsctl cat "$image" plain/small
mmfsctl rm -rf "$image" plain names .hidden "with blank" nothing
expect "$(printf '.\n..\nblock\ncharacter\nclosed\nempty\nfifo\nhole\nsocket\nsparse')" mmfsctl ls -a "$image"
fsck_clean "$image"

note "label"
expect "" mmfsctl label "$image"
mmfsctl label "$image" "a new name"
expect "a new name" mmfsctl label "$image"
mmfsctl label "$image" short
expect short mmfsctl label "$image"
mmfsctl info "$image" | grep -q '"short"' || fail "$(mmfsctl info "$image")"
expect_fail 1 'longer than 63' mmfsctl label "$image" "$(printf '%064d' 0)"
mmfsctl label "$image" ""
expect "" mmfsctl label "$image"
fsck_clean "$image"

note "usage"
expect_fail 2 'give an image' mmfsctl ls
expect_fail 2 'more paths' mmfsctl cat "$image"
expect_fail 2 'more paths' mmfsctl put "$image" /
expect_fail 2 'too many' mmfsctl df "$image" /
expect_fail 2 'wrong option' mmfsctl cat -l "$image" /
expect_fail 2 'unrecognized option' mmfsctl ls --nonsense "$image"
