# SPDX-License-Identifier: Apache-2.0
"""Case 32 of the fault list: a pool in which all are down, or one flaps: bounded calls, and good answers while anybody
has one to give."""

import concurrent.futures
import threading
import time

from pool import Pool

QUICK = {"queue": {"max_wait": "300ms"}, "routing": {"attempts": 3}}
GOOD = {"text": "the good one", "latency_ms": 5}


def rows(*names):
    return {name: {"models": ["m"], "concurrency": 50} for name in names}


def test_032_all_are_down(tmp_path):
    """No more calls than the attempts of a request; once the breaker is open, far fewer than that."""
    names = ("one", "two", "three")
    with Pool(tmp_path, {name: {"always": "cut_before_head"} for name in names}, rows(*names), **QUICK) as pool:
        for _ in range(40):
            answer = pool.chat()
            assert answer.status in (429, 502, 503) and answer.error["message"], answer
            assert int(answer.headers.get("x-papi-attempts", "0")) <= 3
        calls = sum(pool.arrived(name) for name in names)
        assert calls <= 60, f"{calls} calls for 40 requests to providers that are down"
        for name in names:
            pool.script(name, always="none")
        deadline = time.monotonic() + 60
        while (answer := pool.chat()).status != 200:  # each one is a refusal with its time, or the probe that finds it well
            assert time.monotonic() < deadline, answer


def test_032_one_flaps_every_second(tmp_path):
    """While another is well, nobody who asks sees any of it."""
    with Pool(tmp_path, {"flapping": GOOD, "steady": GOOD}, rows("flapping", "steady"), routing={"attempts": 3}) as pool:
        over = threading.Event()

        def flap():
            for turn in range(1000):
                pool.script("flapping", always=("cut_before_head", "none")[turn % 2])
                if over.wait(1.0):
                    return
        flapping = threading.Thread(target=flap)
        flapping.start()
        try:
            until = time.monotonic() + 5
            answers = []
            with concurrent.futures.ThreadPoolExecutor(4) as clients:
                while time.monotonic() < until:
                    answers += clients.map(lambda _: pool.chat(), range(8))
        finally:
            over.set()
            flapping.join()
        assert {answer.status for answer in answers} == {200}
        arrived = pool.arrived("flapping") + pool.arrived("steady")
        assert arrived <= len(answers) * 1.2 + 10, "more calls than answers"
