#!/bin/bash
# A host filesystem of 64 MiB filled to the brim, by mmfs itself and by somebody else: whatever needs space says
# ENOSPC, nothing that was acknowledged is lost, deleting works and makes room; so it does after kill -9.
# timeout: 600
. "$(dirname "$0")/../lib.sh"
. "$here/lib.sh"
need_fuse
helper brim
host=$tmp/host mnt=$tmp/mnt
image=$host/a.img

host_has_nothing() {
	# What is left is less than mmfs asks for at once.
	[ "$(df --output=avail -k "$host" | tail -n 1)" -lt 1024 ] || fail "the host is not full: $(df -k "$host")"
}

# kill_while SECONDS COMMAND...: kills the daemon after so long, while the command works; nothing is lost.
kill_while() {
	local worker
	"${@:2}" &
	worker=$!
	sleep "$1"
	kill_daemon "$image"
	wait "$worker"
	fsck_clean "$image"
	mmfs "$image" "$mnt"
	brim check "$mnt/d" "$tmp/log"
	cksum <"$mnt/large" | cmp - "$tmp/sum"
}

fill_and_kill() {
	brim fill "$mnt/d" "$tmp/log"
	brim check "$mnt/d" "$tmp/log"
	kill_while 0.1 brim fill "$mnt/d" "$tmp/log"
	kill_while 0.03 brim delete "$mnt/d" "$tmp/log"
}

# fill_host FILE: somebody else takes what the host has left.
fill_host() {
	expect_fail 1 'No space left' dd if=/dev/zero of="$1" bs=64K
	expect_fail 1 'No space left' dd if=/dev/zero of="$1" bs=512 oflag=append conv=notrunc
}

# Deleting works, also when somebody else has taken what an unmount gave back; and what it frees can be used.
make_room() {
	unmount "$mnt"
	fill_host "$host/taken"
	host_has_nothing
	mmfs "$image" "$mnt"
	brim delete "$mnt/d" "$tmp/log"
	brim check "$mnt/d" "$tmp/log"
	rm -r "$mnt/names" "$mnt/large"
	rm "$host/taken"
	sync "$mnt"
	sleep 0.5
	dd if=/dev/urandom of="$mnt/again" bs=1M count=8 status=none
	sync "$mnt/again"
	remount "$image" "$mnt"
	brim check "$mnt/d" "$tmp/log"
	unmount "$mnt"
	fsck_clean "$image"
}

# What is deleted on a full host: with long names, so that they fill a few tree nodes.
make_names() {
	local long
	long=$(printf 'n%.0s' {1..200})
	mkdir "$mnt/d" "$mnt/names"
	seq -f "$mnt/names/$long%g" 300 | xargs touch
}

filled_by_mmfs() {
	note "$1, filled by mmfs"
	host_make "$1" "$host" 64M
	mount_image "$image" "$mnt"
	make_names
	expect_fail 1 'No space left' dd if=/dev/urandom of="$mnt/large" bs=1M count=100
	cksum <"$mnt/large" >"$tmp/sum"
	host_has_nothing
	fill_and_kill
	make_room
	rm "$tmp/log"
	host_gone "$host"
}

filled_by_others() {
	note "$1, filled by somebody else, while mounted"
	host_make "$1" "$host" 64M
	mount_image "$image" "$mnt"
	make_names
	dd if=/dev/urandom of="$mnt/large" bs=1M count=20 status=none
	cksum <"$mnt/large" >"$tmp/sum"
	fill_host "$host/other"
	host_has_nothing
	fill_and_kill
	# Room on the host is room in the image.
	rm "$host/other"
	dd if=/dev/urandom of="$mnt/more" bs=1M count=10 status=none
	make_room
	rm "$tmp/log"
	host_gone "$host"
}

filled_by_mmfs tmpfs
filled_by_others ext4
if full; then
	filled_by_others tmpfs
	filled_by_mmfs ext4
fi
