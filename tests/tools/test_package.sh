#!/bin/bash
# timeout: 600
# The Debian packages build from the sources, lintian finds no error, and what they hold works where it lies.
. "$(dirname "$0")/../lib.sh"
need_fuse

note "they build from what is in the tree"
mkdir "$tmp/mmfs"
tar -C "$MMFS_SOURCE" --exclude='./build*' --exclude=./.git -cf - . | tar -C "$tmp/mmfs" -xf -
(cd "$tmp/mmfs" && DEB_BUILD_OPTIONS="noautodbgsym parallel=2$(full || echo " noopt")" dpkg-buildpackage -us -uc -b) >"$tmp/build.log" 2>&1 ||
	fail "$(tail -n 40 "$tmp/build.log")"

note "what building takes is what deps.sh says"
sed -n '/^Build-Depends:/,/^[A-Z]/p' "$tmp/mmfs/debian/control" | sed '$d' | grep -oE '[a-z0-9-]+-dev' | sort >"$tmp/control"
"$MMFS_SOURCE/mount-scripts/deps.sh" | tr ' ' '\n' | grep -E -- '-dev$' | grep -v '^libc6-dev$' | sort >"$tmp/deps"
diff "$tmp/control" "$tmp/deps" || fail "debian/control and deps.sh differ"

note "lintian"
lintian --fail-on error --tag-display-limit 0 "$tmp"/mmfs_*.changes >"$tmp/lintian" 2>&1 || fail "$(cat "$tmp/lintian")"
cat "$tmp/lintian"

note "all of it is there"
for package in "$tmp"/*.deb; do
	dpkg-deb -x "$package" "$tmp/root"
done
for file in usr/bin/{mmfs,mkfs.mmfs,fsck.mmfs,mmfsctl,mmfs-run,umount.mmfs} usr/sbin/mount.mmfs usr/include/mmfs.h \
	usr/share/man/man8/mmfs.8.gz usr/share/doc/mmfs/README.md.gz usr/share/doc/libmmfs-dev/examples/notes.c; do
	[ -e "$tmp/root/$file" ] || fail "$file is in no package"
done
dpkg-deb -f "$tmp"/mmfs_*.deb Depends | grep -q fuse3 || fail "mmfs does not depend on fuse3"

note "and works"
PATH="$tmp/root/usr/bin:$tmp/root/usr/sbin:$PATH"
expect "$tmp/root/usr/bin/mmfs" command -v mmfs
mkdir "$tmp/mnt"
# As mount(8) and /etc/fstab call it.
mount.mmfs "$tmp/a.img" "$tmp/mnt" -o rw,noatime
echo packaged >"$tmp/mnt/file"
umount.mmfs "$tmp/mnt"
expect packaged mmfs-run "$tmp/a.img" cat file
fsck_clean "$tmp/a.img"
