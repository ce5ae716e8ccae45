/* Strings as JSON and as labels of Prometheus have them. */
#include "mounted.h"

#include <stdio.h>
#include <string.h>

/* Bytes of the UTF-8 character at `text`; 0: it is none. */
static size_t character_length(const uint8_t *text)
{
	static const struct {
		uint8_t mask, lead;
		uint32_t least; /* a shorter form would do for less */
	} forms[] = {{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		uint32_t code = text[0] & (uint8_t)~forms[i].mask;

		if ((text[0] & forms[i].mask) != forms[i].lead)
			continue;
		for (size_t n = 1; n <= i; n++) {
			if ((text[n] & 0xc0) != 0x80)
				return 0;
			code = code << 6 | (text[n] & 0x3f);
		}
		bool surrogate = code >= 0xd800 && code < 0xe000;
		return code < forms[i].least || code > 0x10ffff || surrogate ? 0 : i + 1;
	}
	return 0;
}

/* File names may be any bytes, JSON and Prometheus take UTF-8: others become the replacement character. */
static void print_quoted(const char *text, void (*control)(uint8_t byte))
{
	const uint8_t *at = (const uint8_t *)text;

	putchar('"');
	while (*at) {
		size_t length = character_length(at);

		if (*at == '"' || *at == '\\')
			printf("\\%c", *at);
		else if (*at < ' ')
			control(*at);
		else if (length)
			fwrite(at, 1, length, stdout);
		else
			fputs("\xef\xbf\xbd", stdout);
		at += length ? length : 1;
	}
	putchar('"');
}

static void control_in_json(uint8_t byte)
{
	printf("\\u%04x", byte);
}

static void control_in_label(uint8_t byte)
{
	if (byte == '\n')
		fputs("\\n", stdout);
	else
		putchar(byte);
}

void json_string(const char *text)
{
	print_quoted(text, control_in_json);
}

void json_string_or_null(const char *text)
{
	if (*text)
		json_string(text);
	else
		fputs("null", stdout);
}

void prometheus_label(const char *text)
{
	print_quoted(text, control_in_label);
}
