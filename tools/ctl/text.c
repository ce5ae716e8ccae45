/* How values look: names in a column, strings quoted, times as dates. */
#include "ctl.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

void text_line(const char *name, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	printf("  %-18s ", name);
	vfprintf(stdout, format, arguments);
	va_end(arguments);
	putchar('\n');
}

void text_uuid(const uint8_t *bytes)
{
	for (unsigned i = 0; i < 16; i++)
		printf("%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", bytes[i]);
}

void text_string(const void *bytes, size_t length)
{
	const uint8_t *at = bytes;

	putchar('"');
	for (size_t i = 0; i < length; i++) {
		if (at[i] == '"' || at[i] == '\\')
			printf("\\%c", at[i]);
		else if (at[i] < ' ' || at[i] == 127 || (at[i] >= 0x80 && at[i] < 0xa0))
			printf("\\x%02x", at[i]);
		else
			putchar(at[i]);
	}
	putchar('"');
}

void text_time(const char *name, int64_t seconds, uint32_t nanoseconds)
{
	time_t time = (time_t)seconds;
	struct tm parts;
	char date[64] = "?", fraction[16] = "";

	if (gmtime_r(&time, &parts))
		strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &parts);
	if (nanoseconds)
		snprintf(fraction, sizeof(fraction), ".%09u", nanoseconds);
	printf("  %-18s %s%s UTC\n", name, date, fraction);
}

static void hexdump_line(uint64_t offset, const uint8_t *bytes, size_t count)
{
	printf("%010llx ", (unsigned long long)offset);
	for (size_t i = 0; i < 16; i++) {
		if (i % 8 == 0)
			putchar(' ');
		if (i < count)
			printf("%02x ", bytes[i]);
		else
			fputs("   ", stdout);
	}
	fputs(" |", stdout);
	for (size_t i = 0; i < count; i++)
		putchar(bytes[i] >= ' ' && bytes[i] < 127 ? bytes[i] : '.');
	puts("|");
}

void text_hexdump(uint64_t offset, const void *bytes, size_t length)
{
	const uint8_t *at = bytes;
	bool starred = false;

	for (size_t done = 0; done < length; done += 16) {
		size_t count = length - done < 16 ? length - done : 16;
		if (done && count == 16 && done + 16 < length && !memcmp(at + done, at + done - 16, 16)) {
			if (!starred)
				puts("*");
			starred = true;
			continue;
		}
		starred = false;
		hexdump_line(offset + done, at + done, count);
	}
}

const char *text_tree(uint64_t tree)
{
	switch (tree) {
	case TREE_FILES:
		return "files";
	case TREE_SHARED:
		return "shared";
	default:
		return "unused";
	}
}
