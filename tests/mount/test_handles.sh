#!/bin/bash
# File handles (as NFS servers and backup programs use them): the same file through renames, caches dropped, remounts
# and a restart after kill -9; ESTALE for what has been deleted, even when a new file has taken its place.
. "$(dirname "$0")/../lib.sh"
need_fuse
helper unnamed
image=$tmp/a.img mnt=$tmp/mnt
mount_image "$image" "$mnt"

mkdir -p "$mnt/dir/deep/er"
echo first >"$mnt/file"
echo nested >"$mnt/dir/deep/er/file"
echo doomed >"$mnt/doomed"
ln "$mnt/file" "$mnt/dir/link"
declare -A leads
for path in file dir dir/deep/er dir/deep/er/file doomed .; do
	name=${path//\//-}
	unnamed take "$mnt/$path" "$tmp/$name.handle"
	leads[$name]="$(stat -c %i "$mnt/$path") "
	if [ -d "$mnt/$path" ]; then
		leads[$name]+="directory "
	else
		leads[$name]+="file $(cat "$mnt/$path")"
	fi
done

handles_lead() {
	local name
	for name in "${!leads[@]}"; do
		expect "${leads[$name]}" unnamed open "$mnt" "$tmp/$name.handle"
	done
}

note "with everything cached, then with nothing"
handles_lead
echo 3 >/proc/sys/vm/drop_caches
handles_lead

note "after renames, of the file and of a directory above"
mv "$mnt/file" "$mnt/dir/deep/moved"
mv "$mnt/dir/deep" "$mnt/elsewhere"
handles_lead

note "after a remount: nothing of it has been looked up"
remount "$image" "$mnt"
handles_lead
remount "$image" "$mnt" -o ro
handles_lead
remount "$image" "$mnt"

note "after kill -9"
kill_daemon "$image"
mmfs "$image" "$mnt"
handles_lead

note "the first thing after a remount: a directory deep down, whose parents have to be found from it"
remount "$image" "$mnt"
expect "${leads[dir-deep-er]}" unnamed open "$mnt" "$tmp/dir-deep-er.handle"

note "what was deleted is stale, and stays so when new files come"
rm "$mnt/doomed"
expect_fail 1 ESTALE unnamed open "$mnt" "$tmp/doomed.handle"
for i in $(seq 50); do echo new >"$mnt/new$i"; done
expect_fail 1 ESTALE unnamed open "$mnt" "$tmp/doomed.handle"
remount "$image" "$mnt"
expect_fail 1 ESTALE unnamed open "$mnt" "$tmp/doomed.handle"
echo newer >"$mnt/doomed"
expect_fail 1 ESTALE unnamed open "$mnt" "$tmp/doomed.handle"
unset 'leads[doomed]'
handles_lead

note "and the handle of another image means nothing here"
mount_image "$tmp/b.img" "$tmp/second"
for i in $(seq 50); do echo other >"$tmp/second/$i"; done
for name in file dir-deep-er; do
	expect_fail 1 ESTALE unnamed open "$tmp/second" "$tmp/$name.handle"
done
unmount "$tmp/second"
unmount "$mnt"
fsck_clean "$image"
