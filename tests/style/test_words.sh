#!/bin/bash
# Nothing is left for later, and no line ends in blanks.
. "$(dirname "$0")/../lib.sh"
cd "$MMFS_SOURCE"

# Written so that this file does not hold them itself.
words='TO''DO|FIX''ME|XX''X|HA''CK'
files=$(find . -path ./.git -prune -o -name 'build*' -prune -o -type f \
	\( -name '*.[ch]' -o -name '*.sh' -o -name '*.md' -o -name '*.[1-8]' -o -name '*.build' -o -path '*/mount-scripts/*' \) -print)
# shellcheck disable=SC2086 # no blanks in names here
if grep -nEw "$words" $files | grep -v 'mmfs-.*\.XXX'; then
	fail "something is left for later"
fi
# shellcheck disable=SC2086
if grep -nE '[[:blank:]]+$' $files; then
	fail "blanks at the end of a line"
fi
