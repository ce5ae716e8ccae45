#!/bin/bash
# The benchmark works: in its short mode every phase has a figure for mmfs and for the daemons that store nothing, and
# the chart is one. What the figures are is nobody's concern here.
. "$(dirname "$0")/../lib.sh"
command -v jq >/dev/null || skip "needs jq"
need_fuse
bench=$MMFS_SOURCE/tests/bench

TMPDIR=$tmp bash "$bench/run.sh" --short --systems mmfs,null,null-libfuse --threads 4 \
	--phases create,stat,list,rename,unlink,small,seq-write,seq-rewrite,seq-read-cold,rand,append,untar,rm \
	--json "$tmp/results.json" --svg "$tmp/chart.svg" >"$tmp/table" 2>"$tmp/said" || fail "$(tail -n 20 "$tmp/said")"

# Phases, and two programs.
expect 19 jq '[.results[] | select(.systems | length == 3)] | length' "$tmp/results.json"
expect 0 jq '[.results[].systems[][] | select(. <= 0)] | length' "$tmp/results.json"
expect true jq '.machine.processors > 0 and (.machine.kernel | length > 0)' "$tmp/results.json"
grep -q '^| create | 4 | [0-9,]* | [0-9,]* |' "$tmp/table" || fail "$(cat "$tmp/table")"
grep -Eq '^(met   |MISSED) create, 4 threads: mmfs is [0-9.]+ times null \(wanted: 0.90\)$' "$tmp/table" || fail "$(cat "$tmp/table")"
python3 - "$tmp/chart.svg" <<-'END'
	import sys, xml.etree.ElementTree as tree
	bars = tree.parse(sys.argv[1]).getroot().findall("{http://www.w3.org/2000/svg}rect")
	assert len(bars) > 50, len(bars)
END
expect_fail 1 'no such system: nothing' bash "$bench/run.sh" --systems nothing
expect_fail 1 'unknown argument --nothing' bash "$bench/run.sh" --nothing
