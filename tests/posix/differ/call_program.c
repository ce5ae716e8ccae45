/*
 * Programs on the filesystem: written there, run, and running while other calls are made. The program needs
 * no library: called without an environment it ends with a status made of its effective user and group, else
 * it waits. What others have changed of it is not run, or anything could happen.
 */
#include "differ.h"

#include <elf.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define LOADED_AT	  0x400000u
#define PROGRAM_ROOM	  512u
#define INTERPRETERS_MOST 6
#define KILLED		  1000 /* and the signal */
#define LAST_DESCRIPTOR	  900

#if defined(__x86_64__)
#define MACHINE EM_X86_64
__asm__(".pushsection .rodata\n"
	"program_code:\n"
	"	movq	(%rsp), %rax\n" /* arguments, then an end, then the environment */
	"	cmpq	$0, 16(%rsp,%rax,8)\n"
	"	jne	1f\n"
	"	movl	$107, %eax\n" /* geteuid */
	"	syscall\n"
	"	movl	%eax, %edi\n"
	"	andl	$15, %edi\n"
	"	movl	$108, %eax\n" /* getegid */
	"	syscall\n"
	"	andl	$7, %eax\n"
	"	shll	$4, %eax\n"
	"	orl	%eax, %edi\n"
	"	movl	$60, %eax\n" /* exit */
	"	syscall\n"
	"1:	movl	$34, %eax\n" /* pause */
	"	syscall\n"
	"	jmp	1b\n"
	"program_code_end:\n"
	".popsection\n");
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
__asm__(".pushsection .rodata\n"
	"program_code:\n"
	"	ldr	x0, [sp]\n"
	"	add	x1, sp, #16\n"
	"	ldr	x1, [x1, x0, lsl #3]\n"
	"	cbnz	x1, 1f\n"
	"	mov	x8, #175\n" /* geteuid */
	"	svc	#0\n"
	"	and	w9, w0, #15\n"
	"	mov	x8, #177\n" /* getegid */
	"	svc	#0\n"
	"	and	w0, w0, #7\n"
	"	lsl	w0, w0, #4\n"
	"	orr	w0, w0, w9\n"
	"	mov	x8, #93\n" /* exit */
	"	svc	#0\n"
	"1:	mov	x0, #0\n"
	"	mov	x1, #0\n"
	"	mov	x2, #0\n"
	"	mov	x3, #0\n"
	"	mov	x8, #73\n" /* ppoll */
	"	svc	#0\n"
	"	b	1b\n"
	"program_code_end:\n"
	".popsection\n");
#else
#error "no program for this machine"
#endif
extern const char program_code[], program_code_end[];

static size_t make_program(char program[PROGRAM_ROOM])
{
	size_t code = (size_t)(program_code_end - program_code),
	       length = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr);
	Elf64_Ehdr header = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
			     .e_type = ET_EXEC,
			     .e_machine = MACHINE,
			     .e_version = EV_CURRENT,
			     .e_entry = LOADED_AT + length,
			     .e_phoff = sizeof(Elf64_Ehdr),
			     .e_ehsize = sizeof(Elf64_Ehdr),
			     .e_phentsize = sizeof(Elf64_Phdr),
			     .e_phnum = 1};
	Elf64_Phdr segment = {.p_type = PT_LOAD,
			      .p_flags = PF_R | PF_X,
			      .p_vaddr = LOADED_AT,
			      .p_filesz = length + code,
			      .p_memsz = length + code,
			      .p_align = 4096};

	memcpy(program, &header, sizeof(header));
	memcpy(program + sizeof(header), &segment, sizeof(segment));
	memcpy(program + length, program_code, code);
	return length + code;
}

/* What kind of file: below 4 the program, else a script for the file of that name in the root. */
long call_program(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	char contents[PROGRAM_ROOM];
	unsigned kind = (unsigned)step->numbers[0] % 12;
	size_t length = kind < 4 ? make_program(contents)
				 : (size_t)snprintf(contents, sizeof(contents), "#!/%c\n", 'a' + kind - 4);

	(void)outcome;
	int file = openat(at_of(worker, step->at), worker->path,
			  O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_CLOEXEC, (mode_t)step->numbers[1]);
	if (file < 0)
		return -1;
	struct stat status;
	ssize_t written = -1;
	if (!fstat(file, &status) && S_ISREG(status.st_mode))
		written = write(file, contents, length);
	int error = errno;
	close(file);
	errno = error;
	return S_ISREG(status.st_mode) ? written : SKIPPED;
}

/* The beginning of a regular file; -1: there is nothing to read, and nothing that could run. */
static ssize_t beginning(const char *path, char bytes[PROGRAM_ROOM])
{
	struct stat status;
	ssize_t length = -1;
	int file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (file < 0)
		return -1;
	if (!fstat(file, &status) && S_ISREG(status.st_mode))
		length = pread(file, bytes, PROGRAM_ROOM, 0);
	close(file);
	return length;
}

/* Is it the program, a script for something harmless, or what the kernel refuses? As root. */
static bool harmless(const char *path, int depth)
{
	char bytes[PROGRAM_ROOM + 1], program[PROGRAM_ROOM];
	size_t length = make_program(program);
	ssize_t got = beginning(path, bytes);

	if (got < 2 || depth > INTERPRETERS_MOST)
		return true;
	if (!memcmp(bytes, "#!", 2)) {
		bytes[got] = 0;
		char *name = bytes + 2 + strspn(bytes + 2, " \t");
		name[strcspn(name, " \t\n")] = 0;
		return harmless(name, depth + 1);
	}
	return memcmp(bytes, "\177E", 2) != 0 || ((size_t)got >= length && !memcmp(bytes, program, length));
}

static bool may_run(const struct worker *worker)
{
	worker_as_root(worker, true);
	bool may = harmless(worker->path, 0);
	worker_as_root(worker, false);
	return may;
}

/* In the child, for good. `told` is closed by a successful exec. */
__attribute__((noreturn)) static void become_program(const struct worker *worker, bool waits, int told)
{
	uid_t uid = users[worker->index].uid;
	char *const arguments[] = {(char[]){"program"}, NULL};
	char *const environment[] = {waits ? (char[]){"WAITS=1"} : NULL, NULL};
	struct rlimit none = {0, 0};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setrlimit(RLIMIT_CORE, &none);
	/* closed last, so that all others are closed when it is */
	told = fcntl(told, F_DUPFD_CLOEXEC, LAST_DESCRIPTOR);
	if (syscall(SYS_setresuid, uid, uid, uid) == 0)
		execve(worker->path, arguments, environment);
	int error = errno;
	_exit(write(told, &error, sizeof(error)) < 0);
}

/* Forks and executes; -1 with the errno of execve. */
static pid_t start(const struct worker *worker, bool waits)
{
	int told[2], error = 0;

	if (pipe2(told, O_CLOEXEC)) {
		perror("pipe");
		_exit(3);
	}
	pid_t pid = fork();
	if (pid == 0)
		become_program(worker, waits, told[1]);
	close(told[1]);
	if (pid < 0 || read(told[0], &error, sizeof(error)) < 0) {
		perror("fork");
		_exit(3);
	}
	close(told[0]);
	if (!error)
		return pid;
	waitpid(pid, NULL, 0);
	errno = error;
	return -1;
}

long call_run(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	int status;

	(void)step;
	(void)outcome;
	if (!may_run(worker))
		return SKIPPED;
	pid_t pid = start(worker, false);
	if (pid < 0)
		return -1;
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : KILLED + WTERMSIG(status);
}

long call_start(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	(void)step;
	(void)outcome;
	if (worker->running > 0 || !may_run(worker))
		return SKIPPED;
	pid_t pid = start(worker, true);
	if (pid < 0)
		return -1;
	worker->running = pid;
	/* it has let go of what it had of this process */
	while (!worker_sleeps(worker, pid, pid))
		sched_yield();
	return 0;
}

void program_stop(struct worker *worker)
{
	if (worker->running <= 0)
		return;
	worker_as_root(worker, true);
	kill(worker->running, SIGKILL);
	waitpid(worker->running, NULL, 0);
	worker_as_root(worker, false);
	worker->running = 0;
}

long call_stop(struct worker *worker, const struct step *step, struct outcome *outcome)
{
	(void)step;
	(void)outcome;
	if (worker->running <= 0)
		return SKIPPED;
	program_stop(worker);
	return 0;
}
