#!/usr/bin/env python3
"""Results of tests/bench/run.sh.

report.py collect TSV NAME=VALUE...   JSON of lines "phase, threads, system, value, unit", with the machine
report.py table JSON                  medians, ratios of mmfs to the others, and targets
report.py chart JSON                  an SVG
"""
import json
import os
import platform
import statistics
import sys
import time

OTHERS = ["null", "fuse2fs", "ntfs-3g", "ext4", "tmpfs"]
METADATA = ["create", "stat-cold", "list-cold", "small-write", "small-read-cold", "rename", "unlink"]


def targets():
    """(phase, system, other, ratio): the least that `system` is to be of `other`; None: of itself with 1 thread."""
    for phase in METADATA:
        yield phase, "mmfs", "null", 0.8 if phase == "list-cold" else 0.9
        yield phase, "mmfs", "fuse2fs", 5
        yield phase, "mmfs", "ntfs-3g", 2
    yield "create", "null", "null-libfuse", 2.5
    for phase in ["stat-warm", "small-read-warm"]:
        yield phase, "mmfs", "ext4", 0.85
    for phase in ["seq-read-cold", "rand-read-direct"]:
        yield phase, "mmfs", "null", 0.9
    yield "seq-read-disk", "mmfs", "ext4", 0.8
    yield "seq-write", "mmfs", "null", 0.7
    yield "seq-write", "mmfs", "fuse2fs", 3
    yield "append-fsync", "mmfs", "ext4", 1.5
    yield "append-fsync", "mmfs", None, 3
    for phase in ["untar", "rm"]:
        yield phase, "mmfs", "null", 1 / 1.2


def first_line(path, start):
    try:
        with open(path, encoding="utf-8") as file:
            return next((line.split(":", 1)[1].strip() for line in file if line.startswith(start)), "")
    except OSError:
        return ""


def collect(path, parameters):
    phases = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            phase, threads, system, value, unit = line.rstrip("\n").split("\t")
            entry = phases.setdefault((phase, int(threads)), {"unit": unit, "systems": {}})
            entry["systems"].setdefault(system, []).append(float(value))
    result = {
        "machine": {
            "date": time.strftime("%Y-%m-%d"),
            "kernel": platform.release(),
            "processor": first_line("/proc/cpuinfo", "model name"),
            "processors": os.cpu_count(),
            "memory": first_line("/proc/meminfo", "MemTotal"),
        },
        "parameters": dict(parameter.split("=", 1) for parameter in parameters),
        "results": [
            {"phase": phase, "threads": threads, **entry} for (phase, threads), entry in phases.items()
        ],
    }
    json.dump(result, sys.stdout, indent=1)
    print()


def median(entry, system):
    values = entry["systems"].get(system) if entry else None
    return statistics.median(values) if values else None


def ratio(entry, system, other, mine=None):
    """How many times as fast `system` is."""
    a, b = median(mine or entry, system), median(entry, other)
    if not a or not b:
        return None
    return b / a if entry["unit"] == "seconds" else a / b


def number(value, unit):
    if value is None:
        return "-"
    return f"{value:,.2f}" if unit == "seconds" else f"{value:,.0f}"


def table(result):
    entries = result["results"]
    systems = [name for name in ["mmfs", "null", "null-libfuse"] + OTHERS[1:]
               if any(name in entry["systems"] for entry in entries)]
    others = [name for name in systems if name != "mmfs"]
    machine = result["machine"]
    print(f"Linux {machine['kernel']}, {machine['processors']} CPUs ({machine['processor']}), {machine['memory']}")
    print(", ".join(f"{name} {value}" for name, value in result["parameters"].items()), "\n")
    head = ["phase", "threads"] + systems + [f"mmfs/{name}" for name in others] + ["unit"]
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for entry in entries:
        row = [entry["phase"], str(entry["threads"])]
        row += [number(median(entry, name), entry["unit"]) for name in systems]
        for name in others:
            value = ratio(entry, "mmfs", name)
            row.append("-" if value is None else f"{value:.2f}")
        print("| " + " | ".join(row + [entry["unit"]]) + " |")
    print()
    for line in judge(entries):
        print(line)


def judge(entries):
    by_name = {(entry["phase"], entry["threads"]): entry for entry in entries}
    for phase, system, other, least in targets():
        for (name, threads), entry in by_name.items():
            if name != phase:
                continue
            if other is None:
                one = by_name.get((phase, 1))
                value = ratio(one, system, system, entry) if threads != 1 else None
            else:
                value = ratio(entry, system, other)
            if value is not None:
                word = "met   " if value >= least else "MISSED"
                yield (f"{word} {phase}, {threads} threads: {system} is {value:.2f} times "
                       f"{other or 'itself with one'} (wanted: {least:.2f})")


COLOURS = {"mmfs": "#1b6ca8", "null": "#9aa5b1", "null-libfuse": "#c3cbd3", "fuse2fs": "#d1495b",
           "ntfs-3g": "#edae49", "ext4": "#3d8b5f", "tmpfs": "#8661c1"}
BAR, GAP, LEFT, WIDTH = 9, 12, 190, 560


def chart(result):
    """One group of bars a phase: the speed of each system as a part of the fastest but tmpfs."""
    rows, y = [], 40
    for entry in result["results"]:
        names = [name for name in COLOURS if name != "tmpfs" and median(entry, name)]
        speed = {name: 1 / median(entry, name) if entry["unit"] == "seconds" else median(entry, name)
                 for name in names}
        if "mmfs" not in speed or len(speed) < 2:
            continue
        label = f"{entry['phase']} ({entry['threads']})"
        rows.append(f'<text x="{LEFT - 8}" y="{y + BAR * len(names) / 2 + 4}" text-anchor="end">{label}</text>')
        for name in names:
            length = max(1, speed[name] / max(speed.values()) * WIDTH)
            rows.append(f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR - 1}" fill="{COLOURS[name]}"/>')
            text = number(median(entry, name), entry["unit"]) + (" s" if entry["unit"] == "seconds" else "")
            rows.append(f'<text x="{LEFT + length + 3:.1f}" y="{y + 7}" class="small">{text}</text>')
            y += BAR
        y += GAP
    legend = "".join(
        f'<rect x="{LEFT + i * 90}" y="10" width="10" height="10" fill="{colour}"/>'
        f'<text x="{LEFT + i * 90 + 14}" y="19">{name}</text>'
        for i, (name, colour) in enumerate((n, c) for n, c in COLOURS.items() if n != "tmpfs"))
    print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 80} {y}" '
          'font-family="sans-serif" font-size="12"><style>.small{font-size:8px}</style>'
          '<rect width="100%" height="100%" fill="white"/>')
    print(legend)
    print("\n".join(rows))
    print("</svg>")


def main():
    if len(sys.argv) < 3 or sys.argv[1] not in ("collect", "table", "chart"):
        sys.exit(__doc__)
    if sys.argv[1] == "collect":
        collect(sys.argv[2], sys.argv[3:])
        return
    with open(sys.argv[2], encoding="utf-8") as file:
        result = json.load(file)
    (table if sys.argv[1] == "table" else chart)(result)


main()
