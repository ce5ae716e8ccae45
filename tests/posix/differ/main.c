/* Options of the differential fuzzer; see differ.h. */
#include "differ.h"

#include <getopt.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <sys/random.h>
#include <sys/xattr.h>

static const char usage[] =
    "usage: differ [OPTION...] MMFS-DIRECTORY EXT4-DIRECTORY\n"
    "Makes the same random system calls on both filesystems and compares what they do.\n"
    "  --seed=N         where random numbers start (default: a fresh one, which is printed)\n"
    "  --steps=N        ends after so many calls (default 100000)\n"
    "  --seconds=N      ends after so long, if that is sooner\n"
    "  --tree=N         calls in one tree before a fresh one (default 4000)\n"
    "  --compare=N      calls between full comparisons (default 400)\n"
    "  --replay=FILE    makes the calls of a script that an earlier run printed\n"
    "  --keep           leaves the last trees\n"
    "  --trees          compares two trees that --keep has left, times and holes aside\n"
    "  --counts         says how many calls succeeded, failed, and were not made\n"
    "  --differences    prints what may differ, and why\n";

static const struct option options[] = {
    {"seed", required_argument, NULL, 's'},    {"steps", required_argument, NULL, 'n'},
    {"seconds", required_argument, NULL, 't'}, {"tree", required_argument, NULL, 'T'},
    {"compare", required_argument, NULL, 'c'}, {"replay", required_argument, NULL, 'r'},
    {"keep", no_argument, NULL, 'k'},	       {"counts", no_argument, NULL, 'C'},
    {"trees", no_argument, NULL, 'w'},	       {"differences", no_argument, NULL, 'd'},
    {"help", no_argument, NULL, 'h'},	       {0}};

/* ---- what both filesystems can ---- */

static bool can_tmpfile(const char *directory)
{
	int file = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (file >= 0)
		close(file);
	return file >= 0;
}

static bool can_acl(int directory)
{
	(void)fgetxattr(directory, "system.posix_acl_access", NULL, 0);
	return errno != EOPNOTSUPP;
}

static bool can_whiteout(int directory)
{
	bool can;

	if (mknodat(directory, "probe", S_IFREG | 0600, 0))
		return false;
	can = !renameat2(directory, "probe", directory, "probed", RENAME_WHITEOUT);
	unlinkat(directory, "probe", 0);
	unlinkat(directory, "probed", 0);
	return can;
}

static bool can_collapse(int directory)
{
	int file = openat(directory, "probe", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	bool can =
	    file >= 0 && !ftruncate(file, 16384) && !fallocate(file, FALLOC_FL_COLLAPSE_RANGE, 0, 4096);

	if (file >= 0)
		close(file);
	unlinkat(directory, "probe", 0);
	return can;
}

static bool can_btime(int directory)
{
	struct statx status;

	return !statx(directory, "", AT_EMPTY_PATH, STATX_BTIME, &status) && status.stx_mask & STATX_BTIME;
}

static void probe(struct run *run)
{
	struct features *features = &run->generator.features;

	*features = (struct features){true, true, true, true, true};
	for (unsigned side = 0; side < SIDES; side++) {
		int directory = open(run->directories[side], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (directory < 0) {
			perror(run->directories[side]);
			exit(2);
		}
		features->tmpfile &= can_tmpfile(run->directories[side]);
		features->acl &= can_acl(directory);
		features->whiteout &= can_whiteout(directory);
		features->collapse &= can_collapse(directory);
		features->btime &= can_btime(directory);
		close(directory);
	}
	printf("both can:%s%s%s%s%s\n", features->tmpfile ? " O_TMPFILE" : "",
	       features->whiteout ? " RENAME_WHITEOUT" : "", features->acl ? " ACLs" : "",
	       features->collapse ? " FALLOC_FL_COLLAPSE_RANGE" : "", features->btime ? " STATX_BTIME" : "");
}

/* ---- running ---- */

static int replay(struct run *run, const char *name)
{
	struct script script = {0};
	struct difference difference;
	char line[1024], text[512];
	FILE *file = !strcmp(name, "-") ? stdin : fopen(name, "re");
	struct step step;

	if (!file) {
		perror(name);
		return 2;
	}
	while (fgets(line, sizeof(line), file)) {
		if (line[strspn(line, " \t\n")] == 0 || line[0] == '#')
			continue;
		if (!step_parse(line, &step)) {
			fprintf(stderr, "differ: not a step: %s", line);
			return 2;
		}
		script_add(&script, &step);
	}
	ssize_t at = run_script(run, &script, &difference);
	if (at < 0) {
		printf("%zu steps agree\n", script.count);
	} else if ((size_t)at < script.count) {
		step_text(&script.steps[at], text, sizeof(text));
		printf("step %zd differs: %s\n%s", at + 1, text, difference.text);
	} else {
		printf("the trees differ\n%s", difference.text);
	}
	free(script.steps);
	return at >= 0;
}

static int whole_trees(const struct run *run)
{
	struct difference difference;
	bool agree = session_observe(run->directories, &difference);

	printf("the trees %s\n%s", agree ? "agree" : "differ", difference.text);
	return !agree;
}

static int fuzz(struct run *run, uint64_t seed, double seconds)
{
	double started = now_seconds();

	printf("seed %" PRIu64 "\n", seed);
	fflush(stdout);
	run->generator.random.state = seed;
	run->deadline = seconds > 0 ? started + seconds : 0;
	bool agree = run_random(run);
	printf("seed %" PRIu64 ": %" PRIu64 " steps in %" PRIu64 " trees, %.0f s: %s\n", seed,
	       run->steps_done, run->trees, now_seconds() - started, agree ? "no difference" : "DIFFERENT");
	return !agree;
}

static void print_counts(const struct run *run)
{
	printf("%-16s %9s %9s %9s\n", "call", "succeeded", "failed", "not made");
	for (unsigned i = 0; i < call_count; i++) {
		const struct count *count = &run->counts[i];
		printf("%-16s %9" PRIu64 " %9" PRIu64 " %9" PRIu64 "\n", calls[i].name, count->succeeded,
		       count->failed, count->skipped);
	}
	printf("%-16s %9" PRIu64 " waits for a lock that a later step ended\n", "waits", run->waits_ended);
}

int main(int argc, char **argv)
{
	static struct run run = {.steps_wanted = 100000, .tree_steps = 4000, .compare_every = 400};
	const char *script = NULL;
	uint64_t seed = 0;
	double seconds = 0;
	bool trees = false, counts = false;
	int option;

	if (getrandom(&seed, 4, 0) != 4)
		seed = (uint64_t)time(NULL);
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 's':
			seed = strtoull(optarg, NULL, 0);
			break;
		case 'n':
			run.steps_wanted = strtoull(optarg, NULL, 0);
			break;
		case 't':
			seconds = strtod(optarg, NULL);
			break;
		case 'T':
			run.tree_steps = (unsigned)strtoul(optarg, NULL, 0);
			break;
		case 'c':
			run.compare_every = (unsigned)strtoul(optarg, NULL, 0);
			break;
		case 'r':
			script = optarg;
			break;
		case 'k':
			run.keep = true;
			break;
		case 'C':
			counts = true;
			break;
		case 'w':
			trees = true;
			break;
		case 'd':
			differences_print();
			return 0;
		default:
			fputs(usage, option == 'h' ? stdout : stderr);
			return option == 'h' ? 0 : 2;
		}
	}
	if (argc - optind != SIDES || geteuid() != 0) {
		fputs(geteuid() ? "differ: only root can be several users\n" : usage, stderr);
		return 2;
	}
	run.directories[0] = argv[optind];
	run.directories[1] = argv[optind + 1];
	umask(0);
	if (trees)
		return whole_trees(&run);
	probe(&run);
	int result = script ? replay(&run, script) : fuzz(&run, seed, seconds);
	if (counts)
		print_counts(&run);
	return result;
}
