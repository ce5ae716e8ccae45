#!/bin/sh
# build_suite.sh PROGRAM: compiles suite/*.c and suite/FOLDER/*.c, whatever is there.
set -eu
program=$(realpath "$1")
objects=$program.objects
cd "$(dirname "$0")/suite"
mkdir -p "$objects"
# Small files at a time on both processors; a file's path is the name of its rule.
find . -name '*.c' -printf '%P\n' | xargs -n 12 -P 2 sh -c '
	objects=$1
	shift
	for file; do
		${CC:-cc} -std=gnu17 -D_GNU_SOURCE -O0 -Wall -Wextra -Werror -c "$file" \
			-o "$objects/$(echo "${file%.c}" | tr / .).o" || exit 255
	done' sh "$objects"
${CC:-cc} -o "$program" "$objects"/*.o
rm -r "$objects"
