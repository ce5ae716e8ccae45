/*
 * Faults in mappings. The handler does one of three things:
 *
 *   in a guarded copy of this thread, at an address of it   jump back: the copy returns an errno
 *   SIGBUS elsewhere in a registered mapping                put a zero page there, set *failed, return
 *   anything else                                           the action from before ours, which is to die
 *
 * A SIGSEGV outside a guarded copy is a stray store into a read-only mapping: a bug of ours, which must not
 * go on. Everything the handler calls is async-signal-safe.
 */
#include "guard.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAPPINGS_MAX 16

/* base is 0 in a free slot; it is set last and cleared first, so the handler needs no lock. */
struct mapping {
	_Atomic uintptr_t base;
	size_t size;
	atomic_bool *failed;
};

struct guarded {
	sigjmp_buf jump;
	uintptr_t to, from; /* from is 0 when zeroing, to when touching */
	size_t length;
	volatile int error;
};

static struct mapping mappings[MAPPINGS_MAX];
static pthread_mutex_t mappings_lock = PTHREAD_MUTEX_INITIALIZER;
static uintptr_t page_mask;
static struct sigaction action_before[2]; /* of SIGBUS, SIGSEGV */
static __thread struct guarded *volatile current;

static struct mapping *mapping_of(uintptr_t address)
{
	for (unsigned i = 0; i < MAPPINGS_MAX; i++) {
		uintptr_t base = atomic_load(&mappings[i].base);

		if (base && address >= base && address - base < mappings[i].size)
			return &mappings[i];
	}
	return NULL;
}

/* Some processors report the page only, so whole pages are compared. */
static bool within_pages(uintptr_t address, uintptr_t start, size_t length)
{
	return start && address >= (start & ~page_mask) && address <= ((start + length - 1) | page_mask);
}

static int copy_error(const struct guarded *guarded, uintptr_t address, int signal, int code)
{
	bool destination = within_pages(address, guarded->to, guarded->length);

	if (!destination && !within_pages(address, guarded->from, guarded->length))
		return 0;
	if (destination && signal == SIGBUS && code == BUS_ADRERR)
		return -ENOSPC;
	return -EIO;
}

static void die_as_before(int signal, int code)
{
	sigaction(signal, &action_before[signal == SIGSEGV], NULL);
	if (code <= 0)
		raise(signal); /* it was sent, so returning would not repeat it */
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
	uintptr_t address = (uintptr_t)info->si_addr;
	struct mapping *mapping = info->si_code > 0 ? mapping_of(address) : NULL;
	struct guarded *guarded = current;
	int errno_before = errno;

	(void)context;
	if (mapping && guarded) {
		guarded->error = copy_error(guarded, address, signal, info->si_code);
		if (guarded->error)
			siglongjmp(guarded->jump, 1);
	}
	if (mapping && signal == SIGBUS) {
		size_t page = page_mask + 1;
		void *at = (uint8_t *)info->si_addr - (address & page_mask);

		if (mmap(at, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at) {
			atomic_store(mapping->failed, true);
			errno = errno_before;
			return;
		}
	}
	die_as_before(signal, info->si_code);
	errno = errno_before;
}

/* Does nothing if the handler stands there already; a library may have put its own over it. */
static int install(int signal, struct sigaction *before)
{
	struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
	struct sigaction present;

	if (sigaction(signal, NULL, &present) < 0)
		return -errno;
	if ((present.sa_flags & SA_SIGINFO) && present.sa_sigaction == on_fault)
		return 0;
	*before = present;
	sigemptyset(&action.sa_mask);
	return sigaction(signal, &action, NULL) < 0 ? -errno : 0;
}

int guard_register(const void *base, size_t size, atomic_bool *failed)
{
	int error;

	pthread_mutex_lock(&mappings_lock);
	page_mask = (uintptr_t)sysconf(_SC_PAGESIZE) - 1;
	error = install(SIGBUS, &action_before[0]);
	if (error == 0)
		error = install(SIGSEGV, &action_before[1]);
	if (error < 0)
		goto out;
	error = -ENFILE;
	for (unsigned i = 0; i < MAPPINGS_MAX; i++) {
		if (atomic_load(&mappings[i].base))
			continue;
		mappings[i].size = size;
		mappings[i].failed = failed;
		atomic_store(&mappings[i].base, (uintptr_t)base);
		error = 0;
		break;
	}
out:
	pthread_mutex_unlock(&mappings_lock);
	return error;
}

void guard_unregister(const void *base)
{
	pthread_mutex_lock(&mappings_lock);
	for (unsigned i = 0; i < MAPPINGS_MAX; i++) {
		if (atomic_load(&mappings[i].base) == (uintptr_t)base)
			atomic_store(&mappings[i].base, 0);
	}
	pthread_mutex_unlock(&mappings_lock);
}

/* The fences keep the compiler from moving the copy out of the time in which `current` is set. */
static void guard_enter(struct guarded *guarded)
{
	current = guarded;
	atomic_signal_fence(memory_order_seq_cst);
}

static void guard_leave(void)
{
	atomic_signal_fence(memory_order_seq_cst);
	current = NULL;
}

int guard_copy(void *to, const void *from, size_t length)
{
	struct guarded guarded = {.to = (uintptr_t)to, .from = (uintptr_t)from, .length = length};

	if (length == 0)
		return 0;
	if (sigsetjmp(guarded.jump, 0)) {
		guard_leave();
		return guarded.error;
	}
	guard_enter(&guarded);
	memcpy(to, from, length);
	guard_leave();
	return 0;
}

int guard_zero(void *to, size_t length)
{
	struct guarded guarded = {.to = (uintptr_t)to, .length = length};

	if (length == 0)
		return 0;
	if (sigsetjmp(guarded.jump, 0)) {
		guard_leave();
		return guarded.error;
	}
	guard_enter(&guarded);
	memset(to, 0, length);
	guard_leave();
	return 0;
}

int guard_touch(const void *from, size_t length)
{
	const volatile uint8_t *bytes = from;
	struct guarded guarded = {.from = (uintptr_t)from, .length = length};

	if (length == 0)
		return 0;
	if (sigsetjmp(guarded.jump, 0)) {
		guard_leave();
		return guarded.error;
	}
	guard_enter(&guarded);
	for (size_t at = 0; at < length; at += page_mask + 1)
		(void)bytes[at];
	(void)bytes[length - 1];
	guard_leave();
	return 0;
}
