# SPDX-License-Identifier: Apache-2.0
"""Bad input of every kind: the answer is a clear error in the API's form, nothing else is disturbed, nothing leaks.

One gateway for the whole file takes all of it; after each test it must still answer, at the end no descriptor may be left
and it must exit clean, which under a sanitizer means without leaks. Slow clients have a gateway of their own with short
limits.
"""

import json
import socket
import threading

import pytest

from papi_process import (RawConnection, provider, request, request_bytes, run_papi, serve, sse_events, wait_for)
from stage import GOOD_TEXT, Stage, assert_error

CHAT = "/v1/chat/completions"
JSON = {"content-type": "application/json"}
BODY_MAX = 256 * 1024
KEPT = 3  # connections to the provider that may be kept beyond the first: two on each of two loops
GOOD = b'{"model":"m-good","messages":[{"role":"user","content":"x"}]}'


@pytest.fixture(name="stage", scope="module")
def fixture_stage(tmp_path_factory):
    with Stage(tmp_path_factory.mktemp("bad"), {"good": {"text": GOOD_TEXT}, "drip": {"text": GOOD_TEXT, "gap_ms": 50}},
               limits={"body": f"{BODY_MAX // 1024}KiB"}) as stage:
        stage.assert_alive()
        before = stage.papi.descriptors() + KEPT
        yield stage
        stage.assert_alive()
        wait_for(lambda: stage.papi.descriptors() <= before, what="every descriptor given back")


@pytest.fixture(autouse=True)
def still_alive(request):
    """After each test that used the gateway, it still answers."""
    yield
    if "stage" in request.fixturenames:
        request.getfixturevalue("stage").assert_alive()


def post(stage, body, headers=None, path=CHAT):
    return request(stage.papi, "POST", path, body, {**JSON, **(headers or {})})


def refused(stage, body, status=400, code=None, words=(), param=None, headers=None):
    got = post(stage, body, headers)
    return assert_error(*got, status, code, words, param)


@pytest.mark.parametrize("status, body", [(400, b"{"), (404, GOOD.replace(b"m-good", b"m-bad")), (413, b" " * (BODY_MAX + 1))])
def test_every_error_has_an_id(stage, status, body):
    """Without one nobody finds it again (wire 1.8)."""
    got = post(stage, body)
    assert got[0] == status
    assert got[1].get("x-request-id") and got[1]["x-request-id"] == got[1].get("request-id"), got[1]


# --- the body as JSON -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("body, words", [
    (b"", ["JSON"]),
    (b"nonsense", ["line 1, column 1"]),
    (b"{", ["line 1, column 2"]),
    (b'{"model": "m-good",}', ["line 1, column 20"]),
    (b'{"model": "m-good",\n  "messages": [}', ["line 2, column 16"]),
    (b'{"model" "m-good"}', ["line 1, column 10", "':'"]),
    (b"{'model': 'm-good'}", ["line 1, column 2"]),
    (b'{"model": m-good}', ["line 1, column 11"]),
    (b'{"a": 01}', ["line 1, column"]),
    (b'{"a": +1}', ["line 1, column 7"]),
    (b'{"a": NaN}', ["line 1, column 7"]),
    (b'{"a": tru}', ["line 1, column"]),
    (b'{"a": "\\x"}', ["line 1, column"]),
    (b'{"a": "\\u12g4"}', ["line 1, column"]),
    (b'{"a": "one\ntwo"}', ["line 1, column 11"]),
    (b'{"a": "nul \x00 inside"}', ["line 1, column 12"]),
    (b'{"a": 1} trailing', ["line 1, column 10"]),
    (b'{"a": 1}{"b": 2}', ["line 1, column 9"]),
    (b'{"a": 1 /* comment */}', ["line 1, column 9"]),
    (b"\xef\xbb\xbf{}", []),
    (b'{"unfinished": "', ["line 1, column"]),
    (b'model=m-good&messages=x', ["line 1, column 1"]),
], ids=repr)
def test_invalid_json_names_the_place(stage, body, words):
    refused(stage, body, words=["JSON", *words] if words else [])


@pytest.mark.parametrize("bad", [b"\xff", b"\xc3", b"\xc3(", b"\xc0\xaf", b"\xe0\x80\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80",
                                 b"\xf8\x88\x80\x80\x80", b"\x80", b"\xe2\x82"], ids=repr)
def test_invalid_utf8(stage, bad):
    body = GOOD.replace(b'"x"', b'"caf' + bad + b'"')
    error = refused(stage, body, words=["UTF-8", "line 1, column"])
    json.dumps(error).encode("utf-8")


@pytest.mark.parametrize("body, words", [
    (b"[]", ["object", "an array"]), (b'"text"', ["object", "a string"]), (b"3", ["object", "a number"]),
    (b"null", ["object", "null"]), (b"true", ["object"]),
], ids=repr)
def test_body_that_is_no_object(stage, body, words):
    refused(stage, body, words=words)


@pytest.mark.parametrize("opening, closing", [("[", "]"), ('{"a":', "}")], ids=["arrays", "objects"])
@pytest.mark.parametrize("levels", [129, 100_000])
@pytest.mark.parametrize("closed", [True, False], ids=["closed", "open"])
def test_deep_nesting(tmp_path, opening, closing, levels, closed):
    """Refused by its depth, not by a stack that ends."""
    with Stage(tmp_path, {"good": {}}) as own:
        body = '{"model":"m-good","messages":[{"role":"user","content":"x"}],"metadata":' + opening * levels
        body += ("1" if opening != "[" else "") + closing * levels + "}" if closed else ""
        assert_error(*post(own, body), 400, None, ["nested"])
        own.assert_alive()


def test_nesting_that_is_allowed(stage):
    body = GOOD[:-1] + b',"metadata":' + b"[" * 100 + b"]" * 100 + b"}"
    assert post(stage, body)[0] == 200


# --- members ----------------------------------------------------------------------------------------------------------
def with_member(**more):
    return {"model": "m-good", "messages": [{"role": "user", "content": "x"}], **more}


@pytest.mark.parametrize("more, param", [
    ({"model": None}, "model"), ({"model": 7}, "model"), ({"model": ["m-good"]}, "model"), ({"model": ""}, "model"),
    ({"messages": None}, "messages"), ({"messages": "hello"}, "messages"), ({"messages": []}, "messages"),
    ({"messages": {}}, "messages"), ({"messages": ["hello"]}, "messages[0]"), ({"messages": [None]}, "messages[0]"),
    ({"messages": [{}]}, "messages[0].role"),
    ({"messages": [{"role": "king", "content": "x"}]}, "messages[0].role"),
    ({"messages": [{"role": 3, "content": "x"}]}, "messages[0].role"),
    ({"messages": [{"role": "user"}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": 3}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": {"type": "text"}}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": [3]}]}, "messages[0].content[0]"),
    ({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, "messages[0].content[0].type"),
    ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
    ({"messages": [{"role": "user", "content": [{"type": "text", "text": 3}]}]}, "messages[0].content[0].text"),
    ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0].content[0].image_url"),
    ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
    ({"stream": "yes"}, "stream"), ({"stream": 1}, "stream"),
    ({"stream_options": "usage"}, "stream_options"),
    ({"temperature": "hot"}, "temperature"), ({"temperature": [1]}, "temperature"), ({"top_p": True}, "top_p"),
    ({"max_tokens": "many"}, "max_tokens"), ({"max_tokens": 1.5}, "max_tokens"), ({"max_completion_tokens": {}}, "max_completion_tokens"),
    ({"stop": 3}, "stop"), ({"stop": [3]}, "stop[0]"), ({"seed": "x"}, "seed"),
    ({"tools": {}}, "tools"), ({"tools": [3]}, "tools[0]"), ({"tools": [{"type": "function"}]}, "tools[0].function"),
    ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
    ({"tool_choice": 3}, "tool_choice"), ({"response_format": "json"}, "response_format"),
    ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
    ({"response_format": {"type": "xml"}}, "response_format.type"),
    ({"parallel_tool_calls": "no"}, "parallel_tool_calls"), ({"logit_bias": []}, "logit_bias"),
    ({"n": "two"}, "n"), ({"user": 3}, "user"), ({"reasoning_effort": 3}, "reasoning_effort"),
], ids=lambda value: json.dumps(value) if isinstance(value, dict) else "")
def test_wrong_types_name_the_member(stage, more, param):
    error = refused(stage, with_member(**more), param=param)
    assert param in error["message"], "the sentence names the place too"


@pytest.mark.parametrize("member", ["model", "messages"])
def test_missing_members(stage, member):
    body = with_member()
    del body[member]
    refused(stage, body, words=[member, "required"], param=member)


@pytest.mark.parametrize("body, param", [
    (b'{"model":"m-good","model":"m-good","messages":[{"role":"user","content":"x"}]}', "model"),
    (b'{"model":"m-good","mod\\u0065l":"m-drip","messages":[{"role":"user","content":"x"}]}', '["mod\\u0065l"]'),
    (GOOD[:-1] + b',"messages":[]}', "messages"),
    (GOOD[:-1] + b',"stream":false,"stream":true}', "stream"),
    (GOOD[:-1] + b',"max_tokens":1,"max_tokens":2}', "max_tokens"),
    (b'{"model":"m-good","messages":[{"role":"system","content":"x","role":"user"}]}', "messages[0].role"),
    (b'{"model":"m-good","messages":[{"role":"user","content":"x","content":"y"}]}', "messages[0].content"),
], ids=repr)
def test_duplicate_members(stage, body, param):
    refused(stage, body, words=["twice"], param=param)


def test_duplicates_nobody_reads_do_no_harm(stage):
    assert post(stage, GOOD[:-1] + b',"whatever":1,"whatever":2}')[0] == 200


@pytest.mark.parametrize("more, param", [
    ({"n": 2}, "n"), ({"logprobs": True}, "logprobs"), ({"top_logprobs": 3, "logprobs": True}, None),
    ({"audio": {"voice": "a", "format": "mp3"}, "modalities": ["audio"]}, None),
    ({"functions": [{"name": "f"}]}, "functions"), ({"function_call": "auto"}, "function_call"),
], ids=lambda value: json.dumps(value) if isinstance(value, dict) else "")
def test_what_is_not_served_is_refused(stage, more, param):
    status, headers, body = post(stage, with_member(**more))
    error = assert_error(status, headers, body, 400, "unsupported_parameter", param=json.loads(body)["error"]["param"])
    assert error["param"] == param if param else error["param"] in more


def test_null_is_as_good_as_absent(stage):
    body = with_member(stream=None, temperature=None, max_tokens=None, tools=None, stop=None, n=None, stream_options=None,
                       tool_choice=None, response_format=None, seed=None, logprobs=None, user=None)
    assert post(stage, body)[0] == 200


@pytest.mark.parametrize("content", ["\\ud800", "\\udc00 x", "\\ud800\\ud800", "a\\u0000b", "\\u2028\\u2029", "\\ud83c\\udf31",
                                     "\\/\\b\\f\\n\\r\\t\\\"\\\\", "\\uffff"], ids=repr)
def test_odd_characters_pass_unchanged(start_serve, upstream, content):
    """Lone surrogates and NUL are strange, but a client's own business: the provider gets the same bytes."""
    seen = []

    def script(connection):
        got = connection.read_request()
        while got is not None:
            seen.append(got[1])
            connection.respond(200, {"choices": [{"index": 0, "message": {"role": "assistant", "content": "ok"},
                                                  "finish_reason": "stop"}]})
            got = connection.read_request()

    papi = start_serve({"providers": {"up": provider(upstream(script).url)}})
    body = '{"model":"test-model","messages":[{"role":"user","content":"' + content + '"}]}'
    status, _, answer = request(papi, "POST", CHAT, body, JSON)
    assert status == 200, answer
    assert content.encode() in seen[0]


# --- models -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name, near", [
    ("m-god", "m-good"), ("M-GOOD2", "m-good"), ("m-dripp", "m-drip"), ("good/m-goood", "m-good"), ("gpt-nothing-like-it", None),
    ("m-good\u0000", None), ("é" * 200, None), ("x" * 500, None), ("\"'<script>", None), ("%s%n%s", None),
    ("../../etc/passwd", None), ("m-good\r\nx-evil: 1", None),
], ids=repr)
def test_unknown_model(stage, name, near):
    error = refused(stage, with_member(model=name), 404, "model_not_found", param="model")
    assert "/v1/models" in error["message"]
    if near:
        assert near in error["message"]


def test_model_name_that_is_too_long(stage):
    refused(stage, with_member(model="x" * 100_000), 400, param="model")


# --- size -------------------------------------------------------------------------------------------------------------
def sized(size):
    body = GOOD.replace(b'"x"', b'"%s"')
    return body % (b"x" * (size - len(body) + 2))


def test_largest_body_is_taken(stage):
    assert len(sized(BODY_MAX)) == BODY_MAX
    assert post(stage, sized(BODY_MAX))[0] == 200
    refused(stage, sized(BODY_MAX + 1), 413, "request_too_large")


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_too_large_is_told_to_a_client_that_still_sends(stage, chunked):
    """A client that reads only after it has sent everything gets its 413, not a reset; then the connection goes on or ends
    as announced."""
    size = 8 * 1024 * 1024
    block = b"x" * 65536
    head = f"POST {CHAT} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    with RawConnection(stage.papi.address()) as connection:
        connection.send(head + ("transfer-encoding: chunked\r\n\r\n" if chunked else f"content-length: {size}\r\n\r\n"))
        for _ in range(size // len(block)):
            connection.send(b"10000\r\n" + block + b"\r\n" if chunked else block)
        if chunked:
            connection.send(b"0\r\n\r\n")
        status, headers, body = connection.read_response()
        assert_error(status, headers, body, 413, "request_too_large")
        if headers.get("connection", "").lower() == "close":
            assert connection.is_closed()
        else:
            connection.send(request_bytes("GET", "/healthz"))
            assert connection.read_response()[0] == 200


def test_too_large_by_far_is_not_waited_for(stage):
    """Nobody sends 2^60 bytes to hear that it is too much: the answer comes while the client would still send."""
    with RawConnection(stage.papi.address()) as connection:
        connection.send(f"POST {CHAT} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
                        f"content-length: {1 << 60}\r\nexpect: 100-continue\r\n\r\n")
        status, headers, body = connection.read_response()
        assert_error(status, headers, body, 413, "request_too_large")


# --- paths and methods ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("path, words", [
    ("/v1/nothing", []), ("/nothing/at/all", []), ("/v1/chat", []), ("/v1/chat/completions/x", []),
    ("/v1/responses", ["Responses"]), ("/v1/messages", ["Messages"]),
    ("/v1/files", ["files"]), ("/v1/completions", ["/v1/chat/completions"]), ("/v1/images/generations", ["images"]),
    ("/%2e%2e/etc/passwd", []), ("/v1/%00", []), ("/" + "a" * 8000, []), ("/v1/chat%2Fcompletions", []),
])
def test_unknown_path(stage, path, words):
    for method in ("GET", "POST"):
        body = b"{}" if method == "POST" else None
        got = request(stage.papi, method, path, body, JSON)
        error = assert_error(*got, 404, "unknown_url", words)
        assert method in error["message"] and len(error["message"]) < 1000
        assert got[1]["x-request-id"]


@pytest.mark.parametrize("method, path, allowed", [
    ("GET", CHAT, {"POST", "OPTIONS"}), ("PUT", CHAT, {"POST", "OPTIONS"}), ("DELETE", CHAT, {"POST", "OPTIONS"}),
    ("PATCH", CHAT, {"POST", "OPTIONS"}), ("HEAD", CHAT, {"POST", "OPTIONS"}),
    ("POST", "/v1/models", {"GET", "HEAD", "OPTIONS"}), ("DELETE", "/v1/models/m-good", {"GET", "HEAD", "OPTIONS"}),
    ("POST", "/healthz", {"GET", "HEAD", "OPTIONS"}), ("POST", "/metrics", {"GET", "HEAD", "OPTIONS"}),
])
def test_wrong_method(stage, method, path, allowed):
    status, headers, body = request(stage.papi, method, path, b"{}" if method != "HEAD" else None, JSON)
    assert status == 405
    assert {word.strip() for word in headers["allow"].split(",")} == allowed
    if method != "HEAD":
        assert_error(status, headers, body, 405, "method_not_allowed", [method, "POST" if path == CHAT else "GET"])


@pytest.mark.parametrize("value", ["abc", "0", "-5", "1.5", "99999999999", "", " ", "5 ms"])
def test_bad_deadline_header(stage, value):
    refused(stage, with_member(), words=["x-papi-deadline-ms"], headers={"x-papi-deadline-ms": value})


# --- heads ------------------------------------------------------------------------------------------------------------
def exchange(stage, data):
    """Raw bytes, one answer; the connection must then end."""
    with RawConnection(stage.papi.address()) as connection:
        try:
            connection.send(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it was answered before all was sent
        got = connection.read_response()
        assert connection.is_closed(), "nothing may follow on this connection"
        return got


def test_ten_thousand_headers(stage):
    fields = "".join(f"x-{i}: {i}\r\n" for i in range(10_000))
    got = exchange(stage, f"POST {CHAT} HTTP/1.1\r\nhost: localhost\r\n{fields}\r\n")
    assert_error(*got, 431, "headers_too_large", ["100"])


def test_one_huge_header(stage):
    got = exchange(stage, f"GET /v1/models HTTP/1.1\r\nhost: localhost\r\nx-big: {'b' * 1_000_000}\r\n\r\n")
    assert_error(*got, 431, "headers_too_large", ["32 KiB"])


def test_one_huge_target(stage):
    got = exchange(stage, f"GET /{'p' * 1_000_000} HTTP/1.1\r\nhost: localhost\r\n\r\n")
    assert_error(*got, 431, "headers_too_large")


def test_hundred_headers_are_fine(stage):
    """Browsers and agents send many."""
    assert post(stage, GOOD, {f"x-{i}": "v" * 100 for i in range(90)})[0] == 200


@pytest.mark.parametrize("data", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 500,
                                  b"\x00" * 200, b"SSH-2.0-OpenSSH_9.2\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                                  b"\x04\x01\x00\x50\x7f\x00\x00\x01\x00", b"hello\r\n\r\n", bytes(range(256)) * 4],
                         ids=["TLS", "zeros", "SSH", "HTTP/2", "SOCKS", "hello", "all bytes"])
def test_what_is_not_http(stage, data):
    with RawConnection(stage.papi.address()) as connection:
        connection.send(data)
        said = connection.read_to_end()
        assert said.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 505 ", b"HTTP/1.1 501 ")), said
        assert b'"error":{"message":' in said


# --- slow clients -----------------------------------------------------------------------------------------------------
@pytest.fixture(name="hasty", scope="module")
def fixture_hasty(tmp_path_factory):
    """A gateway without patience."""
    with Stage(tmp_path_factory.mktemp("hasty"), {"good": {}}, limits={
            "header_timeout": "300ms", "body_timeout": "300ms", "idle_timeout": "600ms"}) as stage:
        yield stage
        stage.assert_alive()


def drip_until_answered(connection, data, seconds=20.0):
    """One byte at a time, each well within any gap limit, until the other side speaks."""
    answered = threading.Event()

    def send():
        for byte in data:
            if answered.wait(0.02):
                return
            try:
                connection.send(bytes([byte]))
            except OSError:
                return

    sender = threading.Thread(target=send)
    sender.start()
    try:
        connection.seconds = seconds
        return connection.read_response()
    finally:
        answered.set()
        sender.join()


def test_slow_head(hasty):
    """A head that drips for ever has a deadline in all, not one for each byte."""
    with RawConnection(hasty.papi.address()) as connection:
        head = b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\nx-slow: " + b"s" * 4000
        status, headers, body = drip_until_answered(connection, head)
        assert_error(status, headers, body, 408, "request_timeout", ["header"])
        assert connection.is_closed()


def test_head_that_stops(hasty):
    with RawConnection(hasty.papi.address()) as connection:
        connection.send(b"GET /v1/models HTTP/1.1\r\nhost: local")
        assert_error(*connection.read_response(), 408, "request_timeout")
        assert connection.is_closed()


def test_slow_body(hasty):
    """A byte now and then is no progress."""
    with RawConnection(hasty.papi.address()) as connection:
        connection.send(f"POST {CHAT} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
                        "content-length: 100000\r\n\r\n")
        status, headers, body = drip_until_answered(connection, b" " * 5000)
        assert_error(status, headers, body, 408, "request_timeout", ["body"])
        assert connection.is_closed()


@pytest.mark.parametrize("sent", [b"", b'{"model":'])
def test_body_that_stops(hasty, sent):
    with RawConnection(hasty.papi.address()) as connection:
        connection.send(f"POST {CHAT} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
                        "content-length: 100\r\n\r\n")
        connection.send(sent)
        assert_error(*connection.read_response(), 408, "request_timeout", ["body"])
        assert connection.is_closed()


def test_client_that_says_nothing(hasty):
    """Silence costs a descriptor and nothing else: closed without a word, or with a 408."""
    with RawConnection(hasty.papi.address()) as connection:
        said = connection.read_to_end()
        assert said == b"" or said.startswith(b"HTTP/1.1 408 ")


def test_idle_connection_is_closed(hasty):
    with RawConnection(hasty.papi.address()) as connection:
        connection.send(request_bytes("GET", "/healthz"))
        assert connection.read_response()[0] == 200
        assert connection.read_to_end() == b"", "no 408 on an idle connection: a client may just be sending"


# --- all at once ------------------------------------------------------------------------------------------------------
def test_others_are_not_disturbed(stage):
    """A stream runs while forty others send nonsense; it notices nothing."""
    nonsense = [b"nonsense\r\n\r\n", b"POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n", b"\x00" * 100,
                request_bytes("POST", CHAT, b"{", JSON), request_bytes("POST", CHAT, b"[" * 10_000, JSON),
                request_bytes("POST", CHAT, sized(BODY_MAX + 10), JSON), request_bytes("DELETE", CHAT, b"{}", JSON),
                b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n"]
    with RawConnection(stage.papi.address()) as connection:
        connection.send(request_bytes("POST", CHAT, {"model": "m-drip", "stream": True,
                                                     "messages": [{"role": "user", "content": "x"}]}))
        connection.read_until(b"data: ")
        others = [RawConnection(stage.papi.address()) for _ in range(40)]
        for i, other in enumerate(others):
            try:
                other.send(nonsense[i % len(nonsense)])
            except OSError:
                pass
        rest = connection.read_until(b"0\r\n\r\n")
        for i, other in enumerate(others):
            if i % 2:
                other.reset()
            else:
                other.close()
    assert rest.count(b"data: ") == 11 and b"data: [DONE]" in rest and b"error" not in rest


def test_streamed_requests_get_the_same_errors(stage):
    """stream: true asks for events, but an error before the first is a plain error (wire 1.6)."""
    for more, status in (({"model": "m-god"}, 404), ({"temperature": "hot"}, 400)):
        got = post(stage, with_member(stream=True, **more))
        assert got[0] == status and got[1]["content-type"].startswith("application/json")
        assert sse_events(got[2]) == []


# --- before it runs ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("text, words", [
    ("lisen: 127.0.0.1:0\n", ["papi.yaml:1:1", "lisen", "'listen'"]),
    ("listen: 127.0.0.1:0\nqueue: {max_wiat: 3s}\n", ["papi.yaml:2:9", "max_wiat", "max_wait"]),
    ("providers:\n  a: {type: openai, base_ulr: http://127.0.0.1:1/v1, models: [m]}\n",
     ["papi.yaml:2:21", "base_ulr", "base_url"]),
    ("limits: {body: many}\n", ["papi.yaml:1:16", "limits.body"]),
    ("listen: [\n", ["papi.yaml:"]),
    ("listen: 0.0.0.0:80\n", ["papi.yaml:1:9", "loopback"]),
    ("listen: 127.0.0.1:0\nlisten: 127.0.0.1:1\n", ["papi.yaml:2:1"]),
    ("\tlisten: x\n", ["papi.yaml:1"]),
    ("providers: {a: {type: telepathy, base_url: 'http://127.0.0.1:1', models: [m]}}\n", ["telepathy"]),
])
def test_bad_configuration(tmp_path, text, words):
    """`papi check` and `papi serve` say the same: file, line, column, what, and the nearest name."""
    file = tmp_path / "papi.yaml"
    file.write_text(text)
    for command in (["check", "--config", file], ["serve", "--config", file, "--data", tmp_path / "data"]):
        done = run_papi(*command)
        assert done.returncode == 1, done.stderr
        for word in words:
            assert word in done.stderr, done.stderr
    assert not (tmp_path / "data").exists() or not list((tmp_path / "data").iterdir())


def test_unknown_setting_in_the_environment(tmp_path):
    done = run_papi("check", env={"PAPI_QUEUE_MAX_WAIT": "soon", "HOME": str(tmp_path)})
    assert done.returncode == 1 and "PAPI_QUEUE_MAX_WAIT" in done.stderr, done.stderr


def test_port_taken(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run_papi("serve", "--data", tmp_path / "data", "--listen", address, env={"HOME": str(tmp_path)})
        assert done.returncode == 1
        assert address in done.stderr and "taken" in done.stderr and "--listen" in done.stderr, done.stderr
        done = run_papi("mock", "--listen", address)
        assert done.returncode == 1 and address in done.stderr and "in use" in done.stderr, done.stderr


def test_port_taken_by_another_papi(tmp_path):
    """SO_REUSEPORT between the loops of one process must not let a second process in."""
    with serve(tmp_path / "first", {}) as first:
        address = f"127.0.0.1:{first.port}"
        done = run_papi("serve", "--data", tmp_path / "data", "--listen", address, env={"HOME": str(tmp_path)})
        assert done.returncode == 1 and "taken" in done.stderr, done.stderr
        assert request(first, "GET", "/healthz")[0] == 200


def test_data_folder_taken(tmp_path):
    with serve(tmp_path / "first", {}):
        done = run_papi("serve", "--data", tmp_path / "first" / "data", "--listen", "127.0.0.1:0",
                        env={"HOME": str(tmp_path)})
        assert done.returncode == 1 and "data" in done.stderr, done.stderr


@pytest.mark.parametrize("arguments", [["serve", "--lisen", "x"], ["serve", "--listen"], ["serve", "operand"], ["nothing"],
                                       ["mock", "--seed", "x"], ["serve", "--config=a", "b"]])
def test_bad_usage(arguments):
    done = run_papi(*arguments)
    assert done.returncode == 2 and done.stderr.startswith("papi: ") and done.stdout == "", done


@pytest.mark.parametrize("address", ["0.0.0.0:0", "192.0.2.1:80", "[::]:0", "localhost", "127.0.0.1:99999", "127.0.0.1:x", ":0", ""])
def test_addresses_that_may_not_be_listened_on(tmp_path, address):
    done = run_papi("serve", "--data", tmp_path / "data", "--listen", address, env={"HOME": str(tmp_path)})
    assert done.returncode in (1, 2) and done.stderr.startswith("papi: "), done
