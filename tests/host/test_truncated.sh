#!/bin/bash
# The image is cut short by another process while it is mounted: EIO to those who touch what is gone, the daemon
# lives, the rest is readable, and unmounting works.
. "$(dirname "$0")/../lib.sh"
need_fuse
image=$tmp/a.img mnt=$tmp/mnt
mib=1048576
files=16

# Past the kernel's cache.
daemon_reads() {
	dd if="$1" iflag=direct bs=64K status=none
}

# In the order in which they are written their blocks lie one behind the other.
make_files() {
	local i
	rm -f "$image"
	mount_image "$image" "$mnt"
	mkdir "$mnt/d"
	for ((i = 1; i <= files; i++)); do
		dd if=/dev/urandom of="$mnt/d/$i" bs=1M count=1 status=none
	done
	cksum "$mnt/d"/* >"$tmp/sums"
	sync "$mnt/d/1"
	# A checkpoint: metadata is read from its home blocks, too.
	remount "$image" "$mnt"
	pid=$(daemon_pid "$image")
}

# It answers, if with an error, and is the process that it was.
alive() {
	expect "$pid" daemon_pid "$image"
	timeout 30 stat -f "$mnt" >/dev/null 2>"$tmp/said.alive" || grep -q 'Input/output error' "$tmp/said.alive" ||
		fail "$(cat "$tmp/said.alive")"
}

# Reads all files. Those that are given are as they were written, all others so or EIO, never anything else.
read_all() {
	local file good=0 bad=0
	for ((i = 1; i <= files; i++)); do
		file=$mnt/d/$i
		if daemon_reads "$file" >"$tmp/content" 2>"$tmp/said.read"; then
			grep -q "^$(cksum <"$tmp/content") $file\$" "$tmp/sums" || fail "$file: other bytes"
			good=$((good + 1))
		else
			grep -q 'Input/output error' "$tmp/said.read" || fail "$file: $(cat "$tmp/said.read")"
			bad=$((bad + 1))
		fi
	done
	note "$good files readable, $bad not"
	[ "$good" -ge "$1" ] && [ "$bad" -ge "$2" ] || fail "$good readable, $bad not; expected $1 and $2"
}

# Unmounting works.
end() {
	unmount "$mnt"
	no_reports
}

note "cut in the middle of the data"
make_files
truncate -s $((27 * mib)) "$image"
read_all 3 3
alive
# Changes fail or work, but nothing hangs and nothing dies; new files may still fit below the cut.
for i in $(seq 8); do
	dd if=/dev/zero of="$mnt/new.$i" bs=300K count=1 conv=fsync status=none 2>"$tmp/said.write" ||
		grep -Eq 'Input/output error|Read-only' "$tmp/said.write" || fail "$(cat "$tmp/said.write")"
done
alive
read_all 3 3
end

note "writing over what is gone"
make_files
truncate -s $((27 * mib)) "$image"
failed=0
for i in $(seq $files); do
	dd if=/dev/zero of="$mnt/d/$i" bs=1M count=1 conv=notrunc,fsync status=none 2>"$tmp/said.write" && continue
	grep -Eq 'Input/output error|Read-only' "$tmp/said.write" || fail "$(cat "$tmp/said.write")"
	failed=$((failed + 1))
done
[ $failed -ge 3 ] || fail "only $failed of $files writes failed"
alive
end

note "cut to nothing: journal, superblocks and all metadata are gone"
make_files
truncate -s 0 "$image"
for command in "ls $mnt/d" "touch $mnt/x" "dd if=$mnt/d/1 iflag=direct bs=64K" "rm $mnt/d/2" "sync $mnt/d/3" "mkdir $mnt/y"; do
	code=0
	# shellcheck disable=SC2086 # a command and its arguments
	timeout 30 $command >"$tmp/content" 2>"$tmp/said.gone" || code=$?
	[ $code != 124 ] || fail "$command hangs"
	alive
done
end
# And a file that is empty now is made an image of again.
mmfs "$image" "$mnt"
echo new >"$mnt/new"
unmount "$mnt"
fsck_clean "$image"

note "cut and grown again: zeros where metadata was"
make_files
truncate -s $((18 * mib)) "$image"
truncate -s $((80 * mib)) "$image"
for i in $(seq $files); do
	timeout 30 dd if="$mnt/d/$i" iflag=direct bs=64K status=none >"$tmp/content" 2>"$tmp/said.read" ||
		grep -Eq 'Input/output error|Structure needs cleaning' "$tmp/said.read" || fail "$(cat "$tmp/said.read")"
done
timeout 30 find "$mnt" >/dev/null 2>&1 || true
alive
end

note "-o ro"
make_files
unmount "$mnt"
mount_image "$image" "$mnt" -o ro
pid=$(daemon_pid "$image")
truncate -s $((27 * mib)) "$image"
read_all 3 3
alive
unmount "$mnt"
# A cut image is refused, and what is wrong is said.
expect_fail 1 'damaged|cut' mmfs "$image" "$mnt"
