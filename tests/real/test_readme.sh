#!/bin/bash
# The README's first minute and its recipes, run as they stand there, by a new user in an empty home directory with what
# "meson install" puts into a fresh prefix; as root and unprivileged.
. "$(dirname "$0")/../lib.sh"
need_fuse
readme=$MMFS_SOURCE/README.md
prefix=$(meson introspect --buildoptions "$MMFS_BUILD" | jq -r '.[] | select(.name == "prefix").value')
meson install -C "$MMFS_BUILD" --no-rebuild --destdir "$tmp/root" >"$tmp/install.log" || fail "$(cat "$tmp/install.log")"
fuse_mode=$(stat -c %a /dev/fuse)
chmod 666 /dev/fuse

# The indented lines below "<!-- runs: NAME -->".
block() {
	awk -v wanted="<!-- runs: $1 -->" '
		$0 == wanted { on = 1; next }
		on && /^    / { print substr($0, 5); seen = 1; next }
		on && seen { exit }' "$readme"
}

# A program and its Makefile; a directory of many small files.
furnish() {
	mkdir -p "$1/project" "$1/dataset"
	printf '#include <stdio.h>\nint main(void) { puts("hello"); }\n' >"$1/project/hello.c"
	printf 'hello: hello.c\n\tcc -o $@ $<\n' >"$1/project/Makefile"
	(cd "$1/dataset" && seq 2000 | split -l 1 -a 3 -)
}

# walk USER: each block in a shell that ends at the first error; then nothing is mounted and every image is clean.
walk() {
	local user=$1 home=$tmp/home-$1 name image
	mkdir "$home"
	furnish "$home"
	chown -R "$user" "$home"
	for name in "${names[@]}"; do
		note "$user: $name"
		block "$name" >"$home/script"
		[ -s "$home/script" ] || fail "no lines for '$name'"
		(cd "$home" && runuser -u "$user" -- env -i HOME="$home" USER="mmfs-test-$$-$user" LC_ALL=C \
			PATH="$tmp/root$prefix/bin:/usr/local/bin:/usr/bin:/bin" bash -euo pipefail script) >"$home/said" 2>&1 </dev/null ||
			fail "status $?, with these lines: $(cat "$home/said")"
		cp "$home/said" "$tmp/said-$user-${name// /-}"
		expect "" mounts_below "$home"
	done
	for image in "$home"/*.img; do fsck_clean "$image"; done
	rmdir "/tmp/data-mmfs-test-$$-$user"
}

mapfile -t names < <(sed -n 's/^<!-- runs: \(.*\) -->$/\1/p' "$readme")
[ ${#names[@]} -ge 6 ] || fail "the README has ${#names[@]} blocks to run"
for user in root nobody; do
	walk $user
	grep -q 'hello.c' "$tmp/said-$user-first-minute" || fail "$(cat "$tmp/said-$user-first-minute")"
	grep -qx 'hello' "$tmp/said-$user-sandbox" || fail "$(cat "$tmp/said-$user-sandbox")"
	# what was built is gone
	expect "Makefile
hello.c" tail -n 2 "$tmp/said-$user-sandbox"
	grep -qx 2000 "$tmp/said-$user-cluster" || fail "$(cat "$tmp/said-$user-cluster")"
	grep -q 'hello.c' "$tmp/said-$user-portable-disk" || fail "$(cat "$tmp/said-$user-portable-disk")"
	grep -q 'up to date' "$tmp/said-$user-cache" || fail "$(cat "$tmp/said-$user-cache")"
	expect 2 tail -n 1 "$tmp/said-$user-database"
	grep -q 'Makefile' "$tmp/said-$user-archive" || fail "$(cat "$tmp/said-$user-archive")"
done
