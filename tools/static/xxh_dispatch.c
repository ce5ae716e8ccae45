/*
 * The static libxxhash of some distributions lacks the functions that choose the processor's widest
 * instructions, which the objects shared with the other programs call: here they are the portable ones.
 * Hashes are the same.
 */
#ifdef MMFS_XXH_DISPATCH
#define XXH_DISPATCH_DISABLE_REPLACE
#include <xxhash.h>
/* needs the one before */
#include <xxh_x86dispatch.h>

XXH64_hash_t XXH3_64bits_dispatch(const void *input, size_t length)
{
	return XXH3_64bits(input, length);
}

XXH64_hash_t XXH3_64bits_withSeed_dispatch(const void *input, size_t length, XXH64_hash_t seed)
{
	return XXH3_64bits_withSeed(input, length, seed);
}

XXH_errorcode XXH3_64bits_update_dispatch(XXH3_state_t *state, const void *input, size_t length)
{
	return XXH3_64bits_update(state, input, length);
}
#endif
