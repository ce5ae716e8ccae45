#!/bin/bash
# Damaged images: mutations through fsck.mmfs, reading, changing, repair, and for some a mount. A few hundred of a
# fixed seed, and one that is about intents; in full 20,000 of a fresh seed. A failure prints an ID for --replay.
# timeout: 300
. "$(dirname "$0")/../lib.sh"
need_fuse

damage=$MMFS_BUILD/tests/damage
[ -x "$damage" ] || fail "$damage is not built"
export TMPDIR=$tmp

# Intents of files that are not there.
"$damage" --replay 2029:641 --mount-every 0 --verbose >"$tmp/said" 2>&1 || { cat "$tmp/said" >&2; fail "mutant 2029:641"; }
grep -q 'the intent for inode' "$tmp/said" || fail "no intent in this mutant any more"
if full; then
	"$damage" --count 20000
else
	"$damage" --seed 1 --count 300 --mount-every 100
fi
