#!/bin/bash
# What goes into an image by mkfs.mmfs --from or mmfsctl put and comes out by mmfsctl get is what it was, in every
# attribute; a mount shows the same.
. "$(dirname "$0")/../lib.sh"
. "$here/tree.sh"
need_fuse

source=$tmp/source
make_tree "$source"
facts "$source" >"$tmp/facts.0"
[ "$(wc -l <"$tmp/facts.0")" -gt 70 ] || fail "facts sees too little: $(wc -l <"$tmp/facts.0")"

# Copying is no reading.
unread() {
	touch -a -d '2001-02-03 04:05:06.8 UTC' "$source/plain/small"
}

# Before anything reads them.
times() {
	expect 981173106.800000000 stat -c %.9X "$1/plain/small"
}

note "mkfs.mmfs --from and get"
unread
mkfs.mmfs -q -J 1M --from "$source" "$tmp/from.img"
fsck_clean "$tmp/from.img"
times "$source"
mmfsctl get "$tmp/from.img" / "$tmp/from"
times "$tmp/from"
same_tree "$source" "$tmp/from"

note "put and get"
mkfs.mmfs -q -J 1M "$tmp/put.img"
unread
mmfsctl put "$tmp/put.img" "$source" /
mmfsctl get "$tmp/put.img" /source "$tmp/put"
times "$tmp/put"
same_tree "$source" "$tmp/put"
# A directory of that name is there now: everything is replaced, and nothing else.
echo other >"$tmp/put/plain/small"
touch "$tmp/put/more"
mmfsctl put "$tmp/put.img" "$tmp/put" /source
mmfsctl ls "$tmp/put.img" /source/put | grep -qx more || fail "not put into the directory"
mmfsctl put "$tmp/put.img" "$tmp/put/." source/
expect "$(printf 'other\nother')" mmfsctl cat "$tmp/put.img" source/plain/small source/plain/deep/er/again
mmfsctl rm -r "$tmp/put.img" source/put source/more
mmfsctl put "$tmp/put.img" "$source/." /source
rm "$tmp/put/more"
mmfsctl get "$tmp/put.img" source/. "$tmp/put"
same_tree "$source" "$tmp/put"
[ -z "$(mmfsctl ls -aR "$tmp/put.img" | grep mmfsctl-)" ] || fail "something is left in the image"
fsck_clean "$tmp/put.img"

note "through a mount"
mount_image "$tmp/from.img" "$tmp/mnt" -o acl
times "$tmp/mnt"
same_tree "$source" "$tmp/mnt"
cp -a "$source" "$tmp/mnt/copy"
unmount "$tmp/mnt"
mmfsctl get "$tmp/from.img" copy "$tmp/copied"
same_tree "$source" "$tmp/copied"
mount_image "$tmp/put.img" "$tmp/mnt" -o acl
same_tree "$source" "$tmp/mnt/source"
unmount "$tmp/mnt"

note "a default ACL at the target is not inherited"
mkfs.mmfs -q -J 1M "$tmp/acl.img"
mount_image "$tmp/acl.img" "$tmp/mnt" -o acl
mkdir "$tmp/mnt/inherits"
setfacl -d -m u:55:rwx "$tmp/mnt/inherits"
chmod g+s "$tmp/mnt/inherits"
chgrp 88 "$tmp/mnt/inherits"
unmount "$tmp/mnt"
mmfsctl put "$tmp/acl.img" "$source" "$source/names/b" inherits
mmfsctl get "$tmp/acl.img" inherits/source inherits/b "$tmp/mnt"
same_tree "$source" "$tmp/mnt/source"
expect "$(getfattr --absolute-names -d -m - "$source/names/b" | tail -n +2)" eval 'getfattr --absolute-names -d -m - "$tmp/mnt/b" | tail -n +2'

note "an image that was not unmounted, and one within its own source"
mkdir "$tmp/whole"
cp -r "$source/plain" "$tmp/whole/"
mkfs.mmfs -q -J 1M --from "$tmp/whole" "$tmp/whole/inner.img"
expect plain mmfsctl ls "$tmp/whole/inner.img"
mkfs.mmfs -q --force -J 1M --from "$tmp/whole" "$tmp/whole/inner.img" 2>"$tmp/said"
grep -q 'inner.img: note: the image itself is left out' "$tmp/said" || fail "$(cat "$tmp/said")"
expect plain mmfsctl ls "$tmp/whole/inner.img"
mount_image "$tmp/acl.img" "$tmp/mnt2"
echo acknowledged >"$tmp/mnt2/late"
kill_daemon "$tmp/acl.img"
umount -l "$tmp/mnt2"
expect acknowledged mmfsctl cat "$tmp/acl.img" late
mmfsctl mkdir "$tmp/acl.img" after
expect acknowledged mmfsctl cat "$tmp/acl.img" late
fsck_clean "$tmp/acl.img"

big=$(size "$MMFS_SOURCE/tests/posix" /usr)
note "many files: $big"
mkfs.mmfs -q --from "$big" "$tmp/big.img"
mmfsctl get "$tmp/big.img" / "$tmp/big"
diff -r --no-dereference "$big" "$tmp/big" || fail "$big differs"
fsck_clean "$tmp/big.img"
