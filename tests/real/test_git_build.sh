#!/bin/bash
# This repository cloned into a mount, checked by git, and mmfs built there.
# timeout: 600
. "$(dirname "$0")/../lib.sh"
need_fuse
command -v git >/dev/null || skip "needs git"
image=$tmp/a.img mnt=$tmp/mnt
mount_image "$image" "$mnt"

# The checkout may belong to somebody else than root.
export HOME=$tmp/home GIT_AUTHOR_NAME=test GIT_AUTHOR_EMAIL=test@localhost
export GIT_COMMITTER_NAME=test GIT_COMMITTER_EMAIL=test@localhost
mkdir "$HOME"
git config --global safe.directory '*'
git config --global advice.detachedHead false

if git -C "$MMFS_SOURCE" rev-parse --git-dir >/dev/null 2>&1; then
	git clone -q --no-hardlinks "file://$MMFS_SOURCE" "$mnt/mmfs"
else
	note "not a git checkout: a repository is made from its files"
	git init -q "$mnt/mmfs"
fi
cd "$mnt/mmfs"

# What is not committed yet comes along, and is committed here.
(cd "$MMFS_SOURCE" && find . -name .git -prune -o -name 'build*' -type d -prune -o -type f -print0 |
	tar -c --null -T - -f -) | tar -x -f -
git add -A
git commit -q --allow-empty -m "everything"
git fsck --full --strict
git gc -q
git fsck --full
[ -z "$(git status --porcelain)" ] || fail "$(git status --porcelain)"

meson setup build >"$tmp/log" 2>&1 || { tail -n 30 "$tmp/log"; fail "meson setup"; }
ninja -C build >"$tmp/log" 2>&1 || { tail -n 30 "$tmp/log"; fail "ninja"; }
build/mmfs --version
./build/mkfs.mmfs "$mnt/inner.img"
./build/fsck.mmfs -n "$mnt/inner.img"
ninja -C build | grep 'no work to do'

note "the same after a remount, and an image in the image mounts"
git rev-parse HEAD >"$tmp/head"
cd /
remount "$image" "$mnt"
cd "$mnt/mmfs"
expect "$(cat "$tmp/head")" git rev-parse HEAD
[ -z "$(git status --porcelain)" ] || fail "$(git status --porcelain)"
git fsck --full
ninja -C build | grep 'no work to do'
mount_image "$mnt/inner.img" "$tmp/inner"
echo inside >"$tmp/inner/file"
unmount "$tmp/inner"
cd /
unmount "$mnt"
fsck_clean "$image"
