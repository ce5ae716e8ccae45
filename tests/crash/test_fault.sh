#!/bin/bash
# timeout: 600
# Fault injection: the Nth sync, reservation, size change, write and punch fails, and the host gets full at the
# Nth, for every N.
. "$(dirname "$0")/../lib.sh"

fault=$MMFS_BUILD/tests/fault
[ -x "$fault" ] || fail "$fault is not built"
"$fault"
