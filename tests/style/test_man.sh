#!/bin/bash
# Every program has a man page, and the pages are well-formed.
. "$(dirname "$0")/../lib.sh"
cd "$MMFS_SOURCE"

for program in mmfs mkfs.mmfs fsck.mmfs mmfsctl mount.mmfs umount.mmfs mmfs-run; do
	ls docs/man/"$program".[1-8] >/dev/null || fail "$program has no man page"
done
for page in docs/man/*.[1-8]; do
	if command -v mandoc >/dev/null; then
		mandoc -T lint -W warning "$page" || fail "$page"
	else
		said=$(man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null)
		[ -z "$said" ] || fail "$page: $said"
	fi
	# A date or version that nobody would keep up to date is not asked for; the name must be the file's.
	name=$(basename "$page")
	grep -Eiq "^\.(TH|Dt) \"?$(sed 's/\./\\./g' <<<"${name%.*}")\"? ${name##*.}" "$page" || fail "$page: its title is another"
done

# What they refer to is there, in that section.
grep -ohE '(^|[^a-z.-])((mkfs|fsck|mount|umount)\.mmfs|mmfs|mmfsctl|mmfs-run|libmmfs) ?\([1-8]\)' docs/man/*.[1-8] README.md docs/*.md |
	grep -oE '[a-z].*' | tr -d ' ' | sort -u >"$tmp/references"
[ "$(wc -l <"$tmp/references")" -ge 8 ] || fail "this test sees too few references"
while IFS='()' read -r name section; do
	[ -f "docs/man/$name.${section%)}" ] || fail "there is no $name($section)"
done <"$tmp/references"
