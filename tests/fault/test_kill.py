# SPDX-License-Identifier: Apache-2.0
"""kill -9 at any point under load: the next start serves at once, nothing that a client got a whole answer to is missing in the
store, and no limit has counted less than its provider, but for what was under way when the process died.
"""

import json
import random
import sqlite3
import threading
import time

import pytest

import papi_process

CLIENTS = 4
BUDGET_S = 50
START_MAX_S = 10  # of a sanitizer build on a busy machine; what it was is printed
AMOUNT = 1000000


class Client(threading.Thread):
    """Asks whichever process serves now, one request after another, and counts the answers it got to their end."""

    def __init__(self, scene, index):
        super().__init__(daemon=True)
        self.scene, self.index, self.whole = scene, index, 0

    def run(self):
        while not self.scene.over.is_set():
            address = self.scene.address
            if address is None:
                self.scene.over.wait(0.002)
                continue
            try:
                self._ask(address)
            except (OSError, AssertionError, ValueError):
                self.scene.over.wait(0.002)  # killed in the middle of it

    def _ask(self, address):
        connection = papi_process.RawConnection(address, 30)
        try:
            while self.scene.address == address and not self.scene.over.is_set():
                streamed = self.index % 2 == 0
                body = {"model": "m", "messages": [{"role": "user", "content": "hello"}], "stream": streamed, "max_tokens": 20}
                connection.send(papi_process.request_bytes("POST", "/v1/chat/completions", body))
                status, _, answer = connection.read_response()
                assert status == 200, answer
                if streamed:
                    assert answer.endswith(b"[DONE]\n\n")
                else:
                    assert json.loads(answer)["choices"]
                self.whole += 1
        finally:
            connection.close()


class Scene:
    def __init__(self, folder):
        self.folder = folder
        self.over = threading.Event()
        self.address = None
        self.kills = 0
        self.starts_s = []
        self.mock = papi_process.mock(folder / "mock", json.dumps([{"provider": "lab", "tokens": 4, "gap_ms": 1, "latency_ms": 2}]) + "\n",
                                      ["--seed", "1"])
        self.clients = [Client(self, index) for index in range(CLIENTS)]

    def __enter__(self):
        self.mock.start()
        for client in self.clients:
            client.start()
        return self

    def __exit__(self, *what):
        self.over.set()
        for client in self.clients:
            client.join(60)
        return self.mock.__exit__(*what)

    def start(self):
        limits = [{"requests": AMOUNT, "per": "minute"}, {"requests": AMOUNT, "per": "day", "shape": "refill"},
                  {"requests": AMOUNT, "per": "month", "shape": "calendar"}, {"tokens": AMOUNT * 100, "per": "month", "shape": "calendar"}]
        began = time.monotonic()
        papi = papi_process.serve(self.folder / "serve", {
            "providers": {"lab": papi_process.provider(f"{self.mock.url}/lab/v1", ["m"], limits=limits)}}).start()
        assert papi_process.request(papi, "GET", "/healthz")[0] == 200
        self.starts_s.append(time.monotonic() - began)
        return papi

    def kill_under_load(self, rand):
        """One process: the clients find it, and it dies at a random point of their requests."""
        papi = self.start()
        before = self.whole
        self.address = papi.address()
        papi_process.wait_for(lambda: self.whole > before, 30, "an answer")
        self.over.wait(rand.uniform(0, 0.04))  # the point of the kill is random, not waited for
        self.address = None
        papi.kill()
        self.kills += 1

    @property
    def whole(self):
        return sum(client.whole for client in self.clients)

    def settled(self):
        """The provider's own count, once it has noticed that those who asked are gone."""
        def quiet():
            status, _, body = papi_process.request(self.mock, "GET", "/_mock/stats")
            assert status == 200
            truth = json.loads(body)["lab"]
            return truth if truth["open_now"] == 0 else None
        return papi_process.wait_for(quiet, 30, "the end of what the provider has open")


def used_of(papi):
    status, _, body = papi_process.request(papi, "GET", "/v1/papi/capacity")
    assert status == 200
    (account,) = json.loads(body)["accounts"]
    return {(limit["unit"], limit["shape"]): limit["used"] for limit in account["limits"]}


def stored(folder):
    """(good answers one by one, attempts that went well by the totals of days)."""
    db = sqlite3.connect(f"file:{folder}/serve/data/papi.db?mode=ro", uri=True)
    try:
        rows = db.execute("SELECT count(*) FROM request WHERE status = 200").fetchone()[0]
        totals = db.execute("SELECT sum(attempts) FROM day JOIN series ON series.id = day.series JOIN name ON name.id = series.outcome "
                            "WHERE name.text = 'ok'").fetchone()[0]
        return rows, totals
    finally:
        db.close()


def kill_many_times(folder, count):
    rand = random.Random(20)
    with Scene(folder) as scene:
        deadline = time.monotonic() + BUDGET_S
        while scene.kills < count and time.monotonic() < deadline:
            scene.kill_under_load(rand)
        truth = scene.settled()
        papi = scene.start()
        used = used_of(papi)
        under_way = scene.kills * CLIENTS
        # What the provider saw and nobody remembers was under way at a kill; what somebody got is all there.
        assert used["requests", "month"] >= truth["requests"] - under_way, (used, truth)
        assert used["requests", "month"] >= scene.whole
        assert used["requests", "month"] <= truth["requests"], (used, truth)
        assert used["tokens", "month"] >= truth["output_tokens"] - under_way * 20
        papi.stop()
        rows, totals = stored(folder)
        assert rows >= scene.whole and totals >= scene.whole, (rows, totals, scene.whole)
        assert rows == totals <= truth["requests"], "counted twice, or in one place only"
        starts = sorted(scene.starts_s)
        assert starts[-1] < START_MAX_S
        return {"kills": scene.kills, "whole_answers": scene.whole, "requests_at_the_provider": truth["requests"], "rows": rows, "lost": max(0, scene.whole - rows),
                "counted_by_windows": used["requests", "month"], "under_way_at_most": under_way,
                "start_ms_median": round(starts[len(starts) // 2] * 1000), "start_ms_longest": round(starts[-1] * 1000)}


def tell(figures, record_property):
    """Into the report of the run, from which scripts/reliability takes them."""
    for name, value in figures.items():
        record_property(name, value)
    print(figures)


@pytest.mark.fault(31, 43)
def test_killed_a_few_times(tmp_path, record_property):
    tell(kill_many_times(tmp_path, 12), record_property)


@pytest.mark.slow
@pytest.mark.fault(31, 43)
def test_killed_at_two_hundred_points(tmp_path, record_property):
    tell(kill_many_times(tmp_path, 200), record_property)
