#!/bin/sh
# From a fresh Debian or Ubuntu machine to a mounted filesystem: installs what is
# missing, builds, mounts.
#
#   quickstart.sh [IMAGE MOUNTPOINT]     default: ~/mmfs.img at ~/mmfs.mnt
set -eu

case ${1-} in
-h | --help)
	sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0"
	exit 0
	;;
esac
case $# in
0)
	image=$HOME/mmfs.img
	mountpoint=$HOME/mmfs.mnt # not ~/mmfs: that may well be where this stands
	;;
2)
	image=$1
	mountpoint=$2
	;;
*)
	echo "quickstart.sh: give an image and a mountpoint, or nothing; usage: quickstart.sh [IMAGE MOUNTPOINT]" >&2
	exit 1
	;;
esac

scripts=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
source=$(dirname "$scripts")
build=$source/build

"$scripts/deps.sh" --install
if [ ! -f "$build/build.ninja" ]; then
	meson setup "$build" "$source" --buildtype=release -Dtests=disabled >&2
fi
ninja -C "$build" >&2

# A minimal machine keeps FUSE to root; distributions' udev rules give everybody this mode.
if [ "$(id -u)" != 0 ] && [ -c /dev/fuse ] && [ ! -w /dev/fuse ] && command -v sudo >/dev/null; then
	sudo chmod 0666 /dev/fuse
fi
if [ ! -c /dev/fuse ]; then
	if [ "$(id -u)" = 0 ]; then modprobe fuse || true; else sudo modprobe fuse || true; fi
fi

# One that a dead daemon left is not there for -d; mmfs detaches it.
[ -d "$mountpoint" ] || mkdir -p "$mountpoint" 2>/dev/null || true
if mountpoint -q "$mountpoint" 2>/dev/null; then
	echo "quickstart.sh: something is mounted at $mountpoint already; unmount it first: $scripts/umount.mmfs $mountpoint" >&2
	exit 1
fi
if [ -n "$(ls -A "$mountpoint" 2>/dev/null)" ]; then
	echo "quickstart.sh: $mountpoint is not empty, and what is in it would be hidden; give another directory" >&2
	exit 1
fi
"$build/mmfs" "$image" "$mountpoint"

cat <<END
$image is mounted at $mountpoint.

  work in it:    cd $mountpoint
  unmount it:    $scripts/umount.mmfs $mountpoint
  mount again:   $build/mmfs $image $mountpoint
  install mmfs:  sudo ninja -C $build install
END
