# SPDX-License-Identifier: Apache-2.0
"""Case 37 of the fault list, seen from everywhere: wherever a client leaves, the provider counts it gone, no slot, limit or place stays
taken, explain would ask again at once, and the store has the request once, with what was used."""

import json
import socket
import sqlite3
import time

import pytest
from faults import cancel_seconds
from papi_process import RawConnection, request_bytes, wait_for
from pool import Pool

LIMITS = [{"concurrent": 1}, {"tokens": 1000000, "per": "month", "shape": "calendar"}, {"requests": 1000, "per": "month", "shape": "calendar"}]
# Where it leaves: what the provider plays; what is waited for before it leaves; tries that reached the provider; its row's status.
PLACES = {
    "before_first_byte": ({"always": "stall_before_head"}, 1, 499),
    "after_the_head": ({"always": "stall_after_head"}, 1, 499),
    "in_a_stream": ({"always": "stall_mid_stream", "tokens": 50}, 1, 499),
    "in_queue": ({"always": "stall_before_head"}, 0, 499),
    "in_backoff": ({"always": "429", "retry_after_ms": 5000}, 1, 499),
    "between_tries": ({"always": "cut_before_head"}, 2, 499),
    "at_the_last_byte": ({}, 1, 200),
}


def leave(connection, way):
    if way == "reset":
        connection.reset()
    elif way == "half_close":
        connection.socket.shutdown(socket.SHUT_WR)
    else:
        connection.close()


def ask(pool, name):
    connection = RawConnection(pool.papi.address())
    body = {"model": "m", "messages": [{"role": "user", "content": name}], "stream": name != "before_first_byte", "max_tokens": 60}
    connection.send(request_bytes("POST", "/v1/chat/completions", body))
    return connection


def open_in(pool):
    return pool.get("/v1/papi/capacity")["accounts"][0]["limits"]


def reach(pool, connection, place, tries):
    """Until the request is where its client is to leave."""
    wait_for(lambda: pool.arrived("lab") >= tries, 20, f"{tries} tries")
    if place in ("in_a_stream", "at_the_last_byte"):
        connection.read_until(b"data: [DONE]\n\n" if place == "at_the_last_byte" else b'"content":"', 20)
    if place == "in_backoff":
        wait_for(lambda: pool.stats("lab")["open_now"] == 0, 20, "the refusal")


def stored(pool):
    db = sqlite3.connect(f"file:{pool.folder}/serve/data/papi.db?mode=ro", uri=True, timeout=20)
    try:
        requests = db.execute("SELECT status, attempts, input_tokens, output_tokens, stream FROM request ORDER BY id").fetchall()
        charged = db.execute("SELECT coalesce(sum(charged_input + charged_output), 0), coalesce(sum(attempts), 0) FROM lane_hour").fetchone()
    finally:
        db.close()
    return requests, charged


@pytest.mark.parametrize("way", ["close", "reset", "half_close"])
@pytest.mark.parametrize("place", PLACES)
def test_037_gone_and_settled(tmp_path, place, way):
    script, tries, status = PLACES[place]
    with Pool(tmp_path, {"lab": script}, {"lab": {"models": ["m"], "limits": LIMITS}}, routing={"attempts": 16}) as pool:
        holder = None
        if place == "in_queue":
            holder = ask(pool, "before_first_byte")
            wait_for(lambda: pool.stats("lab").get("open_now") == 1, 20, "the one that holds the slot")
        connection = ask(pool, place)
        if place == "in_queue":
            wait_for(lambda: b"papi_requests_open 3" in metrics(pool), 20, "a request in the queue")
        reach(pool, connection, place, tries)
        left = time.monotonic()
        leave(connection, way)
        settle(pool, left, 0 if holder is None else 1)
        if holder is not None:
            assert open_in(pool)[0]["used"] == 1, "the one that is served keeps its slot"
            holder.close()
            settle(pool, time.monotonic(), 0)
        connection.close()
        check_counts(pool, place, status, holder is not None)


def metrics(pool):
    with RawConnection(pool.papi.address()) as connection:
        connection.send(request_bytes("GET", "/metrics"))
        return connection.read_response()[2]


def settle(pool, left, still):
    """Nothing of it is open, here or at the provider, within the bound; what is asked meanwhile takes its time too."""
    wait_for(lambda: pool.stats("lab")["open_now"] == still, cancel_seconds() + 5, "the end at the provider")
    assert time.monotonic() - left <= cancel_seconds() + 0.4, "the provider went on too long"
    wait_for(lambda: b"papi_requests_open %d" % (1 + still) in metrics(pool), 5, "the end of the request")


def check_counts(pool, place, status, two):
    """Every witness tells the same."""
    used = {row["unit"]: row["used"] for row in open_in(pool)}
    assert used["concurrent"] == 0, used
    requests, charged = wait_for(lambda: (lambda found: found if len(found[0]) == 1 + two else None)(stored(pool)), 20, "the row")
    assert [row[0] for row in requests] == [499] * two + [status] or [row[0] for row in requests] == [status] + [499] * two, requests
    assert used["tokens"] == charged[0], "tokens that are reserved and not charged, or the other way round"
    seen = pool.stats("lab")
    assert sum(row[1] for row in requests) == seen["requests"] == charged[1], (requests, seen, charged)
    if place == "at_the_last_byte":
        assert requests[0][3] == seen["output_tokens"] and seen["closed_by_client"] == 0
    if place == "in_a_stream":
        assert requests[0][3] > 0, "words that reached the client are not counted"
    if place in ("before_first_byte", "after_the_head", "in_a_stream", "in_queue"):
        assert seen["closed_by_client"] == 1
    pool.script("lab", always="none")
    if place != "in_backoff":
        assert pool.chosen() == "lab", json.dumps(pool.explain())
