#!/bin/bash
# Damaged images: mutations through fsck.mmfs, reading, changing, repair, and for some a mount. As many as a quarter of
# a minute takes of a fixed seed; in full 20,000 of a fresh one. A failure prints an ID for --replay.
# timeout: 300
. "$(dirname "$0")/../lib.sh"
need_fuse

damage=$MMFS_BUILD/tests/damage
[ -x "$damage" ] || fail "$damage is not built"
if full; then
	TMPDIR=$tmp "$damage" --count 20000
else
	TMPDIR=$tmp "$damage" --seed 1 --count 250 --mount-every 100
fi
