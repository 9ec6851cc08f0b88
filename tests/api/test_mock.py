# SPDX-License-Identifier: Apache-2.0
"""`papi mock` as a client and a script see it: every fault on the wire, limits, statistics, scenarios."""

import base64
import concurrent.futures
import email.utils
import gzip
import json
import pathlib
import re
import struct
import time
import zlib

import pytest

from papi_process import RawConnection, mock, request, request_bytes, run_papi, sse_events, wait_for

BODY = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
ERRORS = {"400": 400, "400_client": 400, "context": 400, "401": 401, "402": 402, "403": 403, "404": 404, "413": 413,
          "429": 429, "429_day": 429, "500": 500, "503": 503, "529": 529, "400_credit": 400, "403_quota": 403, "410": 410, "451": 451,
          "498": 498}
PAGES = {"502_html": 502, "504": 504}
SILENT = ("stall_before_head", "stall_after_head", "stall_mid_stream")
CUT = ("cut_before_head", "cut_after_head", "cut_mid_event", "cut_mid_stream")
ODD = ("empty_200", "role_only", "error_in_200", "error_mid_stream", "no_done", "no_finish", "neither", "double_done",
       "data_after_done", "usage_missing", "usage_wrong", "finish_eos_token", "bad_json", "429_in_200", "wrong_model", "guard_word",
       "content_filter", "finish_length", "slow_drip", "crlf", "bom", "usage_null", "usage_in_finish", "usage_every", "usage_details",
       "usage_x_groq")
CODED = ("gzip", "gzip_truncated", "gzip_checksum", "gzip_plain", "gzip_bomb")
OTHERS = ("comments_only", "none")
WAYS = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@pytest.fixture(name="world", scope="module")
def fixture_world(tmp_path_factory):
    with mock(tmp_path_factory.mktemp("mock"), None, ["--seed", "1"]) as running:
        yield running


def script(world, expected=200, **members):
    status, _, body = request(world, "POST", "/_mock/script", members)
    assert status == expected, body
    return json.loads(body)


def stats(world, name):
    return json.loads(request(world, "GET", "/_mock/stats")[2])[name]


def chat_path(name):
    return f"/{name}/v1/chat/completions"


def ask(world, name, stream=False, **more):
    return request(world, "POST", chat_path(name), {**BODY, "stream": stream, **more})


def raw_ask(world, name, stream):
    """The bytes of an answer up to its end or silence, and whether the connection was closed."""
    with RawConnection(world.address()) as connection:
        connection.send(request_bytes("POST", chat_path(name), {**BODY, "stream": stream}))
        data = b""
        while True:
            try:
                more = connection.read_some(0.3)
            except TimeoutError:
                return data, False
            if not more:
                return data, True
            data += more


def test_every_fault_is_in_a_table_here(world):
    """The list of faults and these tests grow together."""
    script(world, provider="names", faults=[*ERRORS, *PAGES, *SILENT, *CUT, *ODD, *CODED, *OTHERS])
    header = (pathlib.Path(__file__).parents[2] / "src" / "fake" / "fault.h").read_text()
    names = set(re.findall(r'X\(FAULT_\w+, "(\w+)"', header))
    assert names == {*ERRORS, *PAGES, *SILENT, *CUT, *ODD, *CODED, *OTHERS}


# --- good answers -----------------------------------------------------------------------------------------------------
def test_whole(world):
    status, headers, body = ask(world, "good")
    answer = json.loads(body)
    assert status == 200 and headers["content-type"] == "application/json"
    assert answer["object"] == "chat.completion" and answer["model"] == "m"
    assert len(answer["choices"][0]["message"]["content"].split()) == 8
    assert answer["usage"]["completion_tokens"] == 8


def test_stream(world):
    status, headers, body = ask(world, "good", True, stream_options={"include_usage": True})
    events = sse_events(body)
    assert status == 200 and headers["content-type"] == "text/event-stream"
    assert events[-1] == "[DONE]" and events[-2]["usage"]["completion_tokens"] == 8
    assert len([e for e in events[:-1] if e["choices"] and e["choices"][0]["delta"].get("content")]) == 8


def test_any_name_and_none(world):
    for path in (chat_path("whatever-name_1.x"), "/v1/chat/completions", chat_path("a" * 63)):
        assert request(world, "POST", path, BODY)[0] == 200
    assert request(world, "POST", chat_path("a" * 64), BODY)[0] == 404
    assert json.loads(request(world, "GET", "/any/v1/models")[2])["object"] == "list"


def test_latency_and_gaps(world):
    script(world, provider="late", latency_ms=200, gap_ms=30, tokens=5)
    started = time.monotonic()
    assert ask(world, "late")[0] == 200
    assert time.monotonic() - started >= 0.2
    started = time.monotonic()
    assert ask(world, "late", True)[0] == 200
    assert time.monotonic() - started >= 0.2 + 5 * 0.03


@WAYS
def test_tools(world, stream):
    tools = [{"type": "function", "function": {"name": name}} for name in ("first", "second")]
    named = {"type": "function", "function": {"name": "second"}}

    def called(messages=None, **more):
        body = {**BODY, "tools": tools, "stream": stream, **more}
        if messages:
            body["messages"] = messages
        answer = request(world, "POST", chat_path("tools"), body)[2]
        choices = [e["choices"][0] for e in sse_events(answer) if e != "[DONE]"] if stream else [json.loads(answer)["choices"][0]]
        calls = [call for c in choices for call in c.get("delta", c.get("message"))
                 .get("tool_calls") or [] if call["function"].get("name")]
        return [call["function"]["name"] for call in calls]

    weather = {"role": "user", "content": "the weather?"}
    assert called() == []
    assert called(tool_choice="required") == ["first"]
    assert called(tool_choice=named) == ["second"]
    assert called([weather]) == ["first"]
    assert called([weather], tool_choice="none") == []
    assert called([weather, {"role": "assistant", "tool_calls": []}, {"role": "tool", "tool_call_id": "x", "content": "y"}]) == []


@pytest.mark.parametrize("body", [b"", b"nonsense", b"[]", b"{}", b'{"model": "m"}', b'{"messages": []}', b'{"model": 3, "messages": [1]}'])
def test_bad_questions(world, body):
    status, _, answer = request(world, "POST", chat_path("picky"), body, {"content-type": "application/json"})
    assert status == 400 and json.loads(answer)["error"]["type"] == "mock_error"


@pytest.mark.parametrize("method, path", [("GET", "/"), ("GET", chat_path("a")), ("POST", "/a/v2/chat/completions"), ("POST", "/a/b/v1/models"),
                                          ("GET", "/_mock/script"), ("GET", "/_mock/nothing"), ("POST", "/v1"), ("POST", "//v1/chat/completions")])
def test_other_paths(world, method, path):
    assert request(world, method, path, b"{}" if method == "POST" else None)[0] == 404


# --- faults -----------------------------------------------------------------------------------------------------------
@WAYS
@pytest.mark.parametrize("fault", ERRORS)
def test_errors(world, fault, stream):
    """An error has its status and a body, also when a stream was asked for."""
    name = f"error-{fault}-{stream}"
    script(world, provider=name, faults=[fault])
    status, headers, body = ask(world, name, stream)
    assert status == ERRORS[fault] and headers["content-type"] == "application/json"
    assert json.loads(body)["error"]["message"]
    assert ("retry-after" in headers) == (status == 429)
    assert ask(world, name, stream)[0] == 200, "the queue is empty again"
    counted = stats(world, name)
    assert (counted["requests"], counted["answered"], counted["faults"]) == (2, 1, {fault: 1})
    assert (counted["refused_by_limit"], counted["closed_by_client"], counted["open_now"], counted["open_most"]) == (0, 0, 0, 1)


@WAYS
@pytest.mark.parametrize("fault", PAGES)
def test_html(world, fault, stream):
    script(world, provider="proxy", faults=[fault])
    status, headers, body = ask(world, "proxy", stream)
    assert status == PAGES[fault] and headers["content-type"] == "text/html" and body.startswith(b"<html>")


@WAYS
@pytest.mark.parametrize("fault", SILENT)
def test_stalls(world, fault, stream):
    """Silent until the client leaves, which is counted."""
    name = f"{fault}-{stream}"
    script(world, provider=name, always=fault)
    data, closed = raw_ask(world, name, stream)
    assert not closed
    assert (data == b"") == (fault == "stall_before_head")
    assert b"[DONE]" not in data and not data.endswith(b"0\r\n\r\n")
    if data:
        assert data.startswith(b"HTTP/1.1 200 ")
    if fault == "stall_mid_stream" and stream:
        assert data.count(b"data: ") == 3, "a role and two words"
    wait_for(lambda: stats(world, name)["closed_by_client"] == 1 and stats(world, name)["open_now"] == 0, what="counted as left")


@WAYS
@pytest.mark.parametrize("fault", CUT)
def test_cuts(world, fault, stream):
    """The transfer ends before its end."""
    name = f"{fault}-{stream}"
    script(world, provider=name, always=fault)
    data, closed = raw_ask(world, name, stream)
    assert closed
    assert (data == b"") == (fault == "cut_before_head")
    assert not data.endswith(b"0\r\n\r\n") and b"[DONE]" not in data
    if fault == "cut_mid_event":
        assert data.rstrip(b"\r\n").endswith(b"caf\xc3"), "inside a character"
    if fault == "cut_mid_stream" and stream:
        assert data.count(b"data: ") == 3
    wait_for(lambda: stats(world, name)["open_now"] == 0)
    assert stats(world, name)["closed_by_client"] == 0


@pytest.mark.parametrize("fault", ODD)
def test_odd_streams_end_properly_as_http(world, fault):
    """What is wrong is in the events; fake's own tests say what each holds."""
    script(world, provider=fault, always=fault)
    data, _ = raw_ask(world, fault, True)
    assert data.startswith(b"HTTP/1.1 200 ") and data.endswith(b"0\r\n\r\n")


def test_comments_for_ever(world):
    script(world, provider="talker", always="comments_only", gap_ms=1)
    with RawConnection(world.address()) as connection:
        connection.send(request_bytes("POST", chat_path("talker"), {**BODY, "stream": True}))
        for _ in range(50):
            connection.read_until(b": still here\n\n")
        assert b"data:" not in connection.buffer
    wait_for(lambda: stats(world, "talker")["closed_by_client"] == 1)


@WAYS
@pytest.mark.parametrize("fault", CODED)
def test_codings_nobody_asked_for(world, fault, stream):
    script(world, provider="coded", faults=[fault])
    status, headers, body = ask(world, "coded", stream)
    assert status == 200 and headers["content-encoding"] == "gzip"
    if fault == "gzip_plain":
        assert b"choices" in body
    elif fault == "gzip_bomb":
        assert len(body) < 300_000 and len(zlib.decompressobj(-15).decompress(body[10:])) > 40_000_000
    elif fault == "gzip_truncated":
        with pytest.raises(EOFError):
            gzip.decompress(body)
    elif fault == "gzip_checksum":
        with pytest.raises(gzip.BadGzipFile):
            gzip.decompress(body)
    else:
        plain = gzip.decompress(body)
        assert sse_events(plain)[-1] == "[DONE]" if stream else json.loads(plain)["choices"]


@WAYS
def test_slow_drip_is_whole_in_the_end(world, stream):
    script(world, provider="drop", faults=["slow_drip"], tokens=1)
    started = time.monotonic()
    status, _, body = ask(world, "drop", stream)
    assert status == 200 and time.monotonic() - started >= 0.2, "one byte a millisecond"
    assert sse_events(body)[-1] == "[DONE]" if stream else json.loads(body)["choices"][0]["finish_reason"] == "stop"


# --- captured answers -------------------------------------------------------------------------------------------------
def test_replays(world):
    """An answer as it was captured: status, fields, body; then the provider is itself again."""
    limited = {"status": 429, "headers": {"Retry-After": "17", "x-ratelimit-limit-requests": 30, "Content-Length": "5"},
               "body": {"error": {"message": "slow \u00e9 down", "code": "rate_limit_exceeded"}}}
    events = {"headers": {"date": "Sun, 06 Nov 1994 08:49:37 GMT"}, "body": "data: {\"x\": 1}\n\ndata: [DONE]\n\n"}
    script(world, provider="tape", replay=[limited, {"status": 502, "body": "<html>no</html>"}, events], faults=[])
    status, headers, body = ask(world, "tape")
    assert status == 429 and json.loads(body) == limited["body"] and headers["content-type"] == "application/json"
    assert (headers["retry-after"], headers["x-ratelimit-limit-requests"], headers["content-length"]) == ("17", "30", str(len(body)))
    status, headers, body = ask(world, "tape")
    assert (status, headers["content-type"], body) == (502, "text/html", b"<html>no</html>")
    status, headers, body = ask(world, "tape", True)
    assert status == 200 and headers["content-type"] == "text/event-stream" and body == events["body"].encode()
    assert headers["date"] == "Sun, 06 Nov 1994 08:49:37 GMT"
    assert ask(world, "tape")[0] == 200 and stats(world, "tape")["replayed"] == 3
    script(world, provider="tape", always={"status": 418, "body": {}}, faults=["none", {"status": 503, "repeat": 2}])
    assert [ask(world, "tape")[0] for _ in range(5)] == [200, 503, 503, 418, 418]


@pytest.mark.parametrize("replay", [{"status": 99}, {"status": "429"}, {"headers": {"a b": "c"}}, {"headers": {"a": "b\r\nc: d"}}, {"headers": []},
                                    {"headers": {"a": "\u00e9"}}, {"stauts": 200}, {"repeat": 0}, {"body": "x" * (1024 * 1024 + 1)}])
def test_bad_replays(world, replay):
    script(world, 400, provider="tape", replay=[replay])


# --- keys, accounts, models -------------------------------------------------------------------------------------------
def bearer(key):
    return {"authorization": f"Bearer {key}"}


def ask_as(world, name, key, **more):
    return request(world, "POST", chat_path(name), {**BODY, **more}, bearer(key))[0]


def test_keys(world):
    script(world, provider="doors", keys={"sk-bad-one": "401", "sk-poor-one": {"status": 402, "body": {"error": "credits"}}},
           limits=[{"requests": 2, "per": "hour"}])
    assert [ask_as(world, "doors", "sk-bad-one"), ask_as(world, "doors", "sk-poor-one"), ask_as(world, "doors", "sk-finer")] == [401, 402, 200]
    counted = stats(world, "doors")
    assert [(k["name"], k["requests"], k["answered"], k["refused"]) for k in counted["keys"]] == [
        ("-one", 1, 0, 1), ("-one", 1, 0, 1), ("iner", 1, 1, 0)]
    assert counted["limits"][0]["accepted"] == 1, "a refused key uses up nothing"
    assert "sk-" not in json.dumps(counted)
    script(world, provider="closed", keys={"*": "401", "right": "none"})
    assert [ask_as(world, "closed", "wrong"), ask_as(world, "closed", "right"), ask(world, "closed")[0]] == [401, 200, 401]


def test_accounts_share(world):
    script(world, provider="team", accounts={"sk-1": "work", "sk-2": "work"}, limits=[{"requests": 2, "per": "hour"}])
    assert [ask_as(world, "team", key) for key in ("sk-1", "sk-2", "sk-1", "sk-3", "sk-3", "sk-3")] == [200, 200, 429, 200, 200, 429]
    assert stats(world, "team")["limits"][0]["subjects"] == 2


def test_models(world):
    script(world, provider="zoo", models=["a", {"id": "b", "context": 50}], errors="groq", limits=[{"requests": 2, "per": "hour", "scope": "model"}])
    listed = json.loads(request(world, "GET", "/zoo/v1/models")[2])["data"]
    assert [(m["id"], m.get("context_length")) for m in listed] == [("a", None), ("b", 50)]
    assert [m["name"] for m in json.loads(request(world, "GET", "/zoo/api/tags")[2])["models"]] == ["a", "b"]
    assert ask(world, "zoo", model="c")[0] == 404
    status, _, body = ask(world, "zoo", model="b", messages=[{"role": "user", "content": "x" * 400}])
    assert status == 400 and json.loads(body)["error"]["code"] == "context_length_exceeded"
    assert [ask(world, "zoo", model=model)[0] for model in "abaab"] == [200, 200, 200, 429, 200], "each model has its own window"
    assert [m["name"] for m in stats(world, "zoo")["models"]] == ["c", "b", "a"]


def test_later(world):
    """A script for later: the limit is another and the model gone, without anybody saying so again."""
    script(world, provider="changing", models=["m"], limits=[{"requests": 100, "per": "hour"}])
    script(world, provider="changing", after_ms=150, limits=[{"requests": 1, "per": "hour"}])
    script(world, provider="changing", after_ms=400, models=["other"])
    assert ask(world, "changing")[0] == 200
    wait_for(lambda: ask(world, "changing")[0] == 429, what="the smaller limit")
    wait_for(lambda: ask(world, "changing")[0] == 404, what="the model to be gone")


# --- embeddings and looks ---------------------------------------------------------------------------------------------
def embed(world, expected=200, name="vectors", **members):
    status, _, body = request(world, "POST", f"/{name}/v1/embeddings", {"model": "e", **members})
    assert status == expected, body
    return json.loads(body)


def test_embeddings(world):
    script(world, provider="vectors", dimensions=8, limits=[{"embed_inputs": 12, "per": "hour"}])
    answer = embed(world, input=["one", "two", "one"])
    one, two, again = [item["embedding"] for item in answer["data"]]
    assert one == again != two and len(one) == 8 and [item["index"] for item in answer["data"]] == [0, 1, 2]
    assert embed(world, input="two")["data"][0]["embedding"] == two, "the text alone decides"
    packed = embed(world, input="one", encoding_format="base64")["data"][0]["embedding"]
    assert list(struct.unpack("<8f", base64.b64decode(packed))) == one
    assert len(embed(world, input=[[1, 2], [3]], dimensions=5)["data"][1]["embedding"]) == 5
    assert answer["usage"]["prompt_tokens"] > 0
    embed(world, 429, input=["x"] * 6)
    assert stats(world, "vectors")["limits"][0]["most"] == 7
    length = sum(x * x for x in embed(world, input="one", dimensions=1000)["data"][0]["embedding"])
    assert 0.8 < length < 1.2


@pytest.mark.parametrize("members", [{}, {"input": []}, {"input": [1, "a"][1:] + [None]}, {"input": 3}, {"input": "x", "dimensions": 5000},
                                     {"input": ["x"] * 2049}])
def test_bad_embeddings(world, members):
    embed(world, 400, name="picky", **members)


@pytest.mark.parametrize("prefix", ["v1", "openai/v1", "api/v1", "v1beta/openai", "compatibility/v1", "compatible-mode/v1", "ai/v1"])
def test_base_paths(world, prefix):
    assert request(world, "POST", f"/any/{prefix}/chat/completions", BODY)[0] == 200
    assert request(world, "GET", f"/any/{prefix}/models")[0] == 200


def test_looks(world):
    assert json.loads(request(world, "GET", "/any/api/version")[2])["version"]
    assert json.loads(request(world, "GET", "/any/health")[2]) == {"status": "ok"}
    script(world, provider="router", limits=[{"requests": 50, "per": "day", "zone": "UTC"}])
    assert ask_as(world, "router", "sk-a") == 200

    def counter(key):
        return json.loads(request(world, "GET", "/router/api/v1/key", headers=bearer(key))[2])["data"]["free_model_daily_requests"]
    assert counter("sk-a") == {"used": 1, "limit": 50, "remaining": 49}
    assert counter("sk-b")["used"] == 0


def test_requests_are_kept(world):
    secret = "sk-very-secret-1234"
    request(world, "POST", chat_path("watched"), {**BODY, "temperature": 0.5}, {**bearer(secret), "x-api-key": secret, "x-seen": "yes"})
    request(world, "POST", chat_path("other"), b"nonsense", {"content-type": "text/plain"})
    kept = json.loads(request(world, "GET", "/_mock/requests?provider=watched")[2])["requests"]
    assert len(kept) == 1 and kept[0]["method"] == "POST" and kept[0]["path"] == chat_path("watched")
    assert kept[0]["body"]["temperature"] == 0.5 and kept[0]["headers"]["x-seen"] == "yes"
    assert kept[0]["headers"]["authorization"] == "Bearer ***1234" and kept[0]["headers"]["x-api-key"] == "***1234"
    everything = request(world, "GET", "/_mock/requests")[2]
    assert b"very-secret" not in everything and json.loads(everything)["requests"][-1]["body"] == "nonsense"
    for _ in range(70):
        request(world, "GET", "/many/v1/models")
    numbers = [r["number"] for r in json.loads(request(world, "GET", "/_mock/requests")[2])["requests"]]
    assert len(numbers) == 64 and numbers == list(range(numbers[0], numbers[0] + 64))


# --- limits -----------------------------------------------------------------------------------------------------------
def test_window_limit(world):
    script(world, provider="strict", limit_requests=3, limit_window_ms=60000)
    assert [ask(world, "strict")[0] for _ in range(5)] == [200, 200, 200, 429, 429]
    headers = ask(world, "strict")[1]
    assert 55 <= int(headers["retry-after"]) <= 60
    counted = stats(world, "strict")
    assert counted["requests"] == 6 and counted["answered"] == 3 and counted["refused_by_limit"] == 3


def test_window_limit_lets_go(world):
    script(world, provider="brief", limit_requests=1, limit_window_ms=150, retry_form="ms")
    assert ask(world, "brief")[0] == 200
    wait_ms = int(ask(world, "brief")[1]["retry-after-ms"])
    assert 0 < wait_ms <= 150
    wait_for(lambda: ask(world, "brief")[0] == 200, what="room after the window")


def test_concurrency_limit(world):
    script(world, provider="crowd", concurrency=2, latency_ms=300)
    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        got = sorted(pool.map(lambda _: ask(world, "crowd")[0], range(5)))
    assert got == [200, 200, 429, 429, 429] and stats(world, "crowd")["refused_by_limit"] == 3


def test_truth_of_limits(world):
    """Many at once: exactly the limit is let in, and the truth says what arrived."""
    script(world, provider="exact", limits=[{"requests": 10, "per": "hour"}, {"requests": 40, "per": "day", "zone": "Asia/Shanghai"}])
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda _: ask(world, "exact")[0], range(25)))
    assert got.count(200) == 10 and got.count(429) == 15
    hour, day = stats(world, "exact")["limits"]
    assert (hour["accepted"], hour["refused"], hour["most"], hour["most_arrived"], hour["exact"]) == (10, 15, 10, 25, True)
    assert (day["accepted"], day["refused"], day["most"]) == (10, 0, 10)


def test_tokens_up_front_and_by_usage(world):
    script(world, provider="ahead", limits=[{"tokens": 1000, "per": "hour", "charge": "up_front"}], errors="groq")
    assert ask(world, "ahead", max_tokens=500)[0] == 200
    status, headers, body = ask(world, "ahead", max_tokens=500)
    assert status == 429 and "(TPH): Limit 1000, Used 5" in json.loads(body)["error"]["message"] and "retry-after" in headers
    assert ask(world, "ahead", max_tokens=2000)[0] == 413, "no wait can help"
    script(world, provider="after", limits=[{"output_tokens": 20, "per": "hour"}], tokens=8)
    assert [ask(world, "after", max_tokens=500)[0] for _ in range(4)] == [200, 200, 200, 429]
    assert stats(world, "after")["limits"][0]["most"] == 24 == stats(world, "after")["output_tokens"]
    assert json.loads(ask(world, "cutting", max_tokens=3)[2])["choices"][0]["finish_reason"] == "length"


def test_head_fields(world):
    limits = [{"requests": 30, "per": "minute"}, {"requests": 1000, "per": "day", "shape": "refill"}, {"tokens": 8000, "per": "minute", "shape": "refill"}]
    script(world, provider="telling", headers="groq", limits=limits)
    headers = ask(world, "telling")[1]
    assert headers["x-ratelimit-limit-requests"] == "1000" and headers["x-ratelimit-remaining-requests"] == "999"
    assert re.fullmatch(r"1m26\.\d+s|1m27s", headers["x-ratelimit-reset-requests"]), "one request of 1000 a day is back after 86.4 s"
    assert headers["x-ratelimit-remaining-tokens"] == "8000"
    script(world, provider="telling", headers_are="absent")
    assert not [name for name in ask(world, "telling")[1] if name.startswith("x-ratelimit")]


def test_clock_skew(world):
    script(world, provider="ahead-of-time", clock_skew_ms=3_600_000)
    told = email.utils.parsedate_to_datetime(ask(world, "ahead-of-time")[1]["date"]).timestamp()
    assert 3590 < told - time.time() < 3610
    assert len([1 for line in raw_ask(world, "ahead-of-time", False)[0].split(b"\r\n") if line.lower().startswith(b"date:")]) == 1


def test_foreign_user(world):
    script(world, provider="shared", limits=[{"requests": 100, "per": "hour", "foreign": 0.7}])
    got = [ask(world, "shared")[0] for _ in range(60)]
    assert 20 <= got.count(200) <= 40 and stats(world, "shared")["limits"][0]["most"] == got.count(200)


# --- steering ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("members, named", [
    ({"provider": "s", "nonsense": 1}, "nonsense"), ({"provider": "s", "faults": ["nothing"]}, "faults"),
    ({"provider": "s", "latency_ms": "fast"}, "latency_ms"), ({"faults": []}, "provider"), ({"provider": "s", "always": 430}, "did you mean `4"),
    ({"provider": "s", "latncy_ms": 5}, "did you mean `latency_ms`"), ({"provider": "s", "limits": [{"requests": 3}]}, "window_ms"),
    ({"provider": "s", "headers": "grok"}, "did you mean `groq`"), ({"provider": "s", "limits": [{"reqests": 3}]}, "did you mean `requests`"),
])
def test_bad_scripts(world, members, named):
    answer = script(world, 400, **members)
    assert named in answer["error"]["message"]


def test_script_without_a_body(world):
    assert request(world, "POST", "/_mock/script")[0] == 400
    assert request(world, "POST", "/_mock/script", b"{", {"content-type": "application/json"})[0] == 400


def test_list_of_scripts(world):
    status, _, _ = request(world, "POST", "/_mock/script", [{"provider": "one", "always": "500"}, {"provider": "two", "always": "503"}])
    assert status == 200 and ask(world, "one")[0] == 500 and ask(world, "two")[0] == 503


def test_reset_and_seed(tmp_path):
    """The same seed, the same answers; a reset begins it again."""
    def answers(running):
        return [json.loads(ask(running, "a")[2])["choices"][0]["message"]["content"] for _ in range(5)]

    with mock(tmp_path / "a", None, ["--seed", "42"]) as first, mock(tmp_path / "b", None, ["--seed", "42"]) as second, \
            mock(tmp_path / "c", None, ["--seed", "43"]) as third:
        said = answers(first)
        script(first, provider="a", always="500")
        assert request(first, "POST", "/_mock/reset")[0] == 200
        assert answers(first) == said == answers(second) != answers(third)
        assert stats(first, "a")["requests"] == 5 and stats(first, "a")["faults"] == {}


def test_seed_is_printed(tmp_path):
    with mock(tmp_path / "a") as first:
        assert "seed " in first.stdout
        seed = first.stdout.split("seed ")[1].split()[0]
        said = ask(first, "a")[2]
        with mock(tmp_path / "b", None, ["--seed", seed]) as again:
            assert ask(again, "a")[2] == said, "what was printed plays it again"


# --- starting and ending ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["demo", "healthy", "slow", "429-storm", "outage", "day-end", "lying-headers", "flaky", "dead",
                                  "stalling", "thinking"])
def test_scenarios_start(tmp_path, name):
    with mock(tmp_path, name) as running:
        assert request(running, "GET", "/_mock/stats")[0] == 200


def test_scenario_from_a_file(tmp_path):
    with mock(tmp_path, '[{"provider": "a", "always": "503"}]\n') as running:
        assert ask(running, "a")[0] == 503 and ask(running, "b")[0] == 200


def test_scenario_in_yaml(tmp_path):
    text = """# two providers
- provider: a
  always: 503
- provider: b
  errors: ollama
  faults: [429, "500"]
  limits:
    - {requests: 3, per: hour}
"""
    with mock(tmp_path, text) as running:
        assert ask(running, "a")[0] == 503
        status, _, body = ask(running, "b")
        assert status == 429 and json.loads(body)["error"].startswith("you (mock)")
        assert stats(running, "b")["limits"][0]["amount"] == 3


@pytest.mark.parametrize("text, place, named", [
    ("- provider: a\n  latncy_ms: 5\n", "line 2, column 3", "`latency_ms`"),
    ("- provider: a\n  limits:\n    - {requests: 3, per: minit}\n", "line 3, column 26", "`minute`"),
    ('[{"provider": "a"},\n {"provider": "b", "fautls": []}]\n', "line 2, column 20", "`faults`"),
    ('[{"provider": "a",\n  "faults": ["429", "50"]}]\n', "line 2, column 21", "`500`"),
    ("- provider: a\n   bad: indent\n", "line 2", ""), ("\n\n", "line 1", "nothing"),
])
def test_mistakes_in_a_file(tmp_path, text, place, named):
    file = tmp_path / "scenario.yaml"
    file.write_text(text)
    done = run_papi("mock", "--listen", "127.0.0.1:0", "--scenario", file)
    assert done.returncode == 1 and place in done.stderr and named in done.stderr and str(file) in done.stderr


def test_list():
    done = run_papi("mock", "--list")
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 11
    help_text = run_papi("mock", "--help").stdout
    for line in done.stdout.splitlines():
        assert line.split()[0] in help_text


def test_demo(tmp_path):
    with mock(tmp_path, "demo", ["--seed", "3"]) as running:
        assert request(running, "POST", "/demo-swift/openai/v1/chat/completions", {**BODY, "model": "openai/gpt-oss-120b"})[0] == 401
        status, headers, body = request(running, "POST", "/demo-swift/openai/v1/chat/completions",
                                        {**BODY, "model": "openai/gpt-oss-120b"}, bearer("demo-swift-key"))
        assert status == 200 and "x-ratelimit-remaining-tokens" in headers
        assert json.loads(body)["usage"]["completion_tokens"] >= 30
        assert set(json.loads(request(running, "GET", "/_mock/stats")[2])) == {
            "demo-swift", "demo-broad", "demo-market", "demo-mind", "demo-trial"}


def test_unknown_scenario(tmp_path):
    done = run_papi("mock", "--listen", "127.0.0.1:0", "--scenario", "nonsense")
    assert done.returncode == 1 and "nonsense" in done.stderr and "429-storm" in done.stderr
    bad = tmp_path / "bad.json"
    bad.write_text('[{"provider": "a", "nonsense": 1}]')
    done = run_papi("mock", "--listen", "127.0.0.1:0", "--scenario", bad)
    assert done.returncode == 1 and "nonsense" in done.stderr and str(bad) in done.stderr


@pytest.mark.parametrize("fault", ["none", "stall_before_head", "stall_mid_stream", "comments_only"])
def test_term_in_the_middle(tmp_path, fault):
    """It ends at once, whatever is being played, with nothing left."""
    with mock(tmp_path) as running:
        script(running, provider="a", always=fault, gap_ms=20, tokens=100000)
        lines = [RawConnection(running.address()) for _ in range(5)]
        for line in lines:
            line.send(request_bytes("POST", chat_path("a"), {**BODY, "stream": True}))
        wait_for(lambda: stats(running, "a")["open_now"] == 5)
        running.stop()
        for line in lines:
            assert line.is_closed()
            line.close()


def test_no_other_address():
    done = run_papi("mock", "--listen", "0.0.0.0:0")
    assert done.returncode == 2 and "--listen" in done.stderr and "loopback" in done.stderr
