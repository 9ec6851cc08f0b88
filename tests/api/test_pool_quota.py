# SPDX-License-Identifier: Apache-2.0
"""Quotas of a pool, judged by the provider's own count: crowds, the waiting room, shared accounts, tokens, shapes of limits."""

import concurrent.futures
import re
import shutil
import subprocess
import threading
import time

import pytest

from papi_process import RawConnection, papi_binary, request_bytes, run_papi, wait_for
from pool import KEYS, Pool, body_seconds, reset_seconds

WINDOW_S = 3
SPREAD_S = 0.7  # what a window is longer on our side: how much ways differ, the width of a slot; and a busy machine
LIMIT = {"requests": 5, "window_ms": WINDOW_S * 1000}
OURS = {"requests": 5, "per": f"{WINDOW_S}s"}


def lab(limits, **more):
    return {"lab": {"models": ["m"], "limits": limits, **more}}


def assert_never_over(stats):
    """By the provider's own exact count."""
    assert stats["refused_by_limit"] == 0, stats
    for limit in stats["limits"]:
        if limit["shape"] != "refill":  # a bucket that was full and fills up gives more than its amount in a window
            assert limit["exact"] and limit["most"] <= limit["amount"] and limit["most_arrived"] <= limit["amount"], limit


def assert_refused(answer, deadline_s=None):
    """A 429 that tells one exact time everywhere."""
    assert answer.status == 429, answer
    assert answer.error["code"] and answer.error["type"], answer
    wait_s = reset_seconds(answer)
    assert wait_s > 0 and answer.headers["x-ratelimit-remaining-requests"] == "0"
    assert abs(body_seconds(answer) - wait_s) <= 0.1, answer
    assert wait_s <= int(answer.headers["retry-after-ms"]) / 1000 <= wait_s * 1.1 + 0.002, answer
    assert wait_s <= int(answer.headers["retry-after"]) <= wait_s * 1.1 + 1.002, answer
    if deadline_s is not None:
        assert wait_s > deadline_s - answer.seconds - 0.05, answer


# --- crowds -----------------------------------------------------------------------------------------------------------
@pytest.mark.fault(40)
def test_a_crowd_never_passes_the_limit(tmp_path):
    with Pool(tmp_path, {"lab": {"limits": [LIMIT]}}, lab([OURS])) as pool:
        answers = pool.chats(50, headers={"x-papi-deadline-ms": "8000"})
        statuses = [a.status for a in answers]
        assert statuses.count(200) == 15, statuses  # three windows begin within 8 s
        stats = pool.stats("lab")
        assert stats["requests"] == 15 and stats["limits"][0]["most_arrived"] == 5
        assert_never_over(stats)


def test_everybody_of_a_crowd_gets_an_answer_or_an_exact_time(tmp_path):
    with Pool(tmp_path, {"lab": {"limits": [LIMIT]}}, lab([OURS])) as pool:
        for answer in pool.chats(60, headers={"x-papi-deadline-ms": "4000"}):
            if answer.status != 200:
                assert_refused(answer)


def test_those_who_waited_as_long_as_they_may_are_told_the_time(tmp_path):
    with Pool(tmp_path, {"lab": {"limits": [LIMIT]}}, lab([OURS]), queue={"max_wait": "4s"}) as pool:
        answers = pool.chats(15)
        assert sorted(a.status for a in answers) == [200] * 10 + [429] * 5
        for answer in answers:
            if answer.status != 200:
                assert_refused(answer)
        assert_never_over(pool.stats("lab"))


def test_who_cannot_come_in_time_is_refused_at_once(tmp_path):
    """The wait is computed with those ahead: the sixth in line for five places a window knows that two windows are too long."""
    with Pool(tmp_path, {"lab": {"limits": [LIMIT]}}, lab([OURS])) as pool:
        answers = pool.chats(30, headers={"x-papi-deadline-ms": "5000"})
        refused = [a for a in answers if a.status != 200]
        assert len(refused) == 20
        for answer in refused:
            assert answer.seconds < 1.5, answer
            assert_refused(answer, 5)


@pytest.mark.fault(40)
def test_a_hundred_at_one_last_place(tmp_path):
    limits = [{"requests": 4, "per": "minute"}]
    with Pool(tmp_path, {"lab": {"limits": limits, "latency_ms": 50}}, lab(limits)) as pool:
        for _ in range(3):
            assert pool.chat().status == 200
        answers = pool.chats(100, headers={"x-papi-deadline-ms": "3000"})
        assert sorted(a.status for a in answers) == [200] + [429] * 99
        for answer in answers:
            if answer.status == 429:
                assert 50 < reset_seconds(answer) < 63 and answer.seconds < 2.5, answer
        stats = pool.stats("lab")
        assert stats["requests"] == 4
        assert_never_over(stats)


# --- the waiting room -------------------------------------------------------------------------------------------------
@pytest.fixture(name="full")
def fixture_full(tmp_path):
    """One place in two seconds, and it is taken."""
    with Pool(tmp_path, {"lab": {"limits": [{"requests": 1, "window_ms": 2000}]}}, lab([{"requests": 1, "per": "2s"}])) as pool:
        assert pool.chat().status == 200
        yield pool


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_wait_that_fits_is_waited(full, stream):
    answer = full.chat(headers={"x-papi-deadline-ms": "10000"}, stream=stream)
    assert answer.status == 200
    assert 1500 <= answer.queued_ms <= 2000 + SPREAD_S * 1000, answer
    assert answer.queued_ms / 1000 <= answer.seconds <= answer.queued_ms / 1000 + 1
    assert_never_over(full.stats("lab"))


def test_a_wait_that_does_not_fit_is_refused_at_once(full):
    for _ in range(3):
        answer = full.chat(headers={"x-papi-deadline-ms": "1000"})
        assert answer.seconds < 0.5
        assert_refused(answer)
        assert 1 < reset_seconds(answer) <= 2 + SPREAD_S
    assert full.arrived("lab") == 1


def test_a_client_that_obeys_is_served(full):
    refused = full.chat(headers={"x-papi-deadline-ms": "500"})
    assert refused.status == 429
    threading.Event().wait(int(refused.headers["retry-after-ms"]) / 1000)
    answer = full.chat(headers={"x-papi-deadline-ms": "500"})
    assert answer.status == 200 and answer.queued_ms < 100, answer


@pytest.mark.fault(37)
def test_waiters_that_hang_up_cost_nothing(full):
    """Their places go to those who stay."""
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
    gone = []
    for _ in range(3):
        connection = RawConnection(full.papi.address())
        connection.send(request_bytes("POST", "/v1/chat/completions", body, {"x-papi-deadline-ms": "10000"}))
        gone.append(connection)
    with concurrent.futures.ThreadPoolExecutor(1) as clients:
        stays = clients.submit(full.chat, headers={"x-papi-deadline-ms": "14000"})
        threading.Event().wait(0.3)
        for i, connection in enumerate(gone):
            connection.reset() if i % 2 else connection.close()  # pylint: disable=expression-not-assigned
        answer = stays.result()
    assert answer.status == 200 and answer.queued_ms <= 2000 + SPREAD_S * 1000, answer
    assert full.arrived("lab") == 2
    refused = full.chat(headers={"x-papi-deadline-ms": "100"})
    assert refused.status == 429  # nobody else has taken a place meanwhile, and nobody gave one back
    assert full.arrived("lab") == 2


def test_a_queue_that_is_full_says_so(tmp_path):
    limits = [{"requests": 1, "window_ms": 2000}]
    with Pool(tmp_path, {"lab": {"limits": limits}}, lab([{"requests": 1, "per": "2s"}]), queue={"max_waiting": 2}) as pool:
        assert pool.chat().status == 200
        answers = pool.chats(6, headers={"x-papi-deadline-ms": "9000"})
        assert sorted(a.status for a in answers)[:2] == [200, 200]
        refused = [a for a in answers if a.status != 200]
        assert len(refused) == 4
        for answer in refused:
            assert answer.seconds < 1 and "retry-after" in answer.headers, answer
        assert_never_over(pool.stats("lab"))


# --- accounts ---------------------------------------------------------------------------------------------------------
def keyed(*accounts):
    return [{"key": key, "account": account} for key, account in zip(KEYS, accounts)]


@pytest.mark.parametrize("accounts, places", [(("work", "work"), 3), (("work", "home"), 6)], ids=["shared", "own"])
def test_keys_of_one_account_share(tmp_path, accounts, places):
    script = {"limits": [{"requests": 3, "per": "minute"}], "accounts": dict(zip(KEYS, accounts))}
    with Pool(tmp_path, {"lab": script}, lab([{"requests": 3, "per": "minute"}], keys=keyed(*accounts))) as pool:
        before = pool.capacity()
        assert len(before["accounts"]) == len(set(accounts))
        assert sum(row["keys"] for row in before["accounts"]) == 2
        assert sum(row["limits"][0]["left"] for row in before["accounts"]) == places
        answers = pool.chats(10, headers={"x-papi-deadline-ms": "2000"})
        assert sorted(a.status for a in answers) == [200] * places + [429] * (10 - places)
        stats = pool.stats("lab")
        assert stats["requests"] == places
        assert_never_over(stats)
        assert sum(row["limits"][0]["left"] for row in pool.capacity()["accounts"]) == 0


def test_a_model_limit_is_of_each_model(tmp_path):
    script = {"limits": [{"requests": 2, "per": "minute", "scope": "model"}]}
    row = {"models": ["m", "n"], "limits": [{"requests": 2, "per": "minute", "scope": "model"}]}
    with Pool(tmp_path, {"lab": script}, {"lab": row}) as pool:
        quick = {"x-papi-deadline-ms": "500"}
        assert [pool.chat(model, headers=quick).status for model in "mmmnnn"] == [200, 200, 429, 200, 200, 429]
        assert_never_over(pool.stats("lab"))


# --- tokens -----------------------------------------------------------------------------------------------------------
TOKENS = [{"tokens": 1000, "per": "minute"}]


@pytest.fixture(name="counted")
def fixture_counted(tmp_path):
    """A thousand tokens a minute, most of them reserved for a request that runs."""
    with Pool(tmp_path, {"lab": {"latency_ms": 1000, "limits": TOKENS}}, lab(TOKENS)) as pool, \
            concurrent.futures.ThreadPoolExecutor(1) as clients:
        running = clients.submit(pool.chat, max_tokens=900)
        wait_for(lambda: pool.stats("lab").get("open_now") == 1, what="the first request at the provider")
        yield pool, running
        assert_never_over(pool.stats("lab"))


def tokens_of(pool):
    return pool.capacity()["accounts"][0]["limits"][0]


def test_tokens_are_reserved_before_and_settled_after(counted):
    """What is in flight counts as large as it may become; the next one fits only when usage has told the truth."""
    pool, running = counted
    assert tokens_of(pool)["left"] < 510
    tight = pool.chat(max_tokens=900, headers={"x-papi-deadline-ms": "100"})
    assert tight.status == 429 and pool.arrived("lab") == 1, tight
    first = running.result()
    assert first.status == 200
    assert tokens_of(pool)["used"] == first.body["usage"]["total_tokens"]
    second = pool.chat(max_tokens=900)
    assert second.status == 200 and second.queued_ms == 0
    used = first.body["usage"]["total_tokens"] + second.body["usage"]["total_tokens"]
    assert tokens_of(pool)["used"] == used and tokens_of(pool)["left"] == 1000 - used


def test_who_fits_when_another_is_settled_waits_for_it(counted):
    pool, running = counted
    waits = pool.chat(max_tokens=900, headers={"x-papi-deadline-ms": "8000"})
    assert running.result().status == 200
    assert waits.status == 200 and 0 < waits.queued_ms < 2000, waits


def test_a_request_larger_than_the_window_is_told_its_size(tmp_path):
    with Pool(tmp_path, {"lab": {}}, lab([{"tokens": 500, "per": "minute"}])) as pool:
        answer = pool.chat(text="word " * 2000)
        assert answer.status in (400, 413), answer
        assert "500" in answer.error["message"] and answer.seconds < 1, answer
        assert pool.arrived("lab") == 0


# --- shapes -----------------------------------------------------------------------------------------------------------
def test_a_bucket_that_refills(tmp_path):
    limits = [{"requests": 6, "window_ms": 3000, "shape": "refill"}]
    with Pool(tmp_path, {"lab": {"limits": limits}}, lab([{"requests": 6, "per": "3s", "shape": "refill"}])) as pool:
        answers = pool.chats(12, headers={"x-papi-deadline-ms": "8000"})
        assert [a.status for a in answers] == [200] * 12
        waits = sorted(a.queued_ms for a in answers)
        assert waits[5] < 500 and waits[-1] <= 3000 + SPREAD_S * 1000, waits
        assert_never_over(pool.stats("lab"))


def test_a_burst_is_never_passed(tmp_path):
    limits = [{"requests": 10, "window_ms": 5000, "shape": "spaced", "burst": 2}]
    with Pool(tmp_path, {"lab": {"limits": limits}}, lab([{"requests": 10, "per": "5s", "burst": 2}])) as pool:
        answers = pool.chats(8, headers={"x-papi-deadline-ms": "10000"})
        assert [a.status for a in answers] == [200] * 8
        stats = pool.stats("lab")
        assert stats["refused_by_limit"] == 0, stats
        assert sum(a.queued_ms < 300 for a in answers) <= 2


@pytest.mark.parametrize("limit", [{"requests": 10, "per": "5s", "burst": 2}, {"requests": 4, "per": "2s", "shape": "refill"}],
                         ids=["burst", "refill"])
def test_the_time_told_to_the_last_in_line_is_its_turn(tmp_path, limit):
    """What drains evenly gives one place after another: the time told is neither that of the first nor that of whole windows."""
    with Pool(tmp_path, {"lab": {}}, lab([limit])) as pool:
        with concurrent.futures.ThreadPoolExecutor(8) as clients:
            waiting = [clients.submit(pool.chat, headers={"x-papi-deadline-ms": "9000"}) for _ in range(8)]
            wait_for(lambda: pool.arrived("lab") >= 2, what="the first answers")
            threading.Event().wait(0.1)
            told = pool.chat(headers={"x-papi-deadline-ms": "50"})
            served = sorted(w.result().queued_ms / 1000 for w in waiting)
        assert told.status == 429 and reset_seconds(told) >= served[-1] - 0.2, (told, served)
        assert reset_seconds(told) <= served[-1] + 1.2, (told, served)


def test_explain_counts_those_who_wait(tmp_path):
    with Pool(tmp_path, {"lab": {}}, lab([{"requests": 10, "per": "5s", "burst": 2}])) as pool:
        with concurrent.futures.ThreadPoolExecutor(8) as clients:
            waiting = [clients.submit(pool.chat, headers={"x-papi-deadline-ms": "9000"}) for _ in range(8)]
            wait_for(lambda: pool.arrived("lab") >= 2, what="the first answers")
            threading.Event().wait(0.1)
            turn_s = pool.explain()[0]["available_in_ms"] / 1000
            told = pool.chat(headers={"x-papi-deadline-ms": "50"})
            assert [w.result().status for w in waiting] == [200] * 8
        assert told.status == 429 and abs(turn_s - reset_seconds(told)) < 0.3, (told, turn_s)


def test_so_many_at_once(tmp_path):
    script = {"latency_ms": 150, "limits": [{"concurrent": 2}]}
    with Pool(tmp_path, {"lab": script}, lab([{"concurrent": 2}])) as pool:
        answers = pool.chats(12)
        assert [a.status for a in answers] == [200] * 12
        stats = pool.stats("lab")
        assert stats["open_most"] == 2 and stats["refused_by_limit"] == 0, stats


@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles", "Asia/Shanghai"])
def test_a_day_of_a_zone(tmp_path, zone):
    limits = [{"requests": 2, "per": "day", "zone": zone}]
    with Pool(tmp_path, {"lab": {"limits": limits}}, lab(limits)) as pool:
        answers = pool.chats(5)
        assert sorted(a.status for a in answers) == [200, 200, 429, 429, 429]
        left_s = seconds_to_midnight(zone)
        for answer in answers:
            if answer.status == 429:
                assert left_s - 5 <= reset_seconds(answer) <= left_s + 10, (left_s, answer)
                assert answer.headers["x-should-retry"] == "false" and "retry-after" not in answer.headers
        limit = pool.capacity()["accounts"][0]["limits"][0]
        assert limit["left"] == 0 and abs(limit["frees_in_ms"] / 1000 - left_s) < 10
        assert pool.arrived("lab") == 2


def seconds_to_midnight(zone):
    import datetime  # pylint: disable=import-outside-toplevel
    import zoneinfo  # pylint: disable=import-outside-toplevel
    now = datetime.datetime.now(zoneinfo.ZoneInfo(zone))
    midnight = datetime.datetime.combine(now.date() + datetime.timedelta(days=1), datetime.time(), now.tzinfo)
    return midnight.timestamp() - time.time()


# --- explain and capacity ---------------------------------------------------------------------------------------------
def test_explain_is_what_happens(tmp_path):
    limits = [{"requests": 2, "per": "minute"}]
    rows = {name: {"models": ["m"], "limits": limits} for name in ("one", "two", "three")}
    with Pool(tmp_path, {name: {"limits": limits} for name in rows}, rows) as pool:
        for _ in range(6):
            expected = pool.chosen()
            assert expected is not None
            answer = pool.chat()
            assert answer.status == 200 and answer.provider == expected and answer.attempts == 1, answer
        assert pool.chosen() is None
        rows = pool.explain()
        assert [row["in"] for row in rows] == [False] * 3
        soonest_ms = min(row["available_in_ms"] for row in rows)
        answer = pool.chat()
        assert answer.status == 429 and abs(reset_seconds(answer) * 1000 - soonest_ms) < 1000, (answer, rows)
        assert [pool.arrived(name) for name in ("one", "two", "three")] == [2, 2, 2]


def test_explain_agrees_while_somebody_rests(tmp_path):
    rows = {name: {"models": ["m"]} for name in ("one", "two")}
    with Pool(tmp_path, {"one": {"always": "429", "retry_after_ms": 30000}, "two": {}}, rows) as pool:
        assert pool.chosen() == "one"
        assert pool.chat().provider == "two"
        assert pool.chosen() == "two"
        rests = next(row for row in pool.explain() if row["provider"] == "one")
        assert not rests["in"] and 20000 < rests["available_in_ms"] <= 30000 and rests["why"], rests
        answer = pool.chat()
        assert answer.provider == "two" and answer.attempts == 1


@pytest.mark.parametrize("name", ["a&b", "h#h", "p%41", "q+r", "gr\u00fcn"])
def test_the_command_explains_any_name(tmp_path, name):
    with Pool(tmp_path, {}, {"lab": {"models": ["m"]}}, models={"aliases": {name: ["m"]}}) as pool:
        done = run_papi("explain", "--url", pool.papi.url, "--model", name)
        assert done.returncode == 0 and re.search(r"^-> +lab ", done.stdout, re.M), (done.stdout, done.stderr)


def test_explain_after_a_sleep(tmp_path, monkeypatch):
    """On a machine that slept, boot time is ahead of the loops' clocks: who would wait for a rest to end is told so."""
    slept = ["unshare", "--time", "--boottime", "86400", "--"]
    if shutil.which("unshare") is None or subprocess.run([*slept, "true"], capture_output=True).returncode != 0:
        pytest.skip("this machine lets nobody set the boot time of a process")
    program = tmp_path / "papi"
    program.write_text(f"#!/bin/sh\nexec {' '.join(slept)} {papi_binary()} \"$@\"\n")
    program.chmod(0o755)
    monkeypatch.setenv("PAPI_BIN", str(program))
    with Pool(tmp_path, {"lab": {"faults": ["503"]}}, {"lab": {"models": ["m"]}}) as pool:
        assert pool.chat(headers={"x-papi-deadline-ms": "1000"}).status == 502
        rests = pool.explain()[0]
        assert 5000 < rests["available_in_ms"] < 20000 and not rests["chosen"], rests


def test_a_limit_that_a_request_takes_nothing_of_says_nothing(tmp_path):
    """A chat under a limit of embed inputs waits for the limit of requests alone."""
    limits = [{"requests": 1, "per": "minute"}, {"embed_inputs": 1000, "per": "day"}]
    with Pool(tmp_path, {"lab": {}}, {"lab": {"models": ["m"], "limits": limits}}) as pool:
        assert pool.chat().status == 200
        refused = pool.chat()
        assert refused.status == 429 and refused.error["code"] == "rate_limit_exceeded", refused
        assert 50 < reset_seconds(refused) < 65


def test_capacity_counts_an_account_once(tmp_path):
    limits = [{"requests": 10, "per": "day", "zone": "UTC"}]
    row = {"models": ["m", "n", "o"], "limits": limits, "keys": keyed("work", "work", "home")}
    with Pool(tmp_path, {"lab": {}}, {"lab": row}) as pool:
        assert pool.capacity()["pool"]["today"]["requests"] == 20
        for model in "mno":
            assert pool.chat(model).status == 200
        after = pool.capacity()
        assert after["pool"]["today"]["requests"] == 17
        assert sum(row["today"]["requests"] for row in after["accounts"]) == 17
