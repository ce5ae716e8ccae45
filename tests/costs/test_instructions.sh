#!/bin/bash
# Instructions for each operation of the core library, counted by callgrind, are at most a tenth more than
# instructions.txt says. Unlike times they are nearly the same in every run. They depend on the compiler and on what
# the processor has for copying and checksums: where one of these differs, half as much more is accepted.
#
#   tests/costs/test_instructions.sh --renew   writes instructions.txt anew, when a change was worth it
. "$(dirname "$0")/../lib.sh"
command -v valgrind >/dev/null || skip "needs valgrind"
known=$here/instructions.txt
operations=500

environment() {
	local kind
	kind="gcc $(gcc -dumpfullversion), valgrind $(valgrind --version)"
	! grep -qw avx2 /proc/cpuinfo || kind+=", avx2"
	echo "$kind"
}

# Lines "NAME INSTRUCTIONS" in $tmp/counted.
count() {
	valgrind --tool=callgrind --callgrind-out-file="$tmp/out" --toggle-collect='measured_*' \
		"$MMFS_BUILD/tests/core" count "$tmp/image" 4000 $operations >"$tmp/said" 2>&1 || fail "$(tail -n 20 "$tmp/said")"
	callgrind_annotate --inclusive=yes --threshold=100 "$tmp/out" |
		sed -n 's/^ *\([0-9,]*\) .*[:*]measured_\([a-z]*\) .*/\2 \1/p' | tr -d , |
		awk -v n=$operations '{ printf "%s %d\n", $1, $2 / n }' | sort >"$tmp/counted"
}

count
if [ "${1:-}" = --renew ]; then
	{ echo "# Instructions for each; tests/costs/test_instructions.sh --renew" && echo "# $(environment)" &&
		cat "$tmp/counted"; } >"$known"
	exit 0
fi
[ "$(wc -l <"$tmp/counted")" = "$(grep -vc '^#' "$known")" ] || fail "counted: $(cat "$tmp/counted")"
margin=10
grep -qxF "# $(environment)" "$known" || margin=50
note "$(environment): up to $margin % more"
while read -r name instructions; do
	budget=$(sed -n "s/^$name //p" "$known")
	[ -n "$budget" ] || fail "$name is not in instructions.txt"
	echo "$name $instructions, known as $budget"
	[ $((instructions * 100)) -le $((budget * (100 + margin))) ] ||
		fail "$name takes $instructions instructions, more than $budget and $margin %"
	[ $((instructions * 100)) -ge $((budget * (100 - margin))) ] || note "$name has got cheaper: --renew"
done <"$tmp/counted"
