#!/bin/bash
# cppcheck and clang-tidy find nothing. What they get wrong is listed with a reason: cppcheck.txt beside this
# file, .clang-tidy at the top.
# timeout: 600
. "$(dirname "$0")/../lib.sh"
cd "$MMFS_SOURCE"

command -v cppcheck >/dev/null || skip "needs cppcheck"
command -v clang-tidy >/dev/null || skip "needs clang-tidy"
started=$SECONDS
cppcheck -q -j 2 --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
	--suppressions-list=tests/style/cppcheck.txt -D_GNU_SOURCE -DMMFS_VERSION='"0"' backend fs tools
note "cppcheck: $((SECONDS - started)) s"

started=$SECONDS
# The analyzer takes two seconds a file: it has its say in --full only.
checks='-clang-analyzer-*'
! full || checks=
find backend fs tools -name '*.c' -print0 | xargs -0 -n 4 -P 2 clang-tidy -p "$MMFS_BUILD" --quiet \
	--checks="$checks" --warnings-as-errors='*' >"$tmp/tidy" 2>"$tmp/tidy.said" ||
	{ grep -E '(error|warning):' "$tmp/tidy"; fail "clang-tidy"; }
note "clang-tidy: $((SECONDS - started)) s"
