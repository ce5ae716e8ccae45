#!/bin/bash
# Every C file is as clang-format makes it.
. "$(dirname "$0")/../lib.sh"
cd "$MMFS_SOURCE"

# Versions format differently: the one of .clang-format is 14.
program=$(command -v clang-format-14 || command -v clang-format) || skip "needs clang-format 14"
"$program" --version | grep -q 'version 14\.' || skip "needs clang-format 14, not $("$program" --version)"
find backend fs tools tests -name '*.[ch]' -print0 | xargs -0 "$program" --dry-run -Werror
