# SPDX-License-Identifier: Apache-2.0
"""What limits have counted outlives the process, however it ends: no provider gets more than its limit because the gateway was
started anew. The provider's own exact count is the judge.
"""

import concurrent.futures
import json
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
