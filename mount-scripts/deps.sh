#!/bin/sh
# The one list of packages (apt names) that every script uses.
#
#   deps.sh            prints what building and mounting take, on one line
#   deps.sh --tests    prints what the tests take, too
#   deps.sh --bench    prints what tests/bench/run.sh takes, too
#   deps.sh --install  installs what is missing of it (as root, or through sudo);
#                      prints nothing if all is there
set -eu

packages="gcc meson ninja-build pkg-config libc6-dev libfuse3-dev fuse3 libxxhash-dev libarchive-dev"
test_packages="libcmocka-dev g++ build-essential dpkg-dev debhelper lintian systemd
	libacl1-dev libattr1-dev nettle-dev liblzma-dev libzstd-dev liblz4-dev libbz2-dev zlib1g-dev clang clang-format clang-tidy cppcheck shellcheck mandoc man-db git sqlite3 postgresql postgresql-contrib attr acl
	e2fsprogs xfsprogs btrfs-progs fuse2fs tar perl python3 strace util-linux procps libcap2-bin jq valgrind nbdkit libnbd-bin
	libarchive-tools zsh fish fio"
bench_packages="e2fsprogs fuse2fs ntfs-3g fio git jq python3 sqlite3 postgresql postgresql-contrib procps"
tests=false
bench=false
install=false

for argument; do
	case $argument in
	--tests) tests=true ;;
	--bench) bench=true ;;
	--install) install=true ;;
	-h | --help)
		sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0"
		exit 0
		;;
	*)
		echo "deps.sh: unknown argument '$argument'; usage: deps.sh [--tests] [--bench] [--install]" >&2
		exit 1
		;;
	esac
done
if $tests; then
	packages="$packages $test_packages"
fi
if $bench; then
	packages="$packages $bench_packages"
fi
# One line, single blanks.
# shellcheck disable=SC2086
packages=$(echo $packages)

if ! $install; then
	echo "$packages"
	exit 0
fi

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	echo "deps.sh: packages are installed for Debian and Ubuntu only; install what these names stand for: $packages" >&2
	exit 1
fi

# What is not installed. A package may be another one's alias (pkg-config is pkgconf's): what it provides counts.
missing() {
	# shellcheck disable=SC2086
	installed=$(dpkg-query -W -f '${db:Status-Status} ${Package} ${Provides}\n' 2>/dev/null |
		sed -n 's/^installed //p' | sed 's/([^)]*)//g' | tr ', ' '\n\n')
	for package in $packages; do
		printf '%s\n' "$installed" | grep -qxF "$package" || printf '%s ' "$package"
	done
}

wanted=$(missing)
[ -n "$wanted" ] || exit 0

as_root=
if [ "$(id -u)" != 0 ]; then
	if ! command -v sudo >/dev/null; then
		echo "deps.sh: these packages are missing; install them as root: apt-get install $wanted" >&2
		exit 1
	fi
	as_root="sudo"
fi
apt() {
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=120 "$@" >&2
}

echo "deps.sh: installing: $wanted" >&2
# A mirror that fails is asked once more.
apt update || { sleep 5 && apt update; } || echo "deps.sh: the package lists are old; trying all the same" >&2
# shellcheck disable=SC2086
if ! apt install --no-install-recommends $wanted; then
	apt update
	apt install --no-install-recommends $wanted
fi
