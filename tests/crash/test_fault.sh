#!/bin/bash
# timeout: 600
# Fault injection: the Nth sync, reservation, size change, write and punch fails, and the host gets full at the
# Nth, for every N; and the Nth time that memory is asked for there is none.
. "$(dirname "$0")/../lib.sh"

fault=$MMFS_BUILD/tests/fault
[ -x "$fault" ] || fail "$fault is not built"
ninja -C "$MMFS_BUILD" tests/fault-mutants >"$tmp/build" 2>&1 || { tail "$tmp/build"; fail "cannot build fault-mutants"; }
"$fault"
"$fault-mutants" --kind memory
