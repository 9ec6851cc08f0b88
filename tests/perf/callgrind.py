# SPDX-License-Identifier: Apache-2.0
"""Instructions a request, counted by valgrind: the one number that a busy machine cannot disturb.
The binary serves N and then, freshly started, 2N requests; the difference leaves start and end out. The thread that serves is
counted by itself, since a client waits for it; what the other threads do (the store's) is a row of its own."""

import glob
import os
import re
import subprocess

import harness
import scenarios

RUNS = {"instructions_600": ("bench", scenarios.SMALL, 400, {}),
        "instructions_100k": ("bench", scenarios.LARGE, 100, {}),
        "instructions_stream": ("bench", scenarios.SMALL, 12, {"stream": True, "events": 64})}


def _serve(bench, binary, upstreams, requests, run):
    role, size, _, options = run
    out = os.path.join(bench.build, f"callgrind.{size}{'.stream' if options else ''}.{requests}.out")
    for old in glob.glob(out + "*"):
        os.remove(old)
    wrapper = ["valgrind", "-q", "--tool=callgrind", "--separate-threads=yes", f"--callgrind-out-file={out}"]
    papi = harness.Papi(binary, os.path.join(bench.build, "callgrind"), upstreams,
                        bench.gateway_core, bench.log, wrapper).let_in()
    try:
        papi.pid = None  # the CPU clock of valgrind means nothing
        bench.run(papi, role, size, concurrency=4 if options else 1, requests=requests, **options)
    finally:
        papi.stop()
    counts = {path: _total(path) for path in sorted(glob.glob(out + "-*"))}
    serving = f"{out}-01"  # the main thread is loop 0, and there is no other
    return counts[serving], sum(counts.values()) - counts[serving], serving


def _total(path):
    with open(path) as file:
        found = re.search(r"^(?:summary|totals): (\d+)", file.read(), re.MULTILINE)
    return int(found.group(1)) if found else 0


def measure(bench, binary, upstreams):
    numbers, files = {}, {}
    for metric, run in RUNS.items():
        once, behind_once, _ = _serve(bench, binary, upstreams, run[2], run)
        twice, behind_twice, files[metric] = _serve(bench, binary, upstreams, 2 * run[2], run)
        numbers[metric] = (twice - once) / run[2]
        if metric == "instructions_600":
            numbers["instructions_behind"] = (behind_twice - behind_once) / run[2]
    return numbers, files


def show_functions(path, lines=30):
    """Where the instructions go; of use only with a binary that has its symbols."""
    done = subprocess.run(["callgrind_annotate", "--threshold=95", path], capture_output=True, text=True)
    rows = [line for line in done.stdout.splitlines() if re.match(r"\s*[\d,]+ \(", line)]
    print("\n".join(row[:150] for row in rows[:lines]))
