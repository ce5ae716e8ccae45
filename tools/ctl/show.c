/* How names and modes look, for people and as JSON. */
#include "command.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

void show_name(const char *name)
{
	static int terminal = -1;

	if (terminal < 0)
		terminal = isatty(STDOUT_FILENO);
	for (; *name; name++)
		putchar(terminal && ((unsigned char)*name < ' ' || *name == 127) ? '?' : *name);
}

/* Bytes of the UTF-8 character at `text`; 0 if there is none. */
static unsigned utf8_length(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;
	unsigned length = at[0] < 0x80 ? 1 : at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;

	if (at[0] > 0xf4)
		return 0;
	for (unsigned i = 1; i < length; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	/* longer than need be, surrogates, past the last character */
	if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
	    (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
		return 0;
	return length;
}

void show_json(const char *text)
{
	putchar('"');
	while (*text) {
		unsigned char byte = (unsigned char)*text;
		unsigned length = utf8_length(text);
		if (byte == '"' || byte == '\\')
			printf("\\%c", byte);
		else if (byte < ' ' || byte == 127)
			printf("\\u%04x", byte);
		else if (length)
			printf("%.*s", (int)length, text);
		else
			printf("\\udc%02x", byte);
		text += length ? length : 1;
	}
	putchar('"');
}

static const struct {
	uint32_t type;
	char letter;
	const char *name;
} types[] = {
    {S_IFREG, '-', "file"},    {S_IFDIR, 'd', "directory"},
    {S_IFLNK, 'l', "symlink"}, {S_IFCHR, 'c', "character device"},
    {S_IFIFO, 'p', "fifo"},    {S_IFBLK, 'b', "block device"},
    {S_IFSOCK, 's', "socket"},
};

const char *show_type(uint32_t mode)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if ((mode & S_IFMT) == types[i].type)
			return types[i].name;
	return "unknown";
}

/* The last of three letters also tells of a special bit. */
static char execute(uint32_t mode, uint32_t may, uint32_t special, char letter)
{
	if (mode & special)
		return mode & may ? letter : (char)(letter - 'a' + 'A');
	return mode & may ? 'x' : '-';
}

void show_mode(uint32_t mode, char *ret_text)
{
	strcpy(ret_text, "?---------");
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if ((mode & S_IFMT) == types[i].type)
			ret_text[0] = types[i].letter;
	for (unsigned i = 0; i < 9; i++)
		if (mode >> (8 - i) & 1)
			ret_text[1 + i] = "rwxrwxrwx"[i];
	ret_text[3] = execute(mode, S_IXUSR, S_ISUID, 's');
	ret_text[6] = execute(mode, S_IXGRP, S_ISGID, 's');
	ret_text[9] = execute(mode, S_IXOTH, S_ISVTX, 't');
}
