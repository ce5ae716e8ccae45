# shellcheck shell=bash
# manifest DIRECTORY: everything in a tree that must be the same in every later version.
manifest() {
	(
		cd "$1" || exit
		find . -printf '%p %y %m %U:%G %s %n %T@ %l\n' | sort
		find . \( -type c -o -type b \) -exec stat -c '%n %t:%T' {} + | sort
		find . -type f ! -name sparse -print0 | sort -z | xargs -0 sha256sum
		tail -c 10 sparse | sha256sum
		stat -c '%n %b' allocated punched
		getfattr -R -h -d -m '^(user|trusted)' . 2>/dev/null
	)
}
