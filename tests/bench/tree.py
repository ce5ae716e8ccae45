#!/usr/bin/env python3
"""tree.py FILES: a tar archive of a tree like those of sources, the same every time, to standard output.

Directories of 25 files, 10 directories to a directory; sizes from some bytes to some 100 KiB, 7 KiB on average.
"""
import io
import random
import sys
import tarfile


def main():
    count = int(sys.argv[1])
    chance = random.Random(1)
    text = bytes(chance.choice(b"abcdefghijklmnopqrstuvwxyz     \n") for _ in range(1 << 18))
    made = set()
    with tarfile.open(fileobj=sys.stdout.buffer, mode="w|", format=tarfile.GNU_FORMAT) as archive:

        def directory(path):
            if path in made:
                return
            made.add(path)
            if "/" in path:
                directory(path.rsplit("/", 1)[0])
            entry = tarfile.TarInfo(path)
            entry.type, entry.mode, entry.mtime = tarfile.DIRTYPE, 0o755, 1700000000
            archive.addfile(entry)

        for number in range(count):
            place = number // 25
            path = f"tree/part-{place // 100:03}/group-{place // 10 % 10}/dir-{place % 10}"
            directory(path)
            entry = tarfile.TarInfo(f"{path}/source-{number:06}.h")
            entry.size = min(int(chance.lognormvariate(8.0, 1.3)), len(text))
            entry.mtime = 1600000000 + number
            archive.addfile(entry, io.BytesIO(text[: entry.size]))


main()
