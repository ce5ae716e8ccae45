#!/bin/bash
# Links in the documents lead somewhere, and so do the files that README's commands and docs name.
. "$(dirname "$0")/../lib.sh"
cd "$MMFS_SOURCE"

bad=0
checked=0
while IFS= read -r document; do
	directory=$(dirname "$document")
	while IFS= read -r link; do
		file=${link%%#*}
		case $link in
		http://* | https://* | mailto:*) continue ;;
		esac
		checked=$((checked + 1))
		if [ -n "$file" ] && [ ! -e "$directory/$file" ]; then
			echo "$document: $link leads nowhere"
			bad=1
		fi
		# An anchor is a heading in small letters, blanks as hyphens, punctuation left out.
		case $link in *.md'#'* | '#'*)
			target=$document
			[ -z "$file" ] || target=$directory/$file
			anchors=$(sed -n 's/^#\+ //p' "$target" | tr '[:upper:] ' '[:lower:]-' | tr -cd 'a-z0-9_\n-')
			if ! grep -qxF -- "${link#*#}" <<<"$anchors"; then
				echo "$document: no heading for $link"
				bad=1
			fi
			;;
		esac
	done < <(sed '/^```/,/^```/d' "$document" | grep -oE '\]\([^) ]+\)' | sed 's/^](//; s/)$//' || true)
	# Files named in backticks: `tests/run.sh`, `docs/FORMAT.md`.
	while IFS= read -r file; do
		checked=$((checked + 1))
		[ -e "$file" ] || [ -e "$directory/$file" ] || { echo "$document: there is no $file"; bad=1; }
	done < <(grep -oE '`(tests|docs|backend|fs|tools|mount-scripts)/[A-Za-z0-9_./-]+`' "$document" | tr -d '`' || true)
done < <(find . -path ./.git -prune -o -name 'build*' -prune -o -name '*.md' -print)
[ $bad = 0 ] || fail "dead links"
[ $checked -gt 0 ] || fail "no link was found: is this test blind?"
