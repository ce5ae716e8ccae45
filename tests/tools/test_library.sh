#!/bin/bash
# libmmfs as another program's author gets it: installed, found by pkg-config, every function called, nothing else of it
# seen, and the example of the documents at work.
. "$(dirname "$0")/../lib.sh"
need_root
export PKG_CONFIG_SYSROOT_DIR=$tmp/root
meson install -C "$MMFS_BUILD" --no-rebuild --destdir "$tmp/root" >"$tmp/install.log" || fail "$(cat "$tmp/install.log")"
PKG_CONFIG_PATH=$(dirname "$(find "$tmp/root" -name mmfs.pc)")
library=$(find "$tmp/root" -name libmmfs.so)
LD_LIBRARY_PATH=$(dirname "$library")
export PKG_CONFIG_PATH LD_LIBRARY_PATH
nm -D "$library" >"$tmp/symbols"
sanitize=()
if grep -q __asan_init "$tmp/symbols"; then sanitize=("-fsanitize=address,undefined"); fi

# compile SOURCE PROGRAM: as C of any recent standard, with the warnings that others have on.
compile() {
	# shellcheck disable=SC2046 # words of pkg-config
	cc -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Wpedantic -Werror "${sanitize[@]}" -o "$2" "$1" \
		$(pkg-config --cflags --libs mmfs) -lpthread
}

note "every function"
compile "$here/helpers/library.c" "$tmp/bin/library"
expect "all as it should be" "$tmp/bin/library" "$tmp/a.img"
fsck_clean "$tmp/a.img"
for function in $(sed -n 's/^[^/* ].*[ *]\(mmfs_[a-z_]*\)(.*;$/\1/p' "$MMFS_SOURCE/tools/libmmfs/mmfs.h"); do
	grep -q "$function(" "$here/helpers/library.c" || fail "$function is not tested"
	grep -q " T $function@@" "$tmp/symbols" || fail "$function is not there"
done
others=$(awk 'NF == 3 && $2 != "A" && $3 !~ /^mmfs_/ { print $3 }' "$tmp/symbols")
[ -z "$others" ] || fail "it shows more than its header: $others"

note "the header is C++, too"
echo '#include <mmfs.h>' >"$tmp/a.cc"
echo 'int main() { return mmfs_version() == nullptr; }' >>"$tmp/a.cc"
# shellcheck disable=SC2046
c++ -Wall -Wextra -Werror "${sanitize[@]}" -o "$tmp/bin/cc" "$tmp/a.cc" $(pkg-config --cflags --libs mmfs)
"$tmp/bin/cc"

note "the example"
compile "$MMFS_SOURCE/docs/examples/notes.c" "$tmp/bin/notes"
notes=$tmp/notes.img
"$tmp/bin/notes" "$notes" monday "bread, milk"
"$tmp/bin/notes" "$notes" tuesday "eggs"
expect "bread, milk" "$tmp/bin/notes" "$notes" monday
expect "      11 monday
       4 tuesday" "$tmp/bin/notes" "$notes"
expect_fail 1 "No such file" "$tmp/bin/notes" "$notes" sunday
expect_fail 1 "no such file; correct the path" "$tmp/bin/notes" "$tmp/none.img"
fsck_clean "$notes"
expect "eggs" mmfsctl cat "$notes" tuesday
