# SPDX-License-Identifier: Apache-2.0
"""What limits have counted outlives the process, however it ends: no provider gets more than its limit because the gateway was
started anew. The provider's own exact count is the judge.
"""

import concurrent.futures
import json
import signal
import sqlite3
import time

import pytest

import papi_process

ENDS = ("TERM", "KILL")


def end(papi, how):
    if how == "TERM":
        papi.stop()
    else:
        papi.kill()


def far_from_midnight():
    """A zone whose day neither began nor ends in the next hours, as the mock and papi.yaml write it."""
    hour = time.gmtime().tm_hour
    return ("UTC", "UTC") if 2 <= hour < 21 else ("Asia/Shanghai", "Asia/Shanghai")


class Place:
    """A provider with true limits, and a gateway that is started in front of it again and again, always with the same data directory."""

    def __init__(self, folder, theirs, ours, **script):
        self.folder, self.ours = folder, ours
        self.mock = papi_process.mock(folder / "mock", json.dumps([{"provider": "lab", "limits": theirs, **script}]) + "\n", ["--seed", "1"])

    def __enter__(self):
        self.mock.start()
        return self

    def __exit__(self, *what):
        return self.mock.__exit__(*what)

    def serve(self, **config):
        return papi_process.serve(self.folder / "serve", {
            "loops": 1, "queue": {"max_wait": "500ms"},
            "providers": {"lab": papi_process.provider(f"{self.mock.url}/lab/v1", ["m"], limits=self.ours)}, **config})

    def truth(self):
        status, _, body = papi_process.request(self.mock, "GET", "/_mock/stats")
        assert status == 200
        return json.loads(body)["lab"]

    def assert_never_over(self):
        truth = self.truth()
        assert truth["refused_by_limit"] == 0, truth
        for limit in truth["limits"]:
            assert limit["exact"] and limit["most_arrived"] <= limit["amount"], limit
        return truth


def used(papi, unit, shape):
    status, _, body = papi_process.request(papi, "GET", "/v1/papi/capacity")
    assert status == 200
    (limit,) = [limit for account in json.loads(body)["accounts"] for limit in account["limits"]
                if (limit["unit"], limit["shape"]) == (unit, shape)]
    return limit["used"]


def ask(papi, count, **more):
    """The statuses of so many requests at once."""
    with concurrent.futures.ThreadPoolExecutor(count) as clients:
        return sorted(clients.map(lambda _: papi_process.chat(papi, "m", **more)[0], range(count)))


# --- requests ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("how", ENDS)
def test_in_the_middle_of_a_minute(tmp_path, how):
    rows = [{"requests": 6, "per": "minute"}]
    with Place(tmp_path, rows, rows) as place:
        with place.serve() as papi:
            assert ask(papi, 4) == [200] * 4
            end(papi, how)
        with place.serve() as papi:
            assert used(papi, "requests", "rolling") == 4
            assert ask(papi, 8) == [200] * 2 + [429] * 6
            end(papi, how)
        with place.serve() as papi:
            status, _, body = papi_process.chat(papi, "m")
            assert (status, body["error"]["code"]) == (429, "rate_limit_exceeded")
        assert place.assert_never_over()["requests"] == 6


@pytest.mark.parametrize("how", ENDS)
def test_in_the_middle_of_a_day(tmp_path, how):
    theirs, ours = far_from_midnight()
    with Place(tmp_path, [{"requests": 5, "per": "day", "zone": theirs}], [{"requests": 5, "per": "day", "zone": ours}]) as place:
        for seen, statuses in ((0, [200] * 3), (3, [200] * 2 + [429]), (5, [429] * 2)):
            with place.serve() as papi:
                assert used(papi, "requests", "day") == seen
                assert ask(papi, len(statuses)) == statuses
                end(papi, how)
        assert place.assert_never_over()["requests"] == 5


def test_a_window_opens_when_it_would_have(tmp_path):
    """A restart closes nothing longer than it was: the first request of before comes back with its own age."""
    window_s = 6
    rows = [{"requests": 2, "window_ms": window_s * 1000}]
    with Place(tmp_path, rows, [{"requests": 2, "per": f"{window_s}s"}]) as place:
        with place.serve() as papi:
            assert ask(papi, 2) == [200] * 2
            began = time.monotonic()
            end(papi, "KILL")
        with place.serve(queue={"max_wait": "20s"}) as papi:
            assert papi_process.chat(papi, "m")[0] == 200
            assert time.monotonic() - began <= window_s + 3
        place.assert_never_over()


@pytest.mark.parametrize("how", ENDS)
def test_refused_and_failed_attempts_too(tmp_path, how):
    """A server error may have been counted; a refusal of the connection was not."""
    rows = [{"requests": 5, "per": "minute"}]
    with Place(tmp_path, rows, rows, faults=["500", "none", "500"]) as place:
        with place.serve(routing={"attempts": 1}) as papi:
            statuses = [papi_process.chat(papi, "m")[0] for _ in range(3)]
            assert statuses[1] == 200 and statuses[0] != 200 and statuses[2] != 200, statuses
            before = used(papi, "requests", "rolling")
            end(papi, how)
        with place.serve() as papi:
            assert used(papi, "requests", "rolling") == before == 3
            ask(papi, 5)
        place.assert_never_over()


# --- tokens -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("how", ENDS)
@pytest.mark.parametrize("charge", ("usage", "up_front"))
def test_tokens_of_a_minute_and_of_a_day(tmp_path, how, charge):
    theirs, ours = far_from_midnight()
    limits = [{"tokens": 600, "per": "minute", "charge": charge}, {"tokens": 900, "per": "day", "zone": theirs, "charge": charge}]
    stated = [{"tokens": 600, "per": "minute"}, {"tokens": 900, "per": "day", "zone": ours}]
    with Place(tmp_path, limits, stated) as place:
        with place.serve() as papi:
            assert ask(papi, 6, max_tokens=40) == [200] * 6
            minute, day = used(papi, "tokens", "rolling"), used(papi, "tokens", "day")
            end(papi, how)
        truth = place.truth()
        with place.serve() as papi:
            assert (used(papi, "tokens", "rolling"), used(papi, "tokens", "day")) == (minute, day)
            if charge == "usage":
                assert minute == truth["input_tokens"] + truth["output_tokens"]
            ask(papi, 30, max_tokens=40)
            end(papi, how)
        with place.serve() as papi:
            assert 429 in ask(papi, 20, max_tokens=40)
        if charge == "usage":
            place.assert_never_over()


# --- reloads ----------------------------------------------------------------------------------------------------------
def test_an_account_that_comes_by_a_reload(tmp_path):
    """What it was asked for before counts from the moment it is there; accounts that stay are charged nothing twice."""
    rows = [{"requests": 3, "per": "minute"}]
    with Place(tmp_path, rows, rows) as place:
        other = papi_process.provider(f"{place.mock.url}/other/v1", ["o"], limits=rows)
        lab = papi_process.provider(f"{place.mock.url}/lab/v1", ["m"], limits=rows)
        with place.serve(providers={"lab": lab, "other": other}) as papi:
            assert [papi_process.chat(papi, model)[0] for model in ("m", "o", "o")] == [200] * 3
            papi.kill()
        with place.serve(providers={"lab": lab}) as papi:
            assert papi_process.chat(papi, "o")[0] == 404 and used(papi, "requests", "rolling") == 1
            file = tmp_path / "serve" / "papi.yaml"
            file.write_text(json.dumps({**json.loads(file.read_text()), "providers": {"lab": lab, "other": other}}))
            papi.process.send_signal(signal.SIGHUP)
            papi_process.wait_for(lambda: "reload.done" in papi.stderr, 30, "the end of the reload")
            status, _, body = papi_process.request(papi, "GET", "/v1/papi/capacity")
            assert status == 200
            counts = {account["provider"]: account["limits"][0]["used"] for account in json.loads(body)["accounts"]}
            assert counts == {"lab": 1, "other": 2}
            assert [papi_process.chat(papi, "o")[0] for _ in range(2)] == [200, 429]


# --- what is recorded -------------------------------------------------------------------------------------------------
def rows_of(folder, query):
    db = sqlite3.connect(f"file:{folder}/serve/data/papi.db?mode=ro", uri=True)
    try:
        return db.execute(query).fetchall()
    finally:
        db.close()


OUTCOMES = ("SELECT request.key, request.status, attempt.number, name.text FROM request LEFT JOIN attempt ON attempt.request = request.id "
            "LEFT JOIN name ON name.id = attempt.outcome ORDER BY request.id, attempt.number")


@pytest.mark.fault(43)
def test_each_attempt_is_recorded_once(tmp_path):
    """Also those that failed, of a request that nobody could serve, and of one whose client left."""
    with Place(tmp_path, [], [{"requests": 100, "per": "minute"}], faults=["500", "none", "500", "none"], tokens=40, gap_ms=50) as place:
        with place.serve(routing={"attempts": 1}) as papi:
            assert papi_process.chat(papi, "m")[0] == 502
            assert papi_process.chat(papi, "m")[0] == 200
            assert papi_process.chat(papi, "m")[0] == 502
            assert papi_process.chat(papi, "nobody")[0] == 404
            body = {"model": "m", "messages": [{"role": "user", "content": "hello"}], "stream": True}
            gone = papi_process.RawConnection(papi.address()).send(papi_process.request_bytes("POST", "/v1/chat/completions", body))
            gone.read_until(b"data: ")
            gone.close()
            papi_process.wait_for(lambda: place.truth()["closed_by_client"] == 1, 20, "the cut at the provider")
            assert used(papi, "requests", "rolling") == 4
        seen = rows_of(tmp_path, OUTCOMES)
        assert [(status, number, outcome) for _, status, number, outcome in seen] == [
            (502, 0, "server_error"), (200, 0, "ok"), (502, 0, "server_error"), (404, None, None), (499, 0, "cancelled")]
        assert len({key for key, *_ in seen}) == 5
        assert rows_of(tmp_path, "SELECT sum(attempts), sum(requests) FROM day") == [(4, 5)]
        with place.serve() as papi:
            assert used(papi, "requests", "rolling") == 4


def test_many_attempts_of_one_request(tmp_path):
    """Quick refusals are free, so a request can have more attempts than a ladder shows; limits count them all."""
    count = 20
    refusing = [f"p{i:02}" for i in range(count)]
    with papi_process.mock(tmp_path / "mock", json.dumps([{"provider": name, "always": "429"} for name in refusing]) + "\n", ["--seed", "1"]) as mock:
        config = {"loops": 1, "queue": {"max_wait": "0s"}, "providers": {
            name: papi_process.provider(f"{mock.url}/{name}/v1", ["m"], limits=[{"requests": 5, "per": "minute"}]) for name in refusing}}
        with papi_process.serve(tmp_path / "serve", config) as papi:
            assert papi_process.chat(papi, "m")[0] == 429
        recorded = rows_of(tmp_path, "SELECT attempts FROM request")[0][0]
        assert recorded > 16
        assert rows_of(tmp_path, "SELECT count(*) FROM attempt") == [(recorded,)]
        assert rows_of(tmp_path, "SELECT sum(attempts) FROM day") == [(recorded,)]
        with papi_process.serve(tmp_path / "serve", config) as papi:
            status, _, body = papi_process.request(papi, "GET", "/v1/papi/capacity")
            assert status == 200
            assert sum(limit["used"] for account in json.loads(body)["accounts"] for limit in account["limits"]) == recorded


# --- what is kept where -----------------------------------------------------------------------------------------------
def test_without_a_store_nothing_is_kept(tmp_path):
    rows = [{"requests": 1, "per": "minute"}]
    with Place(tmp_path, [], rows) as place:
        for _ in range(2):
            with place.serve(store={"url": "off"}) as papi:
                assert ask(papi, 2) == [200, 429]
        assert not list((tmp_path / "serve" / "data").glob("papi.db*"))


def test_a_database_elsewhere(tmp_path):
    rows = [{"requests": 1, "per": "minute"}]
    with Place(tmp_path, rows, rows) as place:
        for statuses in ([200, 429], [429, 429]):
            with place.serve(store={"url": f"sqlite:{tmp_path}/kept.db"}) as papi:
                assert ask(papi, 2) == statuses
        assert (tmp_path / "kept.db").exists()


def test_a_provider_by_another_name_is_another(tmp_path):
    rows = [{"requests": 1, "per": "minute"}]
    with Place(tmp_path, [], rows) as place:
        with place.serve() as papi:
            assert ask(papi, 2) == [200, 429]
        with place.serve(providers={"other": papi_process.provider(f"{place.mock.url}/lab/v1", ["m"], limits=rows)}) as papi:
            assert ask(papi, 2) == [200, 429]
        with place.serve() as papi:
            assert ask(papi, 1) == [429]


def test_nothing_of_a_prompt_is_on_the_disk(tmp_path):
    rows = [{"requests": 100, "per": "minute"}]
    secret = "a sentence that nobody wrote down 8361"
    with Place(tmp_path, rows, rows, text=secret.upper()) as place:
        with place.serve() as papi:
            assert papi_process.chat(papi, "m", text=secret)[0] == 200
            papi.kill()
        with place.serve() as papi:
            assert used(papi, "requests", "rolling") == 1
    files = [path for path in (tmp_path / "serve" / "data").rglob("*") if path.is_file()]
    assert files
    for path in files:
        data = path.read_bytes()
        assert secret.encode() not in data and secret.upper().encode() not in data, path
