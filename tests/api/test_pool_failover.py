# SPDX-License-Identifier: Apache-2.0
"""Failover of a pool: whatever rungs of a ladder do, the request ends at the good one; who failed rests as long and as
narrowly as it should; a client's own fault is asked about once.
"""

import threading
import time

import pytest

from papi_process import closed_port
from pool import KEYS, Pool, reset_seconds

# what a provider does -> (outcome, status) in the ladder
FREE = {"429": ("rate_limited", 429), "429_day": ("quota_exhausted", 429), "402": ("no_credit", 402), "404": ("model_gone", 404),
        "401": ("key_refused", 401), "403_quota": ("quota_exhausted", 403), "400_credit": ("no_credit", 400),
        "410": ("model_gone", 410), "451": ("region_blocked", 451), "429_in_200": ("rate_limited", 200)}
COSTLY = {"500": ("server_error", 500), "502_html": ("server_error", 502), "503": ("overloaded", 503), "504": ("server_error", 504),
          "529": ("overloaded", 529), "498": ("overloaded", 498), "cut_before_head": ("reset", 0), "cut_after_head": ("truncated", 200),
          "wrong_model": ("wrong_model", 200), "error_in_200": ("server_error", 200), "empty_200": ("empty", 200),
          "role_only": ("empty", 200)}
# Nothing but plain bytes is asked for: a head that says otherwise is no answer at all.
COSTLY |= dict.fromkeys(("gzip", "gzip_plain", "gzip_truncated", "gzip_checksum", "gzip_bomb"), ("bad_answer", 0))
WHOLE = {"bad_json": ("bad_answer", 200), "cut_mid_event": ("truncated", 200), "cut_mid_stream": ("truncated", 200), "error_mid_stream": ("server_error", 200)}
ALL = [(fault, False, *what) for fault, what in {**FREE, **COSTLY, **WHOLE}.items()]
ALL += [(fault, True, *what) for fault, what in {**FREE, **COSTLY}.items()]
GOOD = {"text": "the good one"}
BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


def rows(*names, **more):
    return {name: {"models": ["m"], **more} for name in names}


def text_of(answer):
    if isinstance(answer.body, dict):
        return answer.body["choices"][0]["message"]["content"]
    return "".join(e["choices"][0]["delta"].get("content") or "" for e in answer.body if e != "[DONE]" and e["choices"])


# --- ladders ----------------------------------------------------------------------------------------------------------
@pytest.mark.fault(39)
@BOTH
def test_refusals_that_cost_nothing_do_not_count_as_attempts(tmp_path, stream):
    """However many rungs refuse: while one can serve, the client gets its answer."""
    scripts = {f"p{fault}": {"always": fault} for fault in FREE} | {"good": GOOD}
    with Pool(tmp_path, scripts, rows(*scripts)) as pool:
        answer = pool.chat(stream=stream)
        assert answer.status == 200 and answer.provider == "good" and text_of(answer) == "the good one", answer
        expected = [(f"p{fault}", *what) for fault, what in FREE.items()] + [("good", "ok", 200)]
        assert pool.ladder(answer) == expected
        assert answer.attempts == len(expected)
        again = pool.chat(stream=stream)
        assert again.status == 200 and again.attempts == 1 and again.provider == "good"
        assert [pool.arrived(name) for name in scripts] == [1] * len(FREE) + [2]


@pytest.fixture(name="ways", scope="module")
def fixture_ways(tmp_path_factory):
    """For each fault two providers, one for each form of answer, and an alias that leads over it to the good one."""
    names = {(fault, stream): f"{fault}-{'s' if stream else 'w'}".replace("_", "-") for fault, stream, *_ in ALL}
    scripts = {f"p{name}": {"always": fault} for (fault, _), name in names.items()} | {"good": GOOD}
    aliases = {f"way-{name}": [f"p{name}/m", "good/m"] for name in names.values()}
    providers = rows(*scripts) | {"other": {"models": ["some-other-model"]}}  # evidence that the name is another model's
    with Pool(tmp_path_factory.mktemp("ways"), scripts, providers, models={"aliases": aliases}) as pool:
        yield pool, names


@pytest.mark.fault(26, 33, 38, 39, 41)
@pytest.mark.parametrize("fault, stream, outcome, status", ALL)
def test_a_failure_leads_to_the_next(ways, fault, stream, outcome, status):
    pool, names = ways
    name = names[fault, stream]
    answer = pool.chat(f"way-{name}", stream=stream)
    assert answer.status == 200 and answer.provider == "good" and text_of(answer) == "the good one", answer
    assert answer.attempts == 2
    assert pool.ladder(answer) == [(f"p{name}", outcome, status), ("good", "ok", 200)]


def test_nobody_listens(tmp_path):
    holder, port = closed_port()
    with holder, Pool(tmp_path, {"good": GOOD}, {"off": {"models": ["m"], "base_url": f"http://127.0.0.1:{port}/v1"}} | rows("good")) as pool:
        answer = pool.chat()
        assert answer.status == 200 and answer.provider == "good"
        assert pool.ladder(answer) == [("off", "connect_refused", 0), ("good", "ok", 200)]
        assert pool.chat().attempts == 1


def test_a_stream_that_breaks_after_its_first_word_is_an_error_in_band(tmp_path):
    with Pool(tmp_path, {"bad": {"always": "cut_mid_stream"}, "good": GOOD}, rows("bad", "good")) as pool:
        answer = pool.chat(stream=True)
        assert answer.status == 200 and answer.body[-1] != "[DONE]" and answer.body[-1]["error"]["message"]
        assert pool.arrived("good") == 0
        assert pool.ladder(answer) == [("bad", "truncated", 200)]


@pytest.mark.fault(32)
def test_everything_fails(tmp_path):
    """The client is told so, and neither by our keys' statuses nor with a promise of when."""
    with Pool(tmp_path, {"one": {"always": "401"}, "two": {"always": "403"}, "three": {"always": "500"}},
              rows("one", "two", "three")) as pool:
        answer = pool.chat(headers={"x-papi-deadline-ms": "5000"})
        assert answer.status in (502, 503), answer
        assert answer.headers["x-should-retry"] == "false" and answer.error["message"]
        assert {rung[0] for rung in pool.ladder(answer)} == {"one", "two", "three"}


# --- the client's own fault -------------------------------------------------------------------------------------------
@pytest.mark.fault(32, 41)
@BOTH
@pytest.mark.parametrize("fault", ["400_client"])
def test_a_clients_fault_is_asked_once(tmp_path, fault, stream):
    with Pool(tmp_path, {"one": {"always": fault}, "two": GOOD}, rows("one", "two")) as pool:
        answer = pool.chat(stream=stream)
        assert answer.status == 400 and "messages" in answer.error["message"], answer
        assert pool.ladder(answer) == [("one", "client_fault", 400)]
        assert (pool.arrived("one"), pool.arrived("two")) == (1, 0)
        assert pool.chosen() == "one"  # nobody rests for what a client did


def test_an_unclear_400_gets_one_second_opinion(tmp_path):
    with Pool(tmp_path, {"one": {"always": "400"}, "two": {"always": "400"}, "three": GOOD}, rows("one", "two", "three")) as pool:
        answer = pool.chat()
        assert answer.status == 400, answer
        assert [pool.arrived(name) for name in ("one", "two", "three")] == [1, 1, 0]
        pool.script("two", always="none")
        answer = pool.chat()
        assert answer.status == 200 and answer.provider == "two" and answer.attempts == 2


@pytest.mark.fault(41)
def test_a_prompt_too_long_goes_to_who_has_more_room(tmp_path):
    with Pool(tmp_path, {"one": {"always": "context"}, "two": GOOD}, rows("one", "two")) as pool:
        answer = pool.chat()
        assert answer.status == 200 and answer.provider == "two"
        assert pool.ladder(answer)[0] == ("one", "context_too_long", 400)
        pool.script("two", always="context")
        answer = pool.chat()
        assert answer.status == 400 and answer.error["code"] == "context_length_exceeded", answer


# --- how long somebody rests ------------------------------------------------------------------------------------------
TOLD = {"seconds": 3, "fraction": 3, "ms": 3, "date": 3}


@pytest.fixture(name="forms", scope="module")
def fixture_forms(tmp_path_factory):
    names = ["seconds", "fraction", "ms", "date", "past", "huge", "negative", "garbage", "none"]
    scripts = {name: {"always": "429", "retry_form": name, "retry_after_ms": 3000} for name in names} | {"good": GOOD}
    aliases = {f"way-{name}": [f"{name}/m", "good/m"] for name in names}
    with Pool(tmp_path_factory.mktemp("forms"), scripts, rows(*scripts), models={"aliases": aliases}) as pool:
        yield pool


@pytest.mark.fault(38)
@pytest.mark.parametrize("form, least, most", [("seconds", 3, 3), ("fraction", 3, 3), ("ms", 3, 3), ("date", 2, 4), ("past", 1, 60),
                                               ("huge", 1, 86400), ("negative", 1, 60), ("garbage", 1, 60), ("none", 1, 60)])
def test_each_form_of_retry_after(forms, form, least, most):
    answer = forms.chat(f"way-{form}")
    assert answer.status == 200 and answer.provider == "good" and answer.attempts == 2, answer
    rests = forms.explain(f"{form}/m")[0]
    assert not rests["in"] and (least - 1) * 1000 < rests["available_in_ms"] <= most * 1000, rests
    answer = forms.chat(f"{form}/m", headers={"x-papi-deadline-ms": "200"})
    assert answer.status == 429 and least - 1 < reset_seconds(answer) <= most, answer
    assert forms.arrived(form) == 1


@pytest.mark.fault(38)
def test_who_rests_comes_back_when_told(tmp_path):
    with Pool(tmp_path, {"one": {"faults": ["429"], "retry_after_ms": 2000}, "two": {}}, rows("one", "two")) as pool:
        began = time.monotonic()
        assert pool.chat().provider == "two"
        came_back = None
        while came_back is None and time.monotonic() - began < 6:
            if pool.chat().provider == "one":
                came_back = time.monotonic() - began
            threading.Event().wait(0.05)
        assert came_back is not None and 1.95 <= came_back <= 2.6


def test_who_rests_alone_is_waited_for(tmp_path):
    with Pool(tmp_path, {"one": {"faults": ["429"], "retry_after_ms": 2000}}, rows("one")) as pool:
        answer = pool.chat()
        assert answer.status == 200 and answer.attempts == 2 and 1.9 < answer.seconds < 3, answer


# --- how narrowly -----------------------------------------------------------------------------------------------------
KEYED = {"lab": {"models": ["m", "n"], "keys": [{"key": KEYS[0], "account": "a"}, {"key": KEYS[1], "account": "b"}]}}


def keys_used(pool, name="lab"):
    return {row["name"]: row["requests"] for row in pool.stats(name)["keys"]}


@pytest.mark.fault(38)
def test_a_rate_limit_rests_this_model_of_this_key(tmp_path):
    row = {"lab": {"models": ["m", "n"], "keys": [{"key": KEYS[0], "account": "a"}]}}
    with Pool(tmp_path, {"lab": {"faults": ["429"], "retry_after_ms": 30000}}, row) as pool:
        quick = {"x-papi-deadline-ms": "300"}
        assert pool.chat("m", headers=quick).status == 429
        answer = pool.chat("n", headers=quick)
        assert answer.status == 200 and answer.attempts == 1
        assert pool.chat("m", headers=quick).status == 429
        assert pool.arrived("lab") == 2


@pytest.mark.fault(39)
@pytest.mark.parametrize("fault, outcome", [("401", "key_refused"), ("402", "no_credit"), ("429", "rate_limited"), ("403_quota", "quota_exhausted")])
def test_the_other_account_serves(tmp_path, fault, outcome):
    """A key that is bad, or whose account is empty, benches nothing else; and is not asked again."""
    with Pool(tmp_path, {"lab": {"keys": {KEYS[0]: fault, "*": "none"}, "retry_after_ms": 60000}}, KEYED) as pool:
        answers = [pool.chat() for _ in range(5)]
        assert [a.status for a in answers] == [200] * 5, answers
        assert sum(a.attempts for a in answers) == 6
        first = next(a for a in answers if a.attempts == 2)
        assert [rung[1] for rung in pool.ladder(first)] == [outcome, "ok"]
        used = keys_used(pool)
        assert sorted(used.values()) == [1, 5], used


@pytest.mark.fault(39)
def test_a_bad_key_is_bad_for_all_models(tmp_path):
    row = {"lab": {"models": ["m", "n"], "keys": [{"key": KEYS[0], "account": "a"}]}} | rows("other")
    row["other"]["models"] = ["m", "n"]
    with Pool(tmp_path, {"lab": {"keys": {KEYS[0]: "401"}}, "other": {}}, row) as pool:
        assert pool.chat("m").attempts == 2
        assert pool.chat("n").attempts == 1
        assert pool.arrived("lab") == 1


@pytest.mark.fault(41)
def test_a_model_that_is_gone_is_gone_alone(tmp_path):
    with Pool(tmp_path, {"lab": {"models": ["n"]}, "other": {}}, {"lab": {"models": ["m", "n"]}, "other": {"models": ["m", "n"]}}) as pool:
        answer = pool.chat("m")
        assert answer.provider == "other" and pool.ladder(answer)[0] == ("lab", "model_gone", 404)
        assert pool.chat("m").attempts == 1
        assert pool.chat("n").provider == "lab"


@pytest.mark.fault(32)
def test_many_at_once_meet_one_hiccup(tmp_path):
    """One incident is not counted once for each of those who met it."""
    with Pool(tmp_path, {"one": {"always": "429", "retry_after_ms": 2000, "latency_ms": 100}, "two": {}}, rows("one", "two")) as pool:
        answers = pool.chats(8)
        assert [a.status for a in answers] == [200] * 8
        rests = next(row for row in pool.explain() if row["provider"] == "one")
        assert rests["available_in_ms"] <= 2000, rests
