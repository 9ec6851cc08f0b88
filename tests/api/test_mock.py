# SPDX-License-Identifier: Apache-2.0
"""`papi mock` as a client and a script see it: every fault on the wire, limits, statistics, scenarios."""

import concurrent.futures
import json
import pathlib
import re
import time

import pytest

from papi_process import RawConnection, mock, request, request_bytes, run_papi, sse_events, wait_for

BODY = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
ERRORS = {"400": 400, "400_client": 400, "context": 400, "401": 401, "402": 402, "403": 403, "404": 404, "413": 413,
          "429": 429, "429_day": 429, "500": 500, "503": 503, "529": 529}
SILENT = ("stall_before_head", "stall_after_head", "stall_mid_stream")
CUT = ("cut_before_head", "cut_after_head", "cut_mid_event", "cut_mid_stream")
ODD = ("empty_200", "role_only", "error_in_200", "error_mid_stream", "no_done", "no_finish", "neither", "double_done",
       "data_after_done", "usage_missing", "usage_wrong", "finish_eos_token", "bad_json")
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
    script(world, provider="names", faults=[*ERRORS, *SILENT, *CUT, *ODD, "502_html", "comments_only", "none"])
    header = (pathlib.Path(__file__).parents[2] / "src" / "fake" / "fault.h").read_text()
    names = set(re.findall(r'X\(FAULT_\w+, "(\w+)"', header))
    assert names == {*ERRORS, *SILENT, *CUT, *ODD, "502_html", "comments_only", "none"}


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
    assert stats(world, name) == {"requests": 2, "answered": 1, "refused_by_limit": 0, "closed_by_client": 0, "open_now": 0,
                                  "open_most": 1, "faults": {fault: 1}}


@WAYS
def test_html(world, stream):
    script(world, provider="proxy", faults=["502_html"])
    status, headers, body = ask(world, "proxy", stream)
    assert status == 502 and headers["content-type"] == "text/html" and body.startswith(b"<html>")


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


# --- steering ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("members, named", [
    ({"provider": "s", "nonsense": 1}, "nonsense"), ({"provider": "s", "faults": ["nothing"]}, "faults"),
    ({"provider": "s", "latency_ms": "fast"}, "latency_ms"), ({"faults": []}, "provider"), ({"provider": "s", "always": 429}, "always"),
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
@pytest.mark.parametrize("name", ["healthy", "slow", "429-storm", "flaky", "dead", "stalling", "thinking"])
def test_scenarios_start(tmp_path, name):
    with mock(tmp_path, name) as running:
        assert request(running, "GET", "/_mock/stats")[0] == 200


def test_scenario_from_a_file(tmp_path):
    with mock(tmp_path, '[{"provider": "a", "always": "503"}]\n') as running:
        assert ask(running, "a")[0] == 503 and ask(running, "b")[0] == 200


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
