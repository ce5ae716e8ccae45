/* mmfsctl label: shows or changes the name of an image. */
#include "command.h"

#include "../common/open_image.h"

#include <stdio.h>
#include <string.h>

int label_run(const char *path, const char *label)
{
	struct open_image_options options = {.read_only = !label,
					     .image = {.no_syncer = true, .label = label}};
	struct image *image;

	if (label && strlen(label) > 63) {
		fprintf(stderr, PROGRAM ": %s: the label is longer than 63 bytes; give a shorter one\n",
			path);
		return -EINVAL;
	}
	int error = open_image(PROGRAM, path, &options, &image, NULL);
	if (error)
		return error;
	if (!label) {
		show_name(image_super(image)->label);
		putchar('\n');
	}
	error = image_close(image);
	if (error)
		fprintf(stderr, PROGRAM ": %s: writing it out failed: %s\n", path, strerror(-error));
	return error;
}
