#!/bin/bash
# The POSIX suite on mmfs, on ext4 (a loop device) and on tmpfs: the same assertions, and each of them holds on all
# three, but for differences.txt, which gives a reason for each that does not.
# timeout: 600
. "$(dirname "$0")/../lib.sh"
need_fuse
for tool in mkfs.ext4 losetup chattr; do
	command -v $tool >/dev/null || skip "needs $tool"
done
losetup -f >/dev/null 2>&1 || fail "there is no loop device here, and without ext4 nobody would know whether the tests are right"

suite=$tmp/bin/suite
"$here/build_suite.sh" "$suite"
rules=$("$suite" --list | wc -l)
[ "$rules" -ge 100 ] || fail "only $rules rules: where are the others?"
systems="mmfs ext4 tmpfs"

# mount_system NAME SIZE-IN-MIB: at $tmp/NAME.
mount_system() {
	local point=$tmp/$1
	mkdir -p "$point"
	case $1 in
	mmfs) mount_image "$tmp/mmfs-$2.img" "$point" -o "allow_other,size=${2}M" ;;
	ext4)
		truncate -s "${2}M" "$tmp/ext4.img"
		# ea_inode: values of 64 KiB. The loop device goes when it is unmounted.
		mkfs.ext4 -qF -O ea_inode "$tmp/ext4.img"
		mount -o loop "$tmp/ext4.img" "$point"
		;;
	tmpfs) mount -t tmpfs -o "size=${2}M" tmpfs "$point" ;;
	esac
	chmod 755 "$point"
}

make_read_only() {
	case $1 in
	mmfs) remount "$tmp/mmfs-$2.img" "$tmp/mmfs" -o allow_other,ro ;;
	*) mount -o remount,ro "$tmp/$1" ;;
	esac
}

# With ACLs, and with an immutable file, for which mmfs looks at opens from the next mount on.
make_guarded() {
	touch "$tmp/$1/guard"
	chattr +i "$tmp/$1/guard"
	[ "$1" != mmfs ] || remount "$tmp/mmfs-$2.img" "$tmp/mmfs" -o allow_other,acl
}

unguard() {
	chattr -i "$tmp/$1/guard"
	rm "$tmp/$1/guard"
}

unmount_system() {
	case $1 in mmfs) unmount "$tmp/mmfs" ;; *) umount "$tmp/$1" ;; esac
}

# run_suite NAME STAGE ARGUMENTS...: writes $tmp/NAME.STAGE.tap. Status 1 means that assertions failed: compared later.
run_suite() {
	local name=$1 stage=$2 code=0 started=$SECONDS
	shift 2
	"$suite" "$@" >"$tmp/$name.$stage.tap" || code=$?
	[ "$code" -le 1 ] && [ -n "$(tail -n 1 "$tmp/$name.$stage.tap" | grep '^1\.\.')" ] ||
		fail "the suite ended with status $code on $name: $(tail -n 3 "$tmp/$name.$stage.tap")"
	note "$name, $stage: $((SECONDS - started)) s"
}

# The limit of links takes long and little else, so it runs beside the others.
mapfile -t others < <("$suite" --list | grep -v -e '^link/limit\.c$' -e '^readonly/' -e '^full/' -e '^guarded/' -e '^acl/')
everything() {
	run_suite "$1" limit "$tmp/$1" link/limit.c &
	run_suite "$1" all "$tmp/$1" "${others[@]}"
	wait $!
	[ -z "$(find "$tmp/$1" -mindepth 1 -not -name lost+found -print -quit)" ] || fail "something is left on $1"
}

note "$rules rules"
for name in $systems; do mount_system "$name" 512; done
for name in ext4 tmpfs; do everything $name; done &
kernels=$!
everything mmfs
wait $kernels
if command -v prove >/dev/null; then
	(cd "$here/suite" && prove -Q -r --ext .c --exec "$suite $tmp/mmfs" mkdir readlink) >"$tmp/said" ||
		fail "prove: $(tail -n 20 "$tmp/said")"
fi
for name in $systems; do unmount_system "$name"; done
fsck_clean "$tmp/mmfs-512.img"

note "small ones: with ACLs and an immutable file, then full, then read-only"
for name in $systems; do
	mount_system "$name" 32
	make_guarded "$name" 32
	run_suite "$name" guarded "$tmp/$name" acl/ guarded/ flags/ open/ mkdir/ mkfifo/ mknod/ chmod/
	unguard "$name"
	run_suite "$name" full "$tmp/$name" full/
	run_suite "$name" prepare --prepare "$tmp/$name" readonly/
	make_read_only "$name" 32
	run_suite "$name" readonly --keep "$tmp/$name" readonly/
	unmount_system "$name"
done
fsck_clean "$tmp/mmfs-32.img"

# assertions TAP: their names, without number and outcome.
assertions() {
	sed -n 's/^\(not \)\?ok [0-9]* - //p' "$1"
}

# Failed assertions are those that differences.txt lists for this filesystem ("NAME PATTERN"; the reason is indented
# below), and each of its patterns is there for one.
check_differences() {
	local name=$1 failed found unlisted=0 pattern
	local -A used=()
	while IFS= read -r pattern; do
		[ -z "$pattern" ] || used[$pattern]=0
	done < <(sed -n "s/^${name}[[:blank:]]\+//p" "$here/differences.txt")
	while IFS= read -r failed; do
		found=0
		for pattern in "${!used[@]}"; do
			# shellcheck disable=SC2053 # it is a pattern
			if [[ $failed == $pattern ]]; then
				used[$pattern]=$((used[$pattern] + 1))
				found=1
			fi
		done
		if [ $found = 0 ]; then
			unlisted=$((unlisted + 1))
			grep -F -A 1 -m 1 -- "- $failed" "$tmp/$name.tap" | sed "s/^/$name: /" >&2
		fi
	done < <(sed -n 's/^not ok [0-9]* - //p' "$tmp/$name.tap")
	for pattern in "${!used[@]}"; do
		[ "${used[$pattern]}" != 0 ] || { note "$name is listed in differences.txt, but holds: $pattern"; unlisted=1; }
	done
	[ $unlisted = 0 ] || bad=1
}

bad=0
for name in $systems; do
	cat "$tmp/$name".{all,limit,guarded,full,prepare,readonly}.tap >"$tmp/$name.tap"
done
for name in ext4 tmpfs; do
	diff <(assertions "$tmp/mmfs.tap") <(assertions "$tmp/$name.tap") >"$tmp/diff" || {
		bad=1
		note "mmfs and $name did not run the same assertions:"
		head -n 20 "$tmp/diff" >&2
	}
done
for name in $systems; do check_differences "$name"; done
count=$(assertions "$tmp/mmfs.tap" | wc -l)
for name in $systems; do
	note "$name: $(grep -c '^not ok' "$tmp/$name.tap" || true) of them differ as differences.txt explains"
done
echo "$count assertions on mmfs, ext4, tmpfs"
[ "$count" -ge 3000 ] || fail "fewer than 3,000 assertions"
[ $bad = 0 ] || fail "assertions do not hold"
