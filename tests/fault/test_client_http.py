# SPDX-License-Identifier: Apache-2.0
"""Cases 24, 25 and 28 of the fault list: old and odd clients, headers that belong to one hop, bodies that cannot be."""

import json

import pytest
from faults import Gateway, assert_error_form, assert_good, chat_body, chat_request, chunked, read_answer
from papi_process import request_bytes

LIMIT = 64 * 1024
BODY = json.dumps(chat_body(text="hello")).encode()
STREAM_BODY = json.dumps(chat_body(stream=True, text="hello")).encode()


def post(body, *fields, start="POST /v1/chat/completions HTTP/1.1", host="host: localhost"):
    lines = [start, *([host] if host else []), "content-type: application/json", f"content-length: {len(body)}", *fields]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


# --- 24: old and odd requests -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("body, host", [(BODY, "host: localhost"), (BODY, None), (STREAM_BODY, "host: localhost")])
def test_24_http_1_0_client(shared_gateway, body, host):
    """No chunks for a client that cannot know them, and the connection ends."""
    with shared_gateway.send(post(body, start="POST /v1/chat/completions HTTP/1.0", host=host)) as connection:
        status, headers, content = connection.read_response()
        assert status == 200 and "transfer-encoding" not in headers
        assert connection.is_closed()
    assert b"hello" in content
    if body is STREAM_BODY:
        assert content.endswith(b"data: [DONE]\n\n")


def test_24_http_1_0_keep_alive(shared_gateway):
    data = post(BODY, "connection: keep-alive", start="POST /v1/chat/completions HTTP/1.0")
    with shared_gateway.send(data) as connection:
        for again in (True, False):
            status, headers, _ = connection.read_response()
            assert status == 200 and headers["connection"] == "keep-alive" and "content-length" in headers
            if again:
                connection.send(data)


@pytest.mark.parametrize("body", [BODY, STREAM_BODY])
@pytest.mark.parametrize("field", ["connection: close", "Connection: Keep-Alive, Close"])
def test_24_connection_close(shared_gateway, field, body):
    with shared_gateway.send(post(body, field)) as connection:
        answer = read_answer(connection)
        assert_good(answer, "hello")
        assert answer.headers["connection"].lower() == "close" and answer.closed


@pytest.mark.parametrize("fields, host", [([], None), (["host: localhost"], "host: localhost"), (["host: evil"], "host: localhost"),
                                          ([], "host: a b"), ([], "host: localhost, evil"), ([], "host: user@localhost"),
                                          ([], "host: localhost/"), ([], "host: localhost:80x")],
                         ids=["missing", "two_equal", "two", "space", "list", "user", "path", "port"])
def test_24_bad_host(shared_gateway, fields, host):
    before = len(shared_gateway.requests)
    with shared_gateway.send(post(BODY, *fields, host=host)) as connection:
        answer = read_answer(connection)
        assert answer.status == 400, answer
        assert_error_form(answer.json["error"])
        assert connection.is_closed()
    assert len(shared_gateway.requests) == before


def test_24_foreign_host(shared_gateway):
    """A name that a web page could have rebound to this machine."""
    before = len(shared_gateway.requests)
    with shared_gateway.send(post(BODY, host="host: evil.example")) as connection:
        answer = read_answer(connection)
    assert answer.status == 403 and "hosts" in answer.json["error"]["message"]
    assert len(shared_gateway.requests) == before


def test_24_absolute_form(shared_gateway):
    """Its authority counts, whatever Host says (RFC 9112 3.2.2)."""
    start = "POST http://localhost:80/v1/chat/completions HTTP/1.1"
    with shared_gateway.send(post(BODY, start=start)) as connection:
        assert_good(read_answer(connection), "hello")
    start = "POST http://evil.example/v1/chat/completions HTTP/1.1"
    with shared_gateway.send(post(BODY, start=start)) as connection:
        assert read_answer(connection).status == 403


ODD = {
    "asterisk_options": ("OPTIONS * HTTP/1.1", (200, 204, 404)),
    "asterisk_get": ("GET * HTTP/1.1", (400,)),
    "asterisk_post": ("POST * HTTP/1.1", (400,)),
    "connect": ("CONNECT localhost:80 HTTP/1.1", (400, 405, 501)),
    "connect_path": ("CONNECT /v1/models HTTP/1.1", (400, 405, 501)),
    "trace": ("TRACE /v1/chat/completions HTTP/1.1", (405, 501)),
    "trace_root": ("TRACE / HTTP/1.1", (405, 501)),
    "put": ("PUT /v1/chat/completions HTTP/1.1", (405,)),
    "delete": ("DELETE /v1/models HTTP/1.1", (405,)),
    "patch": ("PATCH /v1/models HTTP/1.1", (405, 501)),
    "other_scheme": ("GET ftp://localhost/v1/models HTTP/1.1", (400,)),
}


@pytest.mark.parametrize("name", ODD)
def test_24_odd_methods_and_targets(shared_gateway, name):
    """Answered here, forwarded nowhere; a secret in the request is not echoed."""
    start, statuses = ODD[name]
    before = len(shared_gateway.requests)
    with shared_gateway.send(f"{start}\r\nhost: localhost\r\nauthorization: Bearer my-secret\r\n\r\n") as connection:
        answer = read_answer(connection)
    assert answer.status in statuses, answer
    assert b"my-secret" not in answer.body
    if answer.status == 405:
        assert answer.headers["allow"] and answer.json["error"]["code"] == "method_not_allowed"
    assert len(shared_gateway.requests) == before
    shared_gateway.assert_undisturbed()


# --- 25: hop by hop ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("connection_field", ["authorization", "authorization, content-type, host", "close, authorization", "content-length",
                                              "x-request-id, x-papi-hop"])
def test_25_header_stripping_trick(shared_gateway, connection_field):
    """What a client calls hop-by-hop changes nothing: the gateway writes its own request, with its own key."""
    fields = (f"connection: {connection_field}", "authorization: Bearer key-of-the-client", "x-api-key: key-of-the-client",
              "proxy-authorization: Basic abc", "te: trailers", "trailer: x", "upgrade: h2c", "keep-alive: timeout=1", "cookie: a=b",
              "x-secret: s", "openai-organization: org", "x-stainless-retry-count: 0")
    before = len(shared_gateway.requests)
    with shared_gateway.send(post(BODY, *fields)) as connection:
        assert_good(read_answer(connection), "hello")
    headers, _, raw = shared_gateway.requests[before]
    assert headers["authorization"] == "Bearer key-of-the-gateway"
    assert headers["content-type"] == "application/json" and headers["host"].startswith("127.0.0.1:")
    assert int(headers["content-length"]) == len(raw)
    assert not {"proxy-authorization", "te", "trailer", "upgrade", "keep-alive", "cookie", "x-secret", "x-api-key", "openai-organization",
                "x-stainless-retry-count"} & set(headers), headers
    assert "key-of-the-client" not in json.dumps(headers)


def test_25_expect_continue(shared_gateway):
    """The interim answer comes before the body is sent, then the answer."""
    data = post(BODY, "expect: 100-continue")
    with shared_gateway.send(data[:-len(BODY)]) as connection:
        assert connection.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 100 ")
        connection.send(BODY)
        assert_good(read_answer(connection), "hello")


def test_25_expect_continue_with_the_body(shared_gateway):
    """A client that does not wait gets its answer too, with or without the interim one."""
    with shared_gateway.send(post(BODY, "expect: 100-continue")) as connection:
        status, headers, content = connection.read_response()
        if status == 100:
            status, headers, content = connection.read_response()
        assert status == 200 and b"hello" in content and headers


@pytest.mark.parametrize("start, status", [("POST /v1/nowhere HTTP/1.1", 404), ("PUT /v1/chat/completions HTTP/1.1", 405)])
def test_25_expect_continue_refused(shared_gateway, start, status):
    """A final answer at once, or the interim one and then, with the body there, the final one. Never neither."""
    with shared_gateway.send(post(BODY, "expect: 100-continue", start=start)[:-len(BODY)]) as connection:
        answer = read_answer(connection)
        if answer.status == 100:
            connection.send(BODY)
            answer = read_answer(connection)
        assert answer.status == status, answer
    shared_gateway.assert_undisturbed()


def test_25_expect_continue_too_large(shared_gateway):
    data = post(b"x" * (LIMIT + 1), "expect: 100-continue")
    with shared_gateway.send(data[:-LIMIT - 1]) as connection:
        answer = read_answer(connection)
        assert answer.status == 413, answer
        assert connection.is_closed()


@pytest.mark.parametrize("value", ["banana", "100-continue, banana", "100-continuex", "200-ok"])
def test_25_unknown_expectation(shared_gateway, value):
    before = len(shared_gateway.requests)
    with shared_gateway.send(post(BODY, f"expect: {value}")) as connection:
        answer = read_answer(connection)
        assert answer.status == 417 and answer.json["error"]["code"] == "expectation_failed", answer
    assert len(shared_gateway.requests) == before


# --- 28: bodies -------------------------------------------------------------------------------------------------------
def fails(gateway, body, status=400, code=None, words=()):
    """Answered with an error that says where; the connection serves the next request."""
    before = len(gateway.requests)
    with gateway.send(post(body)) as connection:
        answer = read_answer(connection)
        assert answer.status == status, answer
        assert_error_form(answer.json["error"])
        assert answer.json["error"]["code"] == code, answer
        for word in words:
            assert word in answer.json["error"]["message"], answer
        if not answer.closed:
            connection.send(chat_request(text="next"))
            assert_good(read_answer(connection), "next")
            before += 1
    assert len(gateway.requests) == before
    return answer


def message(content):
    """A chat request whose message content is these JSON bytes."""
    return b'{"model":"test-model","messages":[{"role":"user","content":' + content + b"}]}"


@pytest.mark.parametrize("in_chunks", [False, True])
@pytest.mark.parametrize("over", [1, 3 * 1024 * 1024])
def test_28_body_larger_than_limit(shared_gateway, in_chunks, over):
    body = message(b'"' + b"x" * (LIMIT + over) + b'"')
    data = post(body)
    if in_chunks:
        data = post(b"", "transfer-encoding: chunked").replace(b"content-length: 0\r\n", b"")
        data += chunked(*(body[i:i + 8000] for i in range(0, len(body), 8000)))
    with shared_gateway.send(data) as connection:
        answer = read_answer(connection)
        assert answer.status == 413 and answer.json["error"]["code"] == "request_too_large", answer
    shared_gateway.assert_undisturbed()


def test_28_body_at_the_limit(shared_gateway):
    body = message(b'"' + b"x" * (LIMIT - len(message(b'""'))) + b'"')
    assert len(body) == LIMIT
    with shared_gateway.send(post(body)) as connection:
        assert read_answer(connection).status == 200


INVALID = {
    "empty": b"", "space": b"  ", "word": b"hello", "cut": BODY[:-5], "cut_in_string": BODY[:60], "trailing": BODY + b"}",
    "two_values": BODY + BODY, "single_quotes": BODY.replace(b'"', b"'"), "trailing_comma": BODY[:-1] + b",}", "comment": b"/* */" + BODY,
    "nan": BODY[:-1] + b',"temperature":NaN}', "leading_zero": BODY[:-1] + b',"seed":01}', "plus": BODY[:-1] + b',"seed":+1}',
    "bom": b"\xef\xbb\xbf" + BODY, "utf_16": BODY.decode().encode("utf-16"), "raw_control": message(b'"a\nb"'), "raw_nul": message(b'"a\x00b"'),
    "bad_escape": message(b'"\\x41"'), "half_escape": message(b'"\\u12"'), "invalid_utf8": message(b'"\xff"'),
    "overlong": message(b'"\xc0\xaf"'), "utf8_surrogate": message(b'"\xed\xa0\x80"'), "beyond_unicode": message(b'"\xf4\x90\x80\x80"'),
    "cut_utf8": message(b'"\xe2\x82"'),
}


@pytest.mark.parametrize("name", INVALID)
def test_28_invalid_json(shared_gateway, name):
    fails(shared_gateway, INVALID[name])


def test_28_position_is_named(shared_gateway):
    assert any(digit in fails(shared_gateway, BODY[:40] + b"!" + BODY[40:]).json["error"]["message"] for digit in "0123456789")


@pytest.mark.parametrize("body", [b"[" * 30000, b'{"a":' * 12000, b"[" * 30000 + b"]" * 30000,
                                  BODY[:-1] + b',"metadata":' + b"[" * 30000 + b"]" * 30000 + b"}",
                                  message(b"[" * 30000 + b"]" * 30000)],
                         ids=["open_arrays", "open_objects", "arrays", "unknown_member", "content"])
def test_28_deep_nesting(shared_gateway, body):
    fails(shared_gateway, body)


def test_28_deep_nesting_100000(tmp_path):
    with Gateway(tmp_path, body="4MiB") as gateway:
        for body in (b"[" * 100000 + b"]" * 100000, b'{"messages":' * 100000,
                     BODY[:-1] + b',"metadata":' + b'{"a":' * 100000 + b"1" + b"}" * 100000 + b"}"):
            fails(gateway, body)


@pytest.mark.parametrize("name", ["model", "messages", "stream", "max_tokens", "temperature", "tools"])
def test_28_duplicate_member(shared_gateway, name):
    """Two programs could read it differently."""
    values = {"model": b'"test-model"', "messages": b'[{"role":"user","content":"x"}]', "stream": b"false", "max_tokens": b"5",
              "temperature": b"1", "tools": b"null"}
    member = b'"' + name.encode() + b'":' + values[name]
    rest = b",".join(b'"' + other.encode() + b'":' + value for other, value in values.items() if other not in (name, "tools"))
    fails(shared_gateway, b"{" + member + b"," + rest + b"," + member + b"}", words=(name,))


def test_28_duplicate_member_under_another_spelling(shared_gateway):
    """An escape in a name hides nothing."""
    fails(shared_gateway, BODY[:-1] + b',"mod\\u0065l":"other"}')


def test_28_duplicate_member_in_a_message(shared_gateway):
    fails(shared_gateway, b'{"model":"test-model","messages":[{"role":"user","content":"a","content":"b"}]}')


@pytest.mark.parametrize("content", [b'"a\\u0000b"', b'"lone \\ud800 high"', b'"lone \\udc00 low"', b'"pair \\ud83d\\ude00"', b'"\\u2028\\u2029"',
                                     '"grüße 😀"'.encode(), b'"tab\\t slash\\/ quote\\""', b'"' + b"\\u0041" * 2000 + b'"'],
                         ids=["nul", "lone_high", "lone_low", "pair", "separators", "utf8", "escapes", "many"])
def test_28_strings_go_through_as_the_same_bytes(shared_gateway, content):
    before = len(shared_gateway.requests)
    with shared_gateway.send(post(message(content))) as connection:
        answer = read_answer(connection)
        assert answer.status == 200, answer
    assert content in shared_gateway.requests[before][2]
    assert answer.text == json.loads(content), "the answer's text is another one"
    answer.body.decode("utf-8")


@pytest.mark.parametrize("number", [b"9007199254740993", b"-9223372036854775808", b"9223372036854775807"])
def test_28_64_bit_numbers(shared_gateway, number):
    """No digit is lost on the way."""
    before = len(shared_gateway.requests)
    with shared_gateway.send(post(BODY[:-1] + b',"seed":' + number + b"}")) as connection:
        assert read_answer(connection).status == 200
    assert b'"seed":' + number in shared_gateway.requests[before][2].replace(b" ", b"")


def test_28_numbers_keep_their_form(shared_gateway):
    before = len(shared_gateway.requests)
    with shared_gateway.send(post(BODY[:-1] + b',"temperature":0.70000000000000000001}')) as connection:
        assert read_answer(connection).status == 200
    assert b"0.70000000000000000001" in shared_gateway.requests[before][2]


def test_28_request_of_another_kind(shared_gateway):
    """A form post needs no preflight, so it is not taken."""
    data = request_bytes("POST", "/v1/chat/completions", BODY, {"content-type": "text/plain"})
    with shared_gateway.send(data) as connection:
        assert read_answer(connection).status == 415
