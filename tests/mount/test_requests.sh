#!/bin/bash
# What operations cost in messages, by the daemon's own counters: they decide how fast a FUSE filesystem can be, and
# unlike times they do not depend on the machine. Another kernel may need another one here or there.
. "$(dirname "$0")/../lib.sh"
command -v jq >/dev/null || skip "needs jq"
need_fuse
helper requests
image=$tmp/a.img mnt=$tmp/mnt
count=100

# Requests by type. FORGETs come when the kernel likes; STATFS and IOCTL are mmfsctl's own.
counters() {
	mmfsctl stats --json "$mnt" | jq -c '.requests | del(.forget, .batch_forget, .statfs, .ioctl)'
}

# spent BEFORE AFTER: "type=number ..." in order of types.
spent() {
	jq -nr --argjson a "$1" --argjson b "$2" \
		'[$b | to_entries[] | {key, value: (.value - ($a[.key] // 0))} | select(.value != 0)]
		| sort_by(.key) | map("\(.key)=\(.value)") | join(" ")'
}

# costs "TYPE=NUMBER ..." OPERATION [COUNT]: on as many files, exactly that.
costs() {
	local wanted=$1 operation=$2 before after got
	shift
	before=$(counters)
	requests "$operation" "$mnt/d" "${2:-$count}"
	after=$(counters)
	got=$(spent "$before" "$after")
	[ "$got" = "$wanted" ] || fail "$operation: $got, not $wanted"
}

mount_image "$image" "$mnt"
mkdir "$mnt/d"
# The first of their kind tell the kernel that it need not ask.
requests create "$mnt" 1
requests write "$mnt" 1
requests names "$mnt" 1

note "a directory's attributes are asked for after each change, to check permissions by"
costs "getattr=$((count - 1)) lookup=$count mknod=$count" create
costs "getattr=1" stat
costs "" stat
note "the first write of a file asks for its capabilities"
costs "getxattr=$count write=$count" write
costs "write=$count" write
costs "write=$count" append
costs "" read
costs "lookup=$count" absent
costs "" absent
costs "setattr=$count" chmod
costs "" stat
costs "fsync=$count" fsync
# There and back again.
costs "getattr=$((2 * count - 1)) lookup=$((2 * count)) rename=$((2 * count))" rename
requests stat "$mnt/d" 1
costs "getattr=$((count - 1)) unlink=$count" unlink
requests stat "$mnt" 1

note "a directory that the kernel knows nothing of"
count=1000
requests create "$mnt/d" $count
requests write "$mnt/d" $count
remount "$image" "$mnt"
requests stat "$mnt" 1
before=$(counters)
requests list "$mnt/d" 1
after=$(counters)
pages=$(jq -n --argjson a "$before" --argjson b "$after" '($b.readdirplus // 0) - ($a.readdirplus // 0)')
[ "$pages" -le $((count / 100)) ] || fail "ls -l of $count names: $pages messages"
spent "$before" "$after" | grep -Eqx '(getattr=1 )?lookup=1 (readdir=[0-9]+ )?readdirplus=[0-9]+' || fail "$(spent "$before" "$after")"
costs "" stat
# Reading it has changed its atime.
costs "getattr=1" list 1
costs "" list 1
costs "" names 1
requests read "$mnt" 1
costs "read=$count" read
costs "" read

unmount "$mnt"

note "with immutable files opens are looked at"
mount_image "$image" "$mnt"
chattr +i "$mnt/d/f0"
remount "$image" "$mnt"
requests stat "$mnt/d" 2
before=$(counters)
expect_fail 1 'f0: Operation not permitted' requests write "$mnt/d" 1
[[ $(spent "$before" "$(counters)") == *open=1* ]] || fail "$(spent "$before" "$(counters)")"
before=$(counters)
touch "$mnt/created"
[[ $(spent "$before" "$(counters)") == *create=1* ]] || fail "$(spent "$before" "$(counters)")"
chattr -i "$mnt/d/f0"
unmount "$mnt"
fsck_clean "$image"
