#!/bin/bash
# cp -a of /usr/include and /usr/share, compared in everything before and after a remount, then removed: the
# image shrinks again.
# timeout: 600
. "$(dirname "$0")/../lib.sh"
need_fuse
image=$tmp/a.img mnt=$tmp/mnt

# listing DIRECTORY [FORMAT]: all there is to know of a tree: types, modes, owners, sizes, times, targets, link
# structure, contents, xattrs.
listing() {
	(
		cd "$1"
		find . \( -type d -printf '%p %y %m %U:%G %T@\n' \) -o -printf "%p %y %m %U:%G %s %T@ %l${2:-}\n" | sort
		# Names of one file, side by side; those of which only one lies in this tree do not count.
		find . -type f -links +1 -printf '%i %p\n' | sort -k 2 |
			awk '{ names[$1] = names[$1] " " $2; count[$1]++ }
				END { for (i in names) if (count[i] > 1) print "links:" names[i] }' | sort
		find . -type f -print0 | sort -z | xargs -0 -r sha256sum
		find . -print0 | sort -z | xargs -0 getfattr -h -d -m '^user' 2>/dev/null || true
	)
}

# Parts of the tree until there are enough files; --full takes everything.
want=$(size 20000 100000000)
sources=(/usr/include)
files=$(find /usr/include | wc -l)
for part in /usr/share/*; do
	[ "$files" -lt "$want" ] || break
	[ -d "$part" ] && [ ! -L "$part" ] || continue
	sources+=("$part")
	files=$((files + $(find "$part" | wc -l)))
done
note "$files files"
[ "$files" -ge 2000 ] || fail "too few files on this machine"

mount_image "$image" "$mnt"
empty=$(host_bytes "$image")
mkdir "$mnt/tree"
started=$SECONDS
cp -a "${sources[@]}" "$mnt/tree"
note "copied in $((SECONDS - started)) s"

for part in "${sources[@]}"; do
	diff <(listing "$part") <(listing "$mnt/tree/${part##*/}") >"$tmp/diff" || { head -n 20 "$tmp/diff"; fail "$part differs"; }
done

note "hard links to all of the headers, attributes, moved directories"
cp -al "$mnt/tree/include" "$mnt/links"
find "$mnt/tree/include" -type f | sed -n 1,500p | while IFS= read -r file; do
	setfattr -n user.origin -v "$file" "$file"
done
mkdir "$mnt/moved"
mv "$mnt/links/linux" "$mnt/moved/linux-headers"

listing "$mnt" " %n" >"$tmp/before"
unmount "$mnt"
fsck_clean "$image"
started=$(date +%s%N)
mount_image "$image" "$mnt"
note "remounted in $((($(date +%s%N) - started) / 1000000)) ms"
listing "$mnt" " %n" >"$tmp/after"
diff "$tmp/before" "$tmp/after" >"$tmp/diff" || { head -n 20 "$tmp/diff"; fail "a remount changed the tree"; }
[ "$(grep -c '^links: ' "$tmp/after")" -gt 1000 ] || fail "where are the hard links?"

full_size=$(host_bytes "$image")
started=$SECONDS
rm -r "$mnt"/tree "$mnt"/links "$mnt"/moved
note "removed in $((SECONDS - started)) s"
expect "" ls -A "$mnt"
sync "$mnt"
end=$((SECONDS + 30))
until [ "$(host_bytes "$image")" -le $((empty + (full_size - empty) / 4)) ]; do
	[ "$SECONDS" -lt $end ] || fail "the image does not shrink: $empty, $full_size, $(host_bytes "$image")"
	sleep 0.5
done
unmount "$mnt"
note "host bytes: empty $empty, full $full_size, at the end $(host_bytes "$image")"
[ "$(host_bytes "$image")" -le $((empty + 16 * 1048576)) ] || fail "the image keeps too much"
fsck_clean "$image"
