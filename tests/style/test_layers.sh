#!/bin/bash
# The layers of docs/ARCHITECTURE.md: calls go down only, FUSE stays in fs/fuse, and only the store maps the image.
. "$(dirname "$0")/../lib.sh"
cd "$MMFS_SOURCE"

# none WHAT REGEX FILE...: no file has a line like this (comments aside).
none() {
	local what=$1 regex=$2 file bad=0
	shift 2
	for file; do
		[ -f "$file" ] || continue
		# gcc takes comments out and keeps line numbers.
		if gcc -fpreprocessed -dD -E -P -w "$file" 2>/dev/null | grep -En -- "$regex" | sed "s|^|$file: |"; then
			bad=1
		fi
	done
	[ $bad = 0 ] || fail "$what"
}

# Include lines are looked at as they stand: the preprocessor would follow them.
no_include() {
	local what=$1 regex=$2
	shift 2
	if grep -En "^[[:space:]]*#[[:space:]]*include[[:space:]]+$regex" "$@"; then
		fail "$what"
	fi
}

shopt -s nullglob
backend=(backend/*.[ch])
fs=(fs/*.[ch])
fuse=(fs/fuse/*.[ch])
tools=(tools/*/*.[ch])
[ ${#backend[@]} -gt 5 ] && [ ${#fs[@]} -gt 5 ] && [ ${#fuse[@]} -gt 3 ] || fail "where are the sources?"

no_include "the backend includes something above it" '("[^"]*(fs/|fs\.h|fs_i\.h|fuse|tools/)|<[^>]*fuse)' "${backend[@]}"
no_include "the core library includes FUSE or a tool" '("[^"]*(fuse|tools/)|<[^>]*fuse)' "${fs[@]}"
no_include "fs sees of the backend its public header only" \
	'".*backend/(super|image_i|overlay|txn|journal|syncer|checkpoint|recover|alloc|btree|guard)' \
	"${fs[@]}" "${fuse[@]}"
no_include "programs see of fs its public header only" '".*fs_i\.h' "${fuse[@]}" "${tools[@]}"
no_include "tools include FUSE" '[<"].*fuse' "${tools[@]}"

# Its tokens too: a type declared by hand is as bad as an include.
none "FUSE outside fs/fuse" '\bfuse_[a-z]|\bFUSE_[A-Z]' "${backend[@]}" "${fs[@]}" "${tools[@]}"

image_calls='\b(mmap|mmap64|munmap|mremap|msync|mprotect|madvise|mincore|ftruncate|ftruncate64|fallocate|posix_fallocate|'
image_calls+='fdatasync|pwrite|pwritev|copy_file_range)[[:space:]]*\('
others=()
for file in "${backend[@]}" "${fs[@]}" "${fuse[@]}" "${tools[@]}"; do
	case $file in
	backend/store_*.c | backend/guard.c) ;;
	fs/fuse/handover.c) ;; # memory of its own, no image
	tools/common/copy_out.c | tools/common/backup_file.c | tools/common/mount_change.c) ;; # files of the host
	*) others+=("$file") ;;
	esac
done
none "only the store may call these on the image" "$image_calls" "${others[@]}"
none "guard.c may map (a zero page), nothing else" \
	'\b(msync|mprotect|ftruncate|fallocate|fdatasync|pwrite)[[:space:]]*\(' backend/guard.c

none "fs and backend print nothing" '\b(printf|puts|fputs|perror|vfprintf|fprintf|err|warn|warnx|errx|syslog)[[:space:]]*\(' \
	"${backend[@]}" "${fs[@]}"
none "what comes from an image is checked, not asserted: no abort" '\b(abort|exit|_exit)[[:space:]]*\(' \
	"${backend[@]}" "${fs[@]}"
