# SPDX-License-Identifier: Apache-2.0
"""Flame graph of the gateway under load: samples by perf, folded and drawn here as one static SVG.
Width is time on the CPU; a box stands on its caller; kernel frames are tinted blue."""

import html
import re
import subprocess
import threading

WIDTH, ROW, PAD, SMALLEST = 1200, 17, 10, 0.4


def record(bench, target, data, seconds, run_load):
    """Samples target.pid while run_load() runs in a thread of its own."""
    load = threading.Thread(target=run_load)
    load.start()
    command = ["perf", "record", "-q", "-e", "cpu-clock", "-F", "4000", "--call-graph", "fp",
               "-p", str(target.pid), "-o", data, "--", "sleep", str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True)
    load.join()
    if done.returncode != 0:
        raise RuntimeError(f"perf record: {done.stderr.strip()}")


def fold(data):
    """Stacks, outermost first, with their sample counts."""
    script = subprocess.run(["perf", "script", "-i", data, "-F", "comm,ip,sym,dso"],
                            capture_output=True, text=True, check=True)
    stacks = {}
    for block in script.stdout.split("\n\n"):
        frames = []
        for line in block.strip().split("\n")[1:]:
            match = re.match(r"\s*[0-9a-f]+ (.+) \((.+)\)$", line)
            if not match:
                continue
            name, place = match.groups()
            name = name.split("+0x")[0]
            if name == "[unknown]":
                name = "[" + place.rsplit("/", 1)[-1].strip("[]") + "]"
            kernel = "kernel" in place or place.startswith("[")
            frames.append(name + ("_[k]" if kernel else ""))
        if frames:
            key = tuple(reversed(frames))
            stacks[key] = stacks.get(key, 0) + 1
    return stacks


def tree(stacks):
    root = {"count": 0, "below": {}}
    for stack, count in stacks.items():
        node = root
        node["count"] += count
        for name in stack:
            node = node["below"].setdefault(name, {"count": 0, "below": {}})
            node["count"] += count
    return root


def _colour(name):
    seed = sum(ord(letter) * (i + 1) for i, letter in enumerate(name))
    if name.endswith("_[k]"):
        return f"rgb({110 + seed % 40},{160 + seed % 50},{215 + seed % 35})"
    return f"rgb({225 + seed % 30},{120 + seed % 90},{50 + seed % 40})"


def _boxes(node, depth, left, total, out):
    for name in sorted(node["below"]):
        child = node["below"][name]
        width = child["count"] / total * (WIDTH - 2 * PAD)
        if width >= SMALLEST:
            out.append((depth, left, width, name, child["count"] / total))
            _boxes(child, depth + 1, left, total, out)
        left += width


def draw(root, path, title):
    boxes = []
    _boxes(root, 0, PAD, root["count"], boxes)
    depth = 1 + max(box[0] for box in boxes)
    height = depth * ROW + 50
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
             f'font-family="monospace" font-size="11">',
             f'<rect width="{WIDTH}" height="{height}" fill="#fdfcf8"/>',
             f'<text x="{WIDTH / 2}" y="20" text-anchor="middle" font-size="15">{html.escape(title)}</text>']
    for level, left, width, name, share in boxes:
        top = height - 10 - (level + 1) * ROW
        label = name.removesuffix("_[k]")
        room = int((width - 4) / 6.7)
        text = label if len(label) <= room else label[:max(room - 1, 0)] + "…"
        lines.append(f'<g><title>{html.escape(label)} {share:.1%}</title>'
                     f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{ROW - 1}" '
                     f'fill="{_colour(name)}" rx="1"/>'
                     + (f'<text x="{left + 2:.1f}" y="{top + 12}">{html.escape(text)}</text>'
                        if room >= 3 else "") + "</g>")
    lines.append("</svg>")
    with open(path, "w") as file:
        file.write("\n".join(lines) + "\n")


def self_shares(stacks, lines=30):
    """(function, share of the samples in which it was on top)"""
    total = sum(stacks.values())
    tops = {}
    for stack, count in stacks.items():
        tops[stack[-1]] = tops.get(stack[-1], 0) + count
    ordered = sorted(tops.items(), key=lambda item: -item[1])
    return [(name, count / total) for name, count in ordered[:lines]]
