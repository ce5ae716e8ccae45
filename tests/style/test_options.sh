#!/bin/bash
# The options that a program takes, its --help and its man page are the same.
. "$(dirname "$0")/../lib.sh"
cd "$MMFS_SOURCE"

# A man page as plain text, without backspaces and breaks.
page_text() {
	local page
	page=$(echo docs/man/"$1".[1-8])
	if command -v mandoc >/dev/null; then
		mandoc -T utf8 -O width=200 "$page"
	else
		MANWIDTH=200 man -l "$page"
	fi | sed 's/.\x08//g; s/\xe2\x80\x90/-/g; s/\xe2\x88\x92/-/g'
}

# Names of mount options: "  -o size=LIMIT   what it does" (x-NAME is a family of names).
mount_options() {
	grep -oE '^[[:space:]]+-o [a-z_-]+' | sed -E 's/^[[:space:]]+-o //' | sort -u
}

letters() {
	grep -oE '^[[:space:]]+-[-A-Za-z].*' | sed -E 's/^[[:space:]]+//; s/[[:space:]]{2,}.*//' |
		grep -oE '(^|[ ,])--?[A-Za-z][A-Za-z0-9-]*' | tr -d ' ,' | grep -vx -- -o | sort -u
}

same() {
	if ! diff -u --label "$2 in --help" --label "$2 in the man page" "$tmp/help" "$tmp/page"; then
		fail "$1: $2 differ"
	fi
	note "$1: $2: $(tr '\n' ' ' <"$tmp/help")"
}

for program in mmfs mkfs.mmfs fsck.mmfs mmfsctl; do
	"$program" --help >"$tmp/help.text" 2>&1 || fail "$program --help: status $?"
	"$program" --version | grep -Eq '[0-9]+\.[0-9]+' || fail "$program --version"
	! grep -E '^.{80}' "$tmp/help.text" || fail "$program --help is too wide for a terminal"
	page_text "$program" >"$tmp/page.text"
	letters <"$tmp/help.text" >"$tmp/help" || true
	letters <"$tmp/page.text" >"$tmp/page" || true
	same "$program" options
	[ $program = mmfs ] || continue
	mount_options <"$tmp/help.text" >"$tmp/help"
	mount_options <"$tmp/page.text" >"$tmp/page"
	[ "$(wc -l <"$tmp/help")" -ge 5 ] || fail "this test sees too few of mmfs's options"
	same mmfs "mount options"
	mv "$tmp/help" "$tmp/mount-options"
done

# And they are taken: an option that --help names is not called unknown; another is.
for option in $(cat "$tmp/mount-options"); do
	mmfs -o "$option" "$tmp/no/such.img" "$tmp/nowhere" >"$tmp/said" 2>&1 </dev/null && fail "mounted nothing?"
	! grep -Eiq 'unknown|unrecogni[sz]ed' "$tmp/said" || fail "mmfs does not know -o $option: $(cat "$tmp/said")"
done
expect_fail 1 'unknown.*nosuchoption' mmfs -o nosuchoption "$tmp/no/such.img" "$tmp"
