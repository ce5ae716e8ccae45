#!/bin/bash
# A function fits on a screen (70 lines, braces included) and a file in a head (600 lines).
. "$(dirname "$0")/../lib.sh"
cd "$MMFS_SOURCE"

mapfile -t files < <(find backend fs tools tests mount-scripts -name '*.[ch]' -o -name '*.sh' | sort)
[ ${#files[@]} -gt 30 ] || fail "where are the sources?"
awk '
	FNR == 1 { start = 0 }
	FNR == 601 { print FILENAME ": more than 600 lines"; bad = 1 }
	FILENAME !~ /\.sh$/ && /^\{/ { start = FNR }
	FILENAME ~ /\.sh$/ && /^[a-z_]+\(\) \{/ { start = FNR }
	/^\}/ && start {
		if (FNR - start + 1 > 70) { print FILENAME ":" start ": a function of " FNR - start + 1 " lines"; bad = 1 }
		start = 0
	}
	END { exit bad }
' "${files[@]}" || fail "too long"
