#!/bin/bash
# Completion in bash, zsh and fish offers what --help names: options, mmfsctl's commands, mount options.
. "$(dirname "$0")/../lib.sh"
cd "$MMFS_SOURCE"
for shell in zsh fish; do
	command -v $shell >/dev/null || skip "needs $shell"
done
cp mount-scripts/umount.mmfs "$tmp/bin"
export PATH="$tmp/bin:$PATH" HOME="$tmp"
mkdir "$tmp/empty"

# Words that a shell offers for a command line, one on a line: to $tmp/got.
in_bash() {
	bash --norc -c '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); compopt() { :; }
		_mmfs "$1"; printf "%s\n" "${COMPREPLY[@]}"' bash "$MMFS_SOURCE/completion/mmfs.bash" "$@"
}

in_fish() {
	fish --no-config -c "source '$MMFS_SOURCE/completion/mmfs.fish'; complete -C '$*'" | sed 's/\t.*//'
}

# zsh completes on a line only: what it would add is caught instead.
in_zsh() {
	zsh -f -c '
		_describe() { local list=$4; [[ $1 = -t ]] || list=$2; print -l -- ${${(P)list}%%:*} }
		compset() { }; compadd() { print -l -- ${(P)2} }; _files() { print -l -- * }
		file=$1; shift; words=("$@"); CURRENT=$#; source $file' zsh "$MMFS_SOURCE/completion/_mmfs" "$@"
}

# offers WORDS-FILE COMMAND-LINE...: each shell offers just these.
offers() {
	local shell
	[ "$(wc -l <"$1")" -gt 1 ] || fail "the help text of $2 is not understood"
	for shell in bash zsh fish; do
		(cd "$tmp/empty" && "in_$shell" "${@:2}") | sed -E 's/=.*//' | sort -u >"$tmp/got"
		diff -u --label "--help of $2" --label "$shell" "$1" "$tmp/got" >&2 || fail "$shell: ${*:2}"
	done
}

for program in mmfs mkfs.mmfs fsck.mmfs mmfsctl; do
	"$program" --help >"$tmp/help"
	grep -oE '^ +(-[A-Za-z], )?--[a-z0-9-]+' "$tmp/help" | grep -oE -- '--[a-z0-9-]+' | sort -u >"$tmp/words"
	offers "$tmp/words" "$program" --
done
grep -E '^  [a-z]+ ' "$tmp/help" | awk '{ print $1 }' | sort -u >"$tmp/words"
grep -qx export "$tmp/words" || fail "where are the commands?"
offers "$tmp/words" mmfsctl ""
sed -nE 's/^ {7}([a-z]+) .*/\1/p' "$tmp/help" | sort -u >"$tmp/words"
offers "$tmp/words" mmfsctl dump a.img ""
mmfs --help | sed -nE 's/^  -o ([a-z_]+).*/\1/p' | sort -u >"$tmp/words"
offers "$tmp/words" mmfs -o ""
printf '%s\n' -h -t >"$tmp/words"
offers "$tmp/words" umount.mmfs -

touch "$tmp/empty/some.img"
for shell in bash zsh; do
	(cd "$tmp/empty" && expect some.img "in_$shell" mkfs.mmfs so)
	(cd "$tmp/empty" && expect some.img "in_$shell" mmfsctl ls so)
done
expect "ro,recover=warm" in_bash mmfs -o ro,recover=w
