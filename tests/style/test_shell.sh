#!/bin/bash
# The scripts parse, and shellcheck has nothing against them.
. "$(dirname "$0")/../lib.sh"
cd "$MMFS_SOURCE"

mapfile -t scripts < <(grep -rlE '^#!/bin/(ba)?sh|^# shellcheck shell' tests mount-scripts .ci)
[ ${#scripts[@]} -gt 10 ] || fail "where are the scripts?"
for script in "${scripts[@]}"; do
	case $(head -n 1 "$script") in
	'#!/bin/sh') sh -n "$script" ;;
	*) bash -n "$script" ;;
	esac
done
command -v shellcheck >/dev/null || skip "needs shellcheck"
# lib.sh, which shellcheck does not follow, sets tmp (SC2154) and makes a failed cd end the test (SC2164).
shellcheck -S warning -e SC1091,SC2154,SC2164 "${scripts[@]}"
