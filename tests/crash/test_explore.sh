#!/bin/bash
# timeout: 1500
# The crash explorer: every crash of many workloads is recovered and compared with a model. Two minutes
# with fixed seeds; in full ten minutes, and ten more with a fresh seed. A failure prints an ID for --replay.
. "$(dirname "$0")/../lib.sh"

explore=$MMFS_BUILD/tests/explore
[ -x "$explore" ] || fail "$explore is not built"
fresh=$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')
if full; then
	plan="1:300 2:300 $fresh:600"
else
	plan="1:60 2:60"
fi
failed=0
for run in $plan; do
	note "explore --seed ${run%:*} --seconds ${run#*:}"
	"$explore" --seed "${run%:*}" --seconds "${run#*:}" || failed=1
done
[ $failed = 0 ] || fail "recovered images differ from the model"
