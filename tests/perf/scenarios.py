# SPDX-License-Identifier: Apache-2.0
"""What is measured. Each scenario is one function that runs against one target and returns named
numbers; Bench.alternate runs it against nginx, PAPI and no gateway at all in turn, the order rotating
from round to round, so that a slow minute of the machine hits all three."""

import json
import os
import statistics
import subprocess
import time

import bodies
import harness

SMALL, LARGE = 600, 100 * 1024
STREAMS, STREAMS_AT_ONCE, GAP_US = 32, 8, 10000
OPEN_STREAMS = 1000


class Bench:
    def __init__(self, build, rounds, log):
        self.build, self.rounds, self.log = build, rounds, log
        self.gateway_core, self.load_core = harness.cores()
        self.values = {}  # metric -> target -> list, one number a round
        self.files = {}
        for role, model in harness.MODELS.items():
            for size in (SMALL, LARGE):
                for stream in (False, True):
                    path = os.path.join(build, f"request-{role}-{size}{'-stream' if stream else ''}.json")
                    with open(path, "wb") as file:
                        file.write(bodies.chat(model, size, stream))
                    self.files[role, size, stream] = path

    def body(self, role, size=SMALL, stream=False):
        return self.files["bench" if role == "stream" else role, size, stream]

    def run(self, target, role, size=SMALL, **options):
        port = target.ports.get(role) or target.ports["bench"]
        body = self.body(role, size, bool(options.get("stream") or options.get("hold")))
        return harness.generate(self.build, self.load_core, self.log, port, body,
                                watch=target.pid, key=target.key, **options)

    def note(self, target_name, numbers):
        for metric, number in numbers.items():
            self.values.setdefault(metric, {}).setdefault(target_name, []).append(number)

    def alternate(self, scenario, targets):
        for turn in range(self.rounds):
            shift = turn % len(targets)
            for target in targets[shift:] + targets[:shift]:
                self.note(target.name, scenario(self, target))

    def median(self, metric, target_name):
        numbers = self.values.get(metric, {}).get(target_name)
        return statistics.median(numbers) if numbers else None


def answer_text(body):
    return json.loads(body)["choices"][0]["message"]["content"]


def stream_events(body):
    """(content events, other events, ended by [DONE]); the upstream's time stamps differ by nature."""
    lines = [line[6:] for line in body.decode().split("\n") if line.startswith("data: ")]
    chunks = [json.loads(line) for line in lines if line != "[DONE]"]
    contents = [choice["delta"]["content"] for chunk in chunks for choice in chunk["choices"]
                if choice["delta"].get("content")]
    finishes = [choice["finish_reason"] for chunk in chunks for choice in chunk["choices"]
                if choice["finish_reason"]]
    totals = ("prompt_tokens", "completion_tokens", "total_tokens")  # a gateway may add details
    usage = [[chunk["usage"][name] for name in totals] for chunk in chunks if chunk.get("usage")]
    return [text.split(" ")[1] for text in contents], finishes, usage, lines[-1] == "[DONE]"


def verify(bench, target, direct):
    """The target must give the same answers as the upstream before its speed means anything."""
    for role, size, stream in (("bench", SMALL, False), ("bench", LARGE, False), ("stream", SMALL, True)):
        answers = []
        for each in (direct, target):
            with open(bench.body(role, size, stream), "rb") as file:
                port = each.ports.get(role) or each.ports["bench"]
                status, body = harness.exchange(port, file.read(), key=each.key)
            if status != 200:
                raise harness.Trouble(f"{each.name} answered {status}: {body[:300]!r}")
            answers.append(stream_events(body) if stream else answer_text(body))
        if answers[0] != answers[1]:
            raise harness.Trouble(f"{target.name} changed the answer ({role}, {size} bytes, "
                                  f"stream {stream}):\n{answers[0]}\n{answers[1]}")


def small_requests(bench, target):
    ten = bench.run(target, "bench", concurrency=10, requests=20000, warmup=1000)
    many = bench.run(target, "bench", concurrency=256, requests=20000, warmup=1000)
    return {"cpu_600": ten["cpu_us"], "rate_10": ten["per_second"], "rate_256": many["per_second"],
            "cpu_600_at_256": many["cpu_us"]}


def large_requests(bench, target):
    report = bench.run(target, "bench", LARGE, concurrency=10, requests=5000, warmup=500)
    return {"cpu_100k": report["cpu_us"], "rate_100k": report["per_second"]}


def latency(bench, target):
    report = bench.run(target, "bench", concurrency=1, requests=5000, warmup=500)
    return {"latency_p50": report["latency_us"]["p50"], "latency_p99": report["latency_us"]["p99"],
            "cpu_600_at_1": report["cpu_us"]}


def streams(bench, target):
    report = bench.run(target, "stream", stream=True, events=64, concurrency=STREAMS_AT_ONCE,
                       requests=STREAMS, stagger_us=GAP_US)
    return {"stream_cpu": report["cpu_us"], "stream_first": report["first_us"]["p50"],
            "stream_gap": report["longest_gap_us"]["p50"],
            "stream_gap_max": report["longest_gap_us"]["max"],
            "event_relay_p50": report["relay_us"]["p50"], "event_relay_p99": report["relay_us"]["p99"]}


def stalls(bench, target):
    """Answers and events that the upstream writes in two parts, 1 ms apart: without TCP_NODELAY
    the second part waits for an acknowledgement, which the other side delays by 40 ms."""
    answers = bench.run(target, "split", concurrency=1, requests=100)
    events = bench.run(target, "split", concurrency=4, requests=8, stream=True, events=64)
    return {"stall": max(answers["latency_us"]["max"], events["longest_gap_us"]["max"]) / 1e3}


def stall_control(bench, upstreams):
    """The check must see a stall where there is one: an upstream with Nagle's algorithm left on."""
    control = harness.Direct(upstreams)
    control.ports = {"split": upstreams.ports["nagle"], "bench": upstreams.ports["nagle"]}
    seen = stalls(bench, control)["stall"]
    if seen < 30:
        raise harness.Trouble(f"the delayed-ACK check is blind here: its control stalled {seen:.1f} ms")
    return seen


def open_streams(bench, target):
    """RSS when idle, with 1,000 open streams, and after they were closed (waits at most 10 s for
    it to come down to 1.1 times what it was before them). Before them 1,000 requests one after the other fill what has a bound of
    its own (pools, the pages that the store keeps), so that only what streams leave behind is seen."""
    idle = harness.memory_kib(target.pid)
    bench.run(target, "bench", concurrency=10, requests=1000)
    time.sleep(0.5)
    before = harness.memory_kib(target.pid)
    command = [os.path.join(bench.build, "generator"), "--hold", "--concurrency", str(OPEN_STREAMS),
               "--port", str(target.ports["hold"]), "--key", target.key, "--body", bench.body("hold", stream=True)]
    client = harness.Process(command, bench.load_core, bench.log, stdin=subprocess.PIPE)
    client.wait_line("open ", 60)
    opened = harness.memory_kib(target.pid)
    client.child.stdin.close()
    client.child.stdin = None
    client.stop()
    deadline = time.monotonic() + 10
    after = harness.memory_kib(target.pid)
    while after > 1.1 * before and time.monotonic() < deadline:
        time.sleep(0.1)
        after = harness.memory_kib(target.pid)
    return {"rss_idle": idle / 1024, "rss_1000": opened / 1024, "rss_after": after / 1024,
            "rss_return": after / before}


def is_stripped(binary):
    sections = subprocess.run(["readelf", "-S", "-W", binary], capture_output=True, text=True)
    return ".symtab" not in sections.stdout
