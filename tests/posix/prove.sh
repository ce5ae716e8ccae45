#!/bin/bash
# The POSIX suite by prove(1), on any directory of any filesystem:
#
#   tests/posix/prove.sh DIRECTORY [RULE...]      RULE: a file below tests/posix/suite, as rename/loops.c
#
# Without RULE: those that an ordinary mount can hold; the others need a read-only or a full filesystem, or one with
# ACLs (tests/posix/test_suite.sh makes those). Needs root.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
if [ $# -lt 1 ] || [ ! -d "$1" ]; then
	sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2
	exit 2
fi
directory=$(realpath "$1")
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
"$here/build_suite.sh" "$work/suite"
cd "$here/suite"
if [ $# -gt 0 ]; then rules=("$@"); else mapfile -t rules < <("$work/suite" --list | grep -v -e '^readonly/' -e '^full/' -e '^guarded/' -e '^acl/'); fi
prove --exec "$work/suite $directory" "${rules[@]}"
