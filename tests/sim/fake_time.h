/*
 * Makes a test program deterministic: random numbers and clocks come from here instead of the system. The
 * program's own definitions take the place of the C library's, so include this in exactly one file of it.
 */
#ifndef MMFS_FAKE_TIME_H
#define MMFS_FAKE_TIME_H

#include "power.h"

#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static uint64_t fake_random_state;
static uint64_t fake_clock_ms;
static bool fake_clock = true; /* false: clock_gettime tells the real time, for threads that wait */

/* Starts both anew: what follows depends on `seed` only. */
static inline void fake_reset(uint64_t seed)
{
	fake_random_state = seed;
	fake_clock_ms = 0;
}

ssize_t getrandom(void *bytes, size_t length, unsigned flags)
{
	uint8_t *to = bytes;

	(void)flags;
	for (size_t i = 0; i < length; i++)
		to[i] = (uint8_t)random_next(&fake_random_state);
	return (ssize_t)length;
}

/* A millisecond passes with each look, so that times differ now and then. */
int clock_gettime(clockid_t clock, struct timespec *ret_time)
{
	if (!fake_clock)
		return (int)syscall(SYS_clock_gettime, clock, ret_time);
	fake_clock_ms++;
	ret_time->tv_sec = 1700000000 + (time_t)(fake_clock_ms / 1000);
	ret_time->tv_nsec = (long)(fake_clock_ms / 4 * 4 % 1000) * 1000000;
	return 0;
}

/* The real time in seconds, for limits. */
static inline double fake_real_seconds(void)
{
	struct timespec time = {0};

	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

#endif
