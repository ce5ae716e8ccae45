#!/bin/bash
# Images of every format version there ever was: this version mounts them and finds everything, or refuses them
# by the name of a feature (then a line NAME.refused beside the image holds the words).
. "$(dirname "$0")/../lib.sh"
. "$here/manifest.sh"
need_fuse
mnt=$tmp/mnt
found=0
for packed in "$here"/golden/*.img.gz; do
	[ -e "$packed" ] || continue
	found=$((found + 1))
	name=$(basename "$packed" .img.gz)
	image=$tmp/$name.img
	gzip -dc "$packed" | dd of="$image" bs=64K iflag=fullblock conv=sparse status=none
	note "$name"
	if [ -e "$here/golden/$name.refused" ]; then
		expect_fail 1 "$(cat "$here/golden/$name.refused")" mmfs "$image" "$mnt"
		continue
	fi
	fsck_clean "$image"
	sum=$(sha256sum <"$image")
	mount_image "$image" "$mnt" -o ro
	manifest "$mnt" | diff "$here/golden/${name%-killed}.manifest" - || fail "$name, read-only, differs"
	unmount "$mnt"
	[ "$sum" = "$(sha256sum <"$image")" ] || fail "$name: a read-only mount wrote to it"
	mount_image "$image" "$mnt"
	manifest "$mnt" | diff "$here/golden/${name%-killed}.manifest" - || fail "$name differs"
	echo new >"$mnt/a/new"
	rm -r "$mnt/a/deep"
	remount "$image" "$mnt"
	expect new cat "$mnt/a/new"
	[ ! -e "$mnt/a/deep" ]
	unmount "$mnt"
	fsck_clean "$image"
done
[ $found -ge 2 ] || fail "where are the golden images?"
