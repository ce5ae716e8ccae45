#include "../suite.h"

RULE("every mode is kept, for every type")
{
	static const mode_t modes[] = {0,     01,    02,   04,	  010,	 020,	040,
				       0100,  0200,  0400, 01000, 02000, 04000, 0777,
				       06777, 07777, 0644, 01755, 02755, 04755, 0151};

	for (enum type type = 0; type < TYPES; type++) {
		if (type == SYMLINK)
			continue;
		make(type, "file");
		for (unsigned i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
			context("%s, %04o", type_name(type), modes[i]);
			succeeds(chmod("file", modes[i]));
			equals(mode_of("file"), modes[i]);
			equals(format_of("file"), type_mode(type));
		}
		remove_tree("file");
	}
}
