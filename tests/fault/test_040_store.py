# SPDX-License-Identifier: Apache-2.0
"""Case 40 of the fault list: the store is slow, gone, back. Requests do not wait for it, limits go on counting, and what happened
meanwhile is recorded later, once."""

import json
import os
import sqlite3
import threading
import time

import admin
import papi_process
import pytest
from papi_process import wait_for
from pool import Pool

PAUSE_S = 0.02
HELD_S = 2.0  # far more than an answer takes here, far less than the store is held up


class Someone:
    """Another process would hold the database like this."""

    def __init__(self, pool):
        self.path = pool.folder / "serve" / "data" / "papi.db"
        self.db = sqlite3.connect(self.path, timeout=20, isolation_level=None)

    def __enter__(self):
        self.db.execute("BEGIN IMMEDIATE")
        return self

    def __exit__(self, *_):
        self.db.execute("ROLLBACK")
        self.db.close()


def rows_of(pool):
    db = sqlite3.connect(f"file:{pool.folder}/serve/data/papi.db?mode=ro", uri=True, timeout=20)
    try:
        return db.execute("SELECT count(*), count(DISTINCT key) FROM request").fetchone()
    finally:
        db.close()


def store_of(pool):
    return admin.get(pool.papi, "/admin/v1/status")["store"]


def ask_for(pool, seconds):
    """Asks for so long; returns how many were answered and the longest of them."""
    count, longest, until, pause = 0, 0.0, time.monotonic() + seconds, threading.Event()
    while time.monotonic() < until:
        answer = pool.chat(stream=count % 2 == 0)
        assert answer.status == 200, answer
        count, longest = count + 1, max(longest, answer.seconds)
        pause.wait(PAUSE_S)
    return count, longest


def lock_for(tmp_path, seconds):
    with Pool(tmp_path, {"lab": {}}, {"lab": {"models": ["m"], "limits": [{"requests": 1000000, "per": "day"}]}}) as pool:
        assert pool.chat().status == 200
        wait_for(lambda: rows_of(pool) == (1, 1), what="the first row")
        with Someone(pool):
            count, longest = ask_for(pool, seconds)
            assert longest < HELD_S, f"a request took {longest:.2f} s while the store was held up"
            assert rows_of(pool) == (1, 1)
            assert store_of(pool)["state"] == "degraded"
            (account,) = pool.capacity()["accounts"]
            assert account["limits"][0]["used"] == count + 1, "limits are counted in memory"
        wait_for(lambda: rows_of(pool) == (count + 1, count + 1), 20, "every row, once")
        wait_for(lambda: store_of(pool)["state"] == "ok", 20, "a store that is well")
        assert store_of(pool)["details_dropped"] == 0


def test_040_store_is_held_by_somebody_else(tmp_path):
    lock_for(tmp_path, 3)


@pytest.mark.slow
def test_040_store_is_held_for_twenty_seconds(tmp_path):
    lock_for(tmp_path, 20)


def test_040_asking_the_store_while_it_is_held(tmp_path):
    """Who reads is served from what is there; who writes is told, and waits for no more than that."""
    with Pool(tmp_path, {"lab": {}}, {"lab": {"models": ["m"]}}) as pool:
        assert pool.chat().status == 200
        wait_for(lambda: rows_of(pool) == (1, 1), what="the first row")
        with Someone(pool):
            assert len(admin.get(pool.papi, "/admin/v1/requests")["data"]) == 1
            began = time.monotonic()
            status, _, answer = admin.ask(pool.papi, "POST", "/admin/v1/clients", {"name": "late"})
            assert status == 503 and answer["error"]["message"], answer
            assert time.monotonic() - began < 20
            assert pool.chat().seconds < HELD_S
        wait_for(lambda: store_of(pool)["state"] == "ok", 20, "a store that is well")
        assert admin.ask(pool.papi, "POST", "/admin/v1/clients", {"name": "late"})[0] == 201


def test_040_store_gone_and_back(tmp_path):
    """The folder is away when it starts: everything works, and what happened is recorded when the folder is there."""
    folder = tmp_path / "away" / "db"
    (tmp_path / "away").mkdir()
    with Pool(tmp_path, {"lab": {}}, {"lab": {"models": ["m"]}}, store={"url": f"sqlite:{folder}/papi.db"}) as pool:
        state = store_of(pool)
        assert state["state"] == "degraded" and state["reason"], state
        assert [pool.chat().status for _ in range(5)] == [200] * 5
        os.mkdir(folder, 0o700)
        wait_for(lambda: admin.ask(pool.papi, "GET", "/admin/v1/requests")[0] == 200, 30, "a store that is well")
        wait_for(lambda: len(admin.get(pool.papi, "/admin/v1/requests")["data"]) == 5, 20, "what happened meanwhile")
        assert "journal" in store_of(pool)["reason"], "what a kill would cost until the next start is said"


def test_040_many_at_once_against_a_limit(tmp_path):
    """Forty begin together where twelve may: by the provider's own count no more than that arrive, streams and whole ones alike."""
    limits = [{"requests": 12, "per": "hour"}]
    with Pool(tmp_path, {"lab": {"limits": limits, "latency_ms": 20}}, {"lab": {"models": ["m"], "limits": limits, "concurrency": 40}},
              loops=2, queue={"max_wait": "200ms"}) as pool:
        answers = pool.chats(40)
        assert [answer.status for answer in answers].count(200) == 12
        assert all(answer.status in (200, 429) for answer in answers)
        counted = json.loads(papi_process.request(pool.mock, "GET", "/_mock/stats")[2])["lab"]
        assert counted["requests"] == 12 and counted["refused_by_limit"] == 0
