#!/bin/bash
# The core library under ThreadSanitizer: no data race and no inversion of locks while threads do everything at once
# (tests/unit/test_fs_parallel.c). It has a build of its own, of that program only.
# timeout: 600
. "$(dirname "$0")/../lib.sh"
build=$MMFS_SOURCE/build-tsan
options=(--buildtype=debugoptimized -Db_sanitize=thread -Db_lundef=false -Dtests=enabled)

[ ! -f "$build/build.ninja" ] || options+=(--reconfigure)
meson setup "$build" "${options[@]}" >"$tmp/log" 2>&1 || fail "$(tail -n 30 "$tmp/log")"
ninja -C "$build" tests/test_fs_parallel >"$tmp/log" 2>&1 || fail "$(tail -n 30 "$tmp/log")"

MMFS_PARALLEL_STEPS=$(size 3000 200000)
export MMFS_PARALLEL_STEPS TSAN_OPTIONS="halt_on_error=1:exitcode=66:second_deadlock_stack=1"
"$build/tests/test_fs_parallel" >"$tmp/said" 2>&1 || fail "status $?: $(head -n 100 "$tmp/said")"
