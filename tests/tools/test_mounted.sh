#!/bin/bash
# The file commands of mmfsctl on an image, on the mount that serves it, and on the image while it is mounted: they
# print the same and do the same. Links lead nowhere out of the mount.
. "$(dirname "$0")/../lib.sh"
. "$here/tree.sh"
need_fuse

image=$tmp/a.img mnt=$tmp/mnt source=$tmp/source
make_tree "$source"
ln -s /plain/small "$source/absolute"
ln -s ../../../../plain/small "$source/upwards"
ln -s loop "$source/loop"
mkfs.mmfs -q -J 1M --size=1G --from "$source" "$image"

# shown TARGET: what the reading commands print of it, with their statuses.
shown() {
	local command
	while read -r command; do
		echo "== $command"
		# shellcheck disable=SC2086 # words
		mmfsctl ${command%% *} "$1" ${command#* } 2>&1 && echo "status 0" || echo "status $?"
	done <<-'END' | sed "s|$1|TARGET|g"
		ls -l
		ls -laR names plain
		ls -R .
		ls -l link_to_directory
		ls -lR --json names
		ls nothing closed/../names/link
		ls -l plain/small names/link/
		tree .
		tree -a names
		cat plain/small names/link names/../link_to_directory/small
		cat absolute upwards
		cat loop
		cat names
		cat fifo
		cat nothing plain/small
	END
}

note "what is printed"
shown "$image" >"$tmp/unmounted"
grep -q '^status 1' "$tmp/unmounted"
mount_image "$image" "$mnt" -o acl,noatime
shown "$mnt" | diff -u "$tmp/unmounted" - || fail "through the mountpoint"
shown "$image" | diff -u "$tmp/unmounted" - || fail "through the image's mount"
expect "$(df --output=iused "$mnt" | tail -n 1 | tr -d ' ')" sh -c 'mmfsctl df --json "$1" | jq .inodes' sh "$mnt"
mmfsctl df "$image" | grep -Eq "^ *[0-9]+ +[0-9]+ +[0-9]+ +[0-9]+% +[0-9]+ $image\$" || fail "$(mmfsctl df "$image")"

note "get and put"
mmfsctl get "$mnt" / "$tmp/got"
same_tree "$source" "$tmp/got"
mmfsctl put "$image" "$source" /
same_tree "$source" "$mnt/source"
mmfsctl put "$mnt" "$source/." /source
mmfsctl get "$mnt" source/. "$tmp/got"
same_tree "$source" "$tmp/got"
[ -z "$(mmfsctl ls -aR "$mnt" | grep mmfsctl-)" ] || fail "something is left"

note "import and export"
mmfsctl export "$image" - names plain/small | tar -t | grep -qx plain/small || fail "export through the mount"
tar -c -C "$source" names | mmfsctl import "$image" - /source
[ -f "$mnt/source/names/a" ] || fail "import through the mount"

note "mkdir and rm"
mmfsctl mkdir -p "$mnt" made/in/several link_to_directory/through
expect_fail 1 'cannot make made: File exists' mmfsctl mkdir "$image" made
expect_fail 1 'cannot make plain/small: Not a directory' mmfsctl mkdir -p "$mnt" plain/small
[ -d "$mnt/made/in/several" ] && [ -d "$mnt/plain/through" ]
expect_fail 1 'cannot remove made: Is a directory' mmfsctl rm "$image" made
expect_fail 1 'cannot remove nothing: No such file' mmfsctl rm "$mnt" nothing names/c
expect_fail 1 'cannot remove /: Invalid' mmfsctl rm -rf "$mnt" /
mmfsctl rm -r "$image" made source link_to_directory
[ ! -e "$mnt/made" ] && [ ! -e "$mnt/source" ] && [ -f "$mnt/plain/small" ] && [ ! -L "$mnt/link_to_directory" ]

note "nothing outside of the mount is reached"
echo outside >"$tmp/secret"
ln -s "$tmp" "$mnt/out"
expect_fail 1 'out/secret: No such file' mmfsctl cat "$mnt" out/secret
expect_fail 1 'No such file' mmfsctl rm -r "$mnt" out/source
expect outside cat "$tmp/secret"
expect_fail 1 'No such file' mmfsctl put "$mnt" "$source/plain" out/there
mkdir "$mnt/over"
mount -t tmpfs -o size=1m mmfs-test "$mnt/over"
echo other >"$mnt/over/file"
expect_fail 1 'over/file: Invalid cross-device link' mmfsctl cat "$mnt" over/file
umount "$mnt/over"
unmount "$mnt"
fsck_clean "$image"

note "with the rights of the caller"
nobody_setup
mount_image "$image" "$mnt" -o allow_other
as_nobody mmfsctl ls "$mnt" names >/dev/null
expect_fail 1 'Permission denied' as_nobody mmfsctl cat "$mnt" names/b
expect_fail 1 'cannot remove names/a: Permission denied' as_nobody mmfsctl rm "$mnt" names/a
mkdir -m 1777 "$mnt/all"
as_nobody mmfsctl put "$mnt" "$source/plain/large" "$source/plain/small" all
expect nobody stat -c %U "$mnt/all/small"
cmp "$source/plain/small" "$mnt/all/small"
unmount "$mnt"
fsck_clean "$image"
