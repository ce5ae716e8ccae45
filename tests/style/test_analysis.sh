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
# CI looks at the parts where a mistake costs data; --full at the tests too.
directories="backend fs tools"
! full || directories+=" tests"
# shellcheck disable=SC2086 # a list of directories
find $directories -name '*.c' -print0 | xargs -0 -n 4 -P 2 clang-tidy -p "$MMFS_BUILD" --quiet \
	--warnings-as-errors='*' >"$tmp/tidy" 2>"$tmp/tidy.said" || { cat "$tmp/tidy"; fail "clang-tidy"; }
note "clang-tidy: $((SECONDS - started)) s"
