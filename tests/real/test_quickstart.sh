#!/bin/bash
# mount-scripts/quickstart.sh, from a checkout to a mount: in ~/mmfs, where many will have it; what it says to do next
# works; what is in the way is refused and left alone. In full it builds, too.
. "$(dirname "$0")/../lib.sh"
need_fuse
export HOME=$tmp/home
mkdir -p "$HOME/mmfs"
(cd "$MMFS_SOURCE" && cp -a backend fs tools mount-scripts docs completion meson.build meson_options.txt "$HOME/mmfs")
if ! full; then
	# built already: what is there is what ninja would make
	mkdir "$HOME/mmfs/build"
	cp "$MMFS_BUILD/mmfs" "$HOME/mmfs/build"
	echo 'build all: phony' >"$HOME/mmfs/build/build.ninja"
fi
quickstart=$HOME/mmfs/mount-scripts/quickstart.sh

# said NAME: the command that it prints for that.
said() {
	sed -n "s/^  $1: *//p" "$tmp/printed"
}

note "without arguments"
"$quickstart" >"$tmp/printed" 2>"$tmp/log" || fail "$(tail -n 20 "$tmp/log")"
cd "$tmp"
bash -c "$(said 'work in it') && echo text >file"
expect text cat "$HOME/mmfs.mnt/file"
[ -f "$HOME/mmfs/meson.build" ] || fail "mounted over the checkout"
expect_fail 1 'something is mounted at .*mmfs.mnt already; unmount it first' "$quickstart"
bash -c "$(said 'unmount it')"
expect "" ls "$HOME/mmfs.mnt"
fsck_clean "$HOME/mmfs.img"
bash -c "$(said 'mount again')"
expect text cat "$HOME/mmfs.mnt/file"
bash -c "$(said 'unmount it')"

note "an image and a directory"
mkdir "$tmp/full"
touch "$tmp/full/file"
expect_fail 1 'full is not empty' "$quickstart" "$tmp/a.img" "$tmp/full"
[ ! -e "$tmp/a.img" ] || fail "an image was made"
expect_fail 1 'give an image and a mountpoint, or nothing' "$quickstart" "$tmp/a.img"
"$quickstart" "$tmp/a.img" "$tmp/new/mnt" >"$tmp/printed" 2>"$tmp/log" || fail "$(tail -n 20 "$tmp/log")"
mountpoint -q "$tmp/new/mnt" || fail "not mounted"
bash -c "$(said 'unmount it')"
