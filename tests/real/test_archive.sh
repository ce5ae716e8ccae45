#!/bin/bash
# Many files as a tar, into an image, out of it and in again, in little memory. 10,000 files; full: 100,000.
# timeout: 300
. "$(dirname "$0")/../lib.sh"

count=$(size 10000 100000)
limit_kib=$(size 24000 65536) # of memory of its own (setrlimit(2), RLIMIT_DATA); the image's pages are not
note "$count files in $limit_kib KiB"
python3 - "$tmp/a.tar" "$count" <<'END'
import io, sys, tarfile
tar = tarfile.open(sys.argv[1], "w", format=tarfile.PAX_FORMAT)
for number in range(int(sys.argv[2])):
    if number % 100 == 0:
        entry = tarfile.TarInfo("directory-%d/below" % (number // 100))
        entry.type, entry.mode, entry.mtime = tarfile.DIRTYPE, 0o755, 1000000 + number
        tar.addfile(entry)
    entry = tarfile.TarInfo("directory-%d/below/file-%d" % (number // 100, number))
    entry.mtime, entry.uid, entry.mode = number, number % 70000, 0o600 + number % 64
    if number % 10 == 9:
        entry.type, entry.linkname = tarfile.LNKTYPE, "directory-%d/below/file-%d" % (number // 100, number - 1)
        tar.addfile(entry)
        continue
    bytes = str(number).encode() * (number % 500)
    entry.size = len(bytes)
    tar.addfile(entry, io.BytesIO(bytes))
tar.close()
END
limited() {
	(ulimit -d "$limit_kib" && "$@")
}
start=$SECONDS
limited mkfs.mmfs -q --from "$tmp/a.tar" "$tmp/a.img"
note "mkfs.mmfs --from: $((SECONDS - start)) s"
fsck_clean "$tmp/a.img"
limited mmfsctl export "$tmp/a.img" "$tmp/b.tar"
mkfs.mmfs -q "$tmp/c.img"
limited mmfsctl import "$tmp/c.img" - <"$tmp/b.tar"
fsck_clean "$tmp/c.img"
mmfsctl export "$tmp/c.img" | cmp - "$tmp/b.tar" || fail "not the same files"
# names, modes, owners, times of what was given, hard links as what they are
list() {
	tar --numeric-owner --full-time -tvf "$1" | grep -v '^d' |
		sed -E 's/ +/ /g; s/ \.\// /g; s/^h([^ ]+ ){5}(.*)/h \2/' | sort
}
list "$tmp/a.tar" >"$tmp/expected"
list "$tmp/b.tar" >"$tmp/got"
[ "$(wc -l <"$tmp/expected")" = "$count" ] || fail "$(wc -l <"$tmp/expected") entries"
diff "$tmp/expected" "$tmp/got" | head -n 5 >"$tmp/different" || true
[ ! -s "$tmp/different" ] || fail "$(cat "$tmp/different")"
mkdir "$tmp/x" "$tmp/y"
tar -xf "$tmp/a.tar" -C "$tmp/x"
mmfsctl get "$tmp/c.img" / "$tmp/y"
diff -r "$tmp/x" "$tmp/y" || fail "contents differ"
