# shellcheck shell=bash
# Completion for mmfs, mkfs.mmfs, fsck.mmfs, mmfsctl and umount.mmfs: what the installed program's --help names.

# _mmfs_help PROGRAM SED-SCRIPT: words from its help text.
_mmfs_help() {
	LC_ALL=C "$1" --help 2>/dev/null </dev/null | sed -nE "$2"
}

_mmfs_options() {
	_mmfs_help "$1" 's/^ +(-[A-Za-z], )?(--[a-z0-9-]+=?).*/\2/p'
}

_mmfs_commands() {
	_mmfs_help "$1" 's/^  ([a-z]+) [A-Z].*/\1/p'
}

# What "dump" shows.
_mmfs_things() {
	_mmfs_help "$1" 's/^ {7}([a-z]+) .*/\1/p'
}

# "ro", "size=", "recover=warm"
_mmfs_mount_options() {
	_mmfs_help "$1" 's/^  -o ([a-z_]+=)([a-z-]+(\|[a-z-]+)+) .*/\1\2/p; t; s/^  -o ([a-z_]+=?).*/\1/p' |
		awk -F= '$2 ~ /\|/ { n = split($2, v, "|"); for (i = 1; i <= n; i++) print $1 "=" v[i]; next } { print }'
}

_mmfs_mounts() {
	awk '$3 == "fuse.mmfs" { gsub(/\\040/, " ", $2); print $2 }' /proc/self/mounts
}

_mmfs_reply() {
	mapfile -t COMPREPLY < <(compgen "$@")
	case ${COMPREPLY[0]-} in *=) compopt -o nospace ;; esac
}

# The first word behind mmfsctl that is no option.
_mmfs_command_given() {
	local i
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in -*) ;; *) echo "${COMP_WORDS[i]}" && return ;; esac
	done
}

_mmfs() {
	local program=$1 word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} name=${1##*/} command=
	compopt -o filenames 2>/dev/null
	[ "$name" != mmfsctl ] || command=$(_mmfs_command_given)
	case $name:$before:$word in
	mmfs:-o:*)
		# the last of several, behind the comma
		local first=
		case $word in *,*) first=${word%,*}, ;; esac
		compopt +o filenames -o nospace 2>/dev/null
		_mmfs_reply -P "$first" -W "$(_mmfs_mount_options "$program")" -- "${word##*,}"
		;;
	umount.mmfs:-t:*) ;;
	umount.mmfs:*:-*) _mmfs_reply -W "-t -h" -- "$word" ;;
	umount.mmfs:*) local IFS=$'\n' && _mmfs_reply -W "$(_mmfs_mounts)" -- "$word" ;;
	*:*:-*) _mmfs_reply -W "$(_mmfs_options "$program")" -- "$word" ;;
	mmfsctl:*)
		if [ -z "$command" ]; then
			_mmfs_reply -W "$(_mmfs_commands "$program")" -- "$word"
		elif [ "$command" = dump ] && [ "$before" != dump ]; then
			_mmfs_reply -W "$(_mmfs_things "$program")" -- "$word"
		else
			_mmfs_reply -f -- "$word"
		fi
		;;
	*) _mmfs_reply -f -- "$word" ;;
	esac
}

complete -F _mmfs mmfs mkfs.mmfs fsck.mmfs mmfsctl umount.mmfs
