#!/bin/bash
# Damaged images: mutations through fsck.mmfs, reading, changing, repair, and for some a mount. A few hundred of a
# fixed seed, and those that found something once; in full 20,000 of a fresh seed. A failure prints an ID for --replay.
# timeout: 300
. "$(dirname "$0")/../lib.sh"
need_fuse

damage=$MMFS_BUILD/tests/damage
[ -x "$damage" ] || fail "$damage is not built"
export TMPDIR=$tmp

# An intent behind the last block, a size that no file can have: fsck.mmfs called them clean.
for id in 2026:12327 2026:13621; do
	"$damage" --replay $id --mount-every 0 >"$tmp/said" 2>&1 || { cat "$tmp/said" >&2; fail "mutant $id"; }
done
if full; then
	"$damage" --count 20000
else
	"$damage" --seed 1 --count 300 --mount-every 100
fi
