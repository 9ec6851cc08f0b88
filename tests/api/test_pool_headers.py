# SPDX-License-Identifier: Apache-2.0
"""What heads of answers say of limits: used up means elsewhere, until the time that was told; lies do no harm."""

import threading
import time

import pytest

from pool import Pool

DIALECTS = ("groq", "openrouter", "mistral", "cloudflare", "cohere", "modelscope", "cerebras", "sambanova", "anthropic", "ietf")
TELL = ("sambanova", "anthropic", "ietf")  # of the minute and with a reset, in words that everybody uses
SHORT = [{"requests": 2, "window_ms": 2000}]
ROWS = {name: {"models": ["m"]} for name in ("one", "two")}


def seconds_until(pool, name, most):
    """How long until this provider is asked again."""
    began = time.monotonic()
    while time.monotonic() - began < most:
        answer = pool.chat()
        assert answer.status == 200, answer
        if answer.provider == name:
            return time.monotonic() - began
        threading.Event().wait(0.05)
    raise AssertionError(f"{name} was not asked again within {most} s")


@pytest.mark.fault(38)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("dialect", TELL)
def test_used_up_means_elsewhere_until_the_reset(tmp_path, dialect, stream):
    """Nothing is known of the provider but its heads: it is never asked once too often, and comes back in time."""
    with Pool(tmp_path, {"one": {"limits": SHORT, "headers": dialect}, "two": {}}, ROWS) as pool:
        answers = [pool.chat(stream=stream) for _ in range(4)]
        assert [a.status for a in answers] == [200] * 4
        assert [a.provider for a in answers] == ["one", "one", "two", "two"]
        assert [a.attempts for a in answers] == [1] * 4
        rests = pool.explain()[0]
        assert rests["provider"] == "one" and not rests["in"] and 500 < rests["available_in_ms"] <= 3100, rests
        assert 0.5 < seconds_until(pool, "one", 4.5) < 3.3
        assert pool.stats("one")["refused_by_limit"] == 0


@pytest.mark.parametrize("dialect", [d for d in DIALECTS if d not in TELL] + ["none"])
def test_where_heads_do_not_tell_it_costs_one_refusal(tmp_path, dialect):
    """No client notices; the refusal's own time is waited for."""
    with Pool(tmp_path, {"one": {"limits": SHORT, "headers": dialect}, "two": {}}, ROWS) as pool:
        answers = [pool.chat() for _ in range(6)]
        assert [a.status for a in answers] == [200] * 6
        assert sum(a.attempts - 1 for a in answers) <= 1
        assert seconds_until(pool, "one", 4) < 3
        assert pool.stats("one")["refused_by_limit"] <= 1


@pytest.mark.parametrize("truth", ["right", "absent", "stale", "day_only"])
@pytest.mark.parametrize("dialect", TELL + ("cerebras",))
def test_our_own_count_stands(tmp_path, dialect, truth):
    """Where the limit is configured, heads that come late or not at all never let too much through."""
    limits = [{"requests": 5, "window_ms": 3000}]
    row = {"one": {"models": ["m"], "limits": [{"requests": 5, "per": "3s"}]}, "two": {"models": ["m"]}}
    script = {"one": {"limits": limits, "headers": dialect, "headers_are": truth, "latency_ms": {"uniform": [1, 40]}}, "two": {}}
    with Pool(tmp_path, script, row) as pool:
        for _ in range(3):
            answers = pool.chats(12)
            assert [a.status for a in answers] == [200] * 12
            threading.Event().wait(0.7)
        stats = pool.stats("one")
        assert stats["refused_by_limit"] == 0 and stats["limits"][0]["most_arrived"] <= 5, stats
        assert stats["requests"] >= 5


@pytest.mark.fault(38)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_lies_do_no_harm(tmp_path, dialect):
    """Any number up to twice the limit: clients are served all the same, and nobody rests for ever."""
    limits = [{"requests": 20, "window_ms": 2000}, {"tokens": 100000, "per": "minute"}]
    script = {"one": {"limits": limits, "headers": dialect, "headers_are": "lying"}, "two": {}}
    with Pool(tmp_path, script, ROWS) as pool:
        for _ in range(3):
            answers = pool.chats(20)
            assert [a.status for a in answers] == [200] * 20, answers
        rests = pool.explain()[0]
        assert rests["in"] or rests["available_in_ms"] <= 61000, rests


NONSENSE = [{"x-ratelimit-remaining-requests": "0", "x-ratelimit-limit-requests": "0", "x-ratelimit-reset-requests": "0s"},
            {"x-ratelimit-remaining-requests": "-1", "x-ratelimit-limit-requests": "10", "x-ratelimit-reset-requests": "-5"},
            {"x-ratelimit-remaining-requests": "0", "x-ratelimit-limit-requests": "99999999999999999999999", "x-ratelimit-reset-requests": "1s"},
            {"x-ratelimit-remaining-requests": "many", "x-ratelimit-limit-requests": "NaN", "x-ratelimit-reset-requests": "soon"},
            {"ratelimit": '"a";r=0;t=', "ratelimit-policy": '"a";q=;w=0'},
            {"ratelimit": '"a";r=0;t=99999999999999999999', "ratelimit-policy": '"a";q=5;w=60'},
            {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-limit-tokens": "1", "x-ratelimit-reset-tokens": "1h99m"},
            {"anthropic-ratelimit-requests-limit": "5", "anthropic-ratelimit-requests-remaining": "0",
             "anthropic-ratelimit-requests-reset": "2099-13-45T99:99:99Z"},
            {"retry-after": "1e308"}, {"retry-after": "17"}, {"x-ratelimit-reset": "9999999999999999"}]


@pytest.mark.parametrize("number", range(len(NONSENSE)))
def test_nonsense_in_the_head_of_a_good_answer(tmp_path, number):
    good = {"id": "a", "object": "chat.completion", "created": 1, "model": "m", "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi."}, "finish_reason": "stop"}]}
    script = {"one": {"always": {"status": 200, "headers": NONSENSE[number], "body": good}}, "two": {}}
    row = {"one": {"models": ["m"], "limits": [{"requests": 100, "per": "minute"}]}, "two": {"models": ["m"]}}
    with Pool(tmp_path, script, row) as pool:
        answers = [pool.chat() for _ in range(4)]
        assert [a.status for a in answers] == [200] * 4 and answers[0].provider == "one"
        rests = pool.explain()[0]
        assert rests["in"] or rests["available_in_ms"] <= 24 * 3600 * 1000, rests


def test_a_told_limit_below_ours_is_obeyed(tmp_path):
    """The provider lowered what its page says."""
    row = {"one": {"models": ["m"], "limits": [{"requests": 100, "per": "minute"}]}, "two": {"models": ["m"]}}
    script = {"one": {"limits": [{"requests": 3, "per": "minute"}], "headers": "sambanova"}, "two": {}}
    with Pool(tmp_path, script, row) as pool:
        answers = [pool.chat() for _ in range(8)]
        assert [a.provider for a in answers] == ["one"] * 3 + ["two"] * 5
        assert pool.stats("one")["refused_by_limit"] == 0
        limit = pool.capacity()["accounts"][0]["limits"][0]
        assert limit["amount"] == 3 and limit["left"] == 0, limit


def test_use_by_somebody_else_is_seen(tmp_path):
    """Another program uses the same key: the provider's count is taken, not ours."""
    row = {"one": {"models": ["m"], "limits": [{"requests": 10, "per": "minute"}]}, "two": {"models": ["m"]}}
    script = {"one": {"limits": [{"requests": 10, "per": "minute", "foreign": 0.5}], "headers": "sambanova"}, "two": {}}
    with Pool(tmp_path, script, row) as pool:
        answers = [pool.chat() for _ in range(12)]
        assert [a.status for a in answers] == [200] * 12
        assert [a.provider for a in answers].count("one") <= 7
        assert pool.stats("one")["refused_by_limit"] <= 1
