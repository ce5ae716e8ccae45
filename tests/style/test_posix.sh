#!/bin/bash
# docs/POSIX.md: each promise names a test, and each system call of the suite is named by one. That the tests named exist
# is for test_links.sh.
. "$(dirname "$0")/../lib.sh"
cd "$MMFS_SOURCE"

bad=0
rows=0
while IFS= read -r row; do
	rows=$((rows + 1))
	grep -q '| .*`tests/\|`times\.c`' <<<"$row" || { echo "no test: $row"; bad=1; }
done < <(grep '^| ' docs/POSIX.md | grep -v '^| promise |')
[ $rows -ge 40 ] || fail "only $rows promises: is this test blind?"

for folder in tests/posix/suite/*/; do
	grep -qF "\`$folder" docs/POSIX.md || { echo "docs/POSIX.md does not name $folder"; bad=1; }
done
[ $bad = 0 ] || fail "docs/POSIX.md"
