#!/bin/bash
# timeout: 900
# Mutants: each breaks one rule of the design on purpose (backend/mutant.h), and the explorer or the fault
# injection must notice; without a mutant the same runs are clean. Here each has the workload that shows it
# soonest. In full, the explorer has to find each among all workloads as well, with a fresh seed.
. "$(dirname "$0")/../lib.sh"

explore=$MMFS_BUILD/tests/explore-mutants fault=$MMFS_BUILD/tests/fault-mutants
ninja -C "$MMFS_BUILD" tests/explore-mutants tests/fault-mutants tests/test_answers-mutants \
	tests/test_goes_on-mutants >"$tmp/build" 2>&1 ||
	{ tail "$tmp/build"; fail "cannot build the programs with mutants"; }

# A mutant, the program, its workload or the kind of its faults. The fault injection has those of R16: the
# explorer's disks do not fail. Those of R17 and R18 are shown by a unit test, PROGRAM:TEST: the explorer has no
# requests.
plan="
R1_SAME_SLOT              explore directed-super
R2_TAKEN_BEFORE_TAIL      explore directed-types 4
R3_STORED_IN_PLACE        explore ace-0
R3_READ_BYPASSES_OVERLAY  explore ace-0
R4_NEW_NOT_ZEROED         explore random-2528297077-341
R5_REPLY_WITHOUT_RECORD   explore ace-0
R6_ROOM_NOT_RESERVED      explore directed-ring
R7_NO_INTENT              explore directed-cut
R8_DATA_NOT_SYNCED        explore ace-30
R8_SEAL_NOT_SYNCED        explore ace-0
R8_DATA_NOT_NOTED         explore ace-30
R8_TAIL_NOT_NOTED         explore ace-39-30
R8_BLOCK_NOT_WHOLE        explore directed-full
R8_NO_NEW_PAGE            explore directed-cut
R9_UNSEALED_APPLIED       explore directed-super
R10_TAIL_BEFORE_SYNC      explore directed-super
R10_RING_REUSED_EARLY     explore ace-5
R11_REUSED_EARLY          explore directed-full
R11_PUNCHED_EARLY         explore ace-10
R12_NOT_SEALED_FIRST      explore directed-full
R13_TAIL_NOT_ZEROED       explore ace-39-41
R14_COLD_REPLAYS_ALL      explore directed-full
R15_NO_FIRST_SYNC         explore ace-41
R15_NO_SEAL               explore ace-5
R15_COLD_NOT_SYNCED       explore ace-47
R15_OLD_EPOCH_REVIVED     explore ace-52 3
R16_SYNC_RETRIED          fault   sync
R16_NOT_FROZEN            fault   sync
R17_TAIL_NOT_HELD         unit    test_answers:tail_waits_for_reply
R17_RUN_AGAIN             unit    test_answers:happened
R17_PART_IS_ANSWER        unit    test_answers:happened
R18_ORPHANS_CLEARED       unit    test_goes_on:unnamed_files
R18_GOES_ON_COLD          unit    test_answers:cold_is_refused
"

# One test of a unit test's program. Status 1: an assertion in it failed, and nothing else went wrong.
run_unit() {
	local code=0
	MMFS_MUTANT=$1 MMFS_TEST_FILTER=${2#*:} ASAN_OPTIONS=detect_leaks=0 \
		"$MMFS_BUILD/tests/${2%:*}-mutants" >"$tmp/out" 2>&1 || code=$?
	grep -q ' 1 test(s) run' "$tmp/out" || { cat "$tmp/out"; fail "$1: $2 did not run"; }
	[ $code = 0 ] || sed -i '1iFAILURE' "$tmp/out"
	return $code
}

# The last line of a run is its result; exit status 1 means that failures were found.
run() {
	local mutant=$1 program=$2 what=$3 seconds=$4 seed=$5 code=0
	if [ "$program" = unit ]; then
		run_unit "$mutant" "$what"
		return
	fi
	if [ "$program" = fault ]; then
		"$fault" --kind "$what" --mutant "$mutant" >"$tmp/out" 2>&1 || code=$?
	else
		"$explore" --workload "$what" --seconds "$seconds" --seed "$seed" --mutant "$mutant" \
			>"$tmp/out" 2>&1 || code=$?
	fi
	grep -q ' failures$' "$tmp/out" || { cat "$tmp/out"; fail "$mutant: $program did not end in order"; }
	return $code
}

lines() { echo "$plan" | grep -v '^$'; }

comm -3 <("$explore" --mutants | cut -f 1 | sort) <(lines | awk '{print $1}' | sort) >"$tmp/differ"
[ ! -s "$tmp/differ" ] || { cat "$tmp/differ"; fail "mutants without a line here, or lines without a mutant"; }

missed=0 caught=0
while read -r mutant program what seed; do
	code=0
	run "$mutant" "$program" "$what" 300 "${seed:-1}" || code=$?
	case $code in
	1) caught=$((caught + 1)) ;;
	0) echo "$mutant: not noticed by $program $what" && missed=1 ;;
	*) cat "$tmp/out" && fail "$mutant: $program ended with status $code" ;;
	esac
	note "$mutant: $(grep -m 1 -A 1 '^FAILURE' "$tmp/out" | tail -n 1 | cut -c 1-120)"
done < <(lines)
note "$caught mutants caught"
[ $missed = 0 ] || fail "some mutants were not noticed"

# Without a mutant nothing is found there, or those findings mean nothing.
while read -r program what seed; do
	run NONE "$program" "$what" 20 "${seed:-1}" || { cat "$tmp/out" && fail "without a mutant, $program $what fails"; }
	note "clean: $program $what: $(tail -n 1 "$tmp/out")"
done < <(lines | awk '{print $2, $3, $4}' | sort -u)

if full; then
	seed=$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')
	lines | awk '$2 == "explore" {print $1}' | while read -r mutant; do
		note "explore-mutants --mutant $mutant --workload all --seconds 600 --seed $seed"
		! run "$mutant" explore all 600 "$seed" || fail "$mutant is not noticed with seed $seed"
	done
fi
