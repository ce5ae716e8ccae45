/*
 * Mutants: deliberate faults, each breaking a rule of the design, so that the tests can show that they would
 * notice (tests/crash/test_mutants.sh, docs/DURABILITY.md). A line of the sources that a mutant changes asks
 * MUTANT(name), which is the constant 0 in every program but the test programs made for this, with
 * MMFS_MUTANTS; those choose one mutant when they start.
 */
#ifndef MMFS_MUTANT_H
#define MMFS_MUTANT_H

#define MUTANTS(X)                                                                                           \
	X(R1_SAME_SLOT, "each superblock goes to the slot of the one before it")                             \
	X(R2_TAKEN_BEFORE_TAIL, "an empty metadata group becomes free for data while records can touch it")  \
	X(R3_STORED_IN_PLACE, "changed metadata is stored into its home block at commit")                    \
	X(R3_READ_BYPASSES_OVERLAY, "a read sees the home block though the overlay has a newer one")         \
	X(R4_NEW_NOT_ZEROED, "replay and checkpoint build a new block on what stood there")                  \
	X(R5_REPLY_WITHOUT_RECORD, "an operation is answered though its record is not in the ring")          \
	X(R6_ROOM_NOT_RESERVED, "transactions do not reserve ring room")                                     \
	X(R7_NO_INTENT, "a truncate of several records leaves no intent")                                    \
	X(R8_DATA_NOT_SYNCED, "a seal is appended without the sync of data before it")                       \
	X(R8_SEAL_NOT_SYNCED, "a seal counts before the ring is synced")                                     \
	X(R8_DATA_NOT_NOTED, "a seal does not know of the data that records stored")                         \
	X(R8_TAIL_NOT_NOTED, "a seal does not know of zeroed tails")                                         \
	X(R8_BLOCK_NOT_WHOLE, "a new block keeps old bytes around what was written")                         \
	X(R8_NO_NEW_PAGE, "the record behind a seal starts in the same page")                                \
	X(R9_UNSEALED_APPLIED, "unsealed records are applied to their home blocks")                          \
	X(R10_TAIL_BEFORE_SYNC, "the tail moves before what was applied is synced")                          \
	X(R10_RING_REUSED_EARLY, "the ring is used again before the superblock is synced")                   \
	X(R11_REUSED_EARLY, "freed data blocks are reused before the record is sealed")                      \
	X(R11_PUNCHED_EARLY, "freed data blocks are punched before the record is sealed")                    \
	X(R12_NOT_SEALED_FIRST, "with nothing else left, blocks that the sealed state maps are overwritten") \
	X(R13_TAIL_NOT_ZEROED, "bytes past a file's end are not zeroed when it grows")                       \
	X(R14_COLD_REPLAYS_ALL, "a cold recovery replays unsealed records")                                  \
	X(R15_NO_FIRST_SYNC, "recovery does not sync the image first")                                       \
	X(R15_NO_SEAL, "a warm recovery does not seal what it replayed")                                     \
	X(R15_COLD_NOT_SYNCED, "a cold recovery moves the tail before a sync")                               \
	X(R15_OLD_EPOCH_REVIVED, "a cold recovery goes on in the old epoch, where dropped records stand")    \
	X(R16_SYNC_RETRIED, "a failed sync is tried again and believed")                                     \
	X(R16_NOT_FROZEN, "after a failed sync the image goes on as if nothing were")                        \
	X(R17_TAIL_NOT_HELD, "the tail passes records of requests that are not answered yet")                \
	X(R17_RUN_AGAIN, "a request that is sent again is run again though its last record is there")        \
	X(R17_PART_IS_ANSWER, "a record that is not the request's last passes for its answer")               \
	X(R18_ORPHANS_CLEARED, "a restart on a live connection clears orphans")                              \
	X(R18_GOES_ON_COLD, "a restart on a live connection goes on after a cold recovery")

#define MUTANT_ENUM(name, text) MUTANT_##name,
enum mutant { MUTANT_NONE, MUTANTS(MUTANT_ENUM) MUTANT_COUNT };
#undef MUTANT_ENUM

#ifdef MMFS_MUTANTS
extern enum mutant mutant_chosen; /* defined by the test program */
#define MUTANT(name) (mutant_chosen == MUTANT_##name)
#else
#define MUTANT(name) (0 && MUTANT_##name != MUTANT_NONE)
#endif

#endif
