# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 as clients, proxies and attackers use it, byte by byte, against `papi serve`."""

import ctypes
import ctypes.util
import gzip
import json
import socket
import threading
import zlib

import pytest

from papi_process import RawConnection, request, request_bytes, sse_events, wait_for
from stage import GOOD_TEXT, Stage, assert_error

CHAT = "/v1/chat/completions"
BODY_MAX = 1024 * 1024
BODY = {"model": "m-good", "messages": [{"role": "user", "content": "Hello!"}]}
RAW = json.dumps(BODY).encode()
HEAD = f"POST {CHAT} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"


@pytest.fixture(name="stage", scope="module")
def fixture_stage(tmp_path_factory):
    with Stage(tmp_path_factory.mktemp("http"), {"good": {"text": GOOD_TEXT}, "slow": {"text": "slow", "latency_ms": 300},
                                                 "drip": {"text": GOOD_TEXT, "gap_ms": 20}},
               limits={"body": f"{BODY_MAX // 1024}KiB"}) as stage:
        yield stage
        stage.assert_alive()


@pytest.fixture(name="line")
def fixture_line(stage):
    """One connection to the gateway."""
    with RawConnection(stage.papi.address()) as connection:
        yield connection


def text_of(body):
    return json.loads(body)["choices"][0]["message"]["content"]


def check_answer(got, text=GOOD_TEXT):
    status, headers, body = got
    assert status == 200, body
    assert text_of(body) == text
    assert headers["content-length"] == str(len(body)) and "transfer-encoding" not in headers
    for never in ("set-cookie", "server", "content-encoding"):
        assert never not in headers
    return headers


# --- one connection, many requests ------------------------------------------------------------------------------------
def test_keep_alive(line):
    ids = set()
    for _ in range(20):
        headers = check_answer(line.send(request_bytes("POST", CHAT, BODY)).read_response())
        ids.add(headers["x-request-id"])
        assert headers.get("connection", "keep-alive").lower() != "close"
        assert "date" in headers
    assert len(ids) == 20


def test_keep_alive_after_streams_and_errors(line):
    line.send(request_bytes("POST", CHAT, {**BODY, "stream": True}))
    status, headers, body = line.read_response()
    assert status == 200 and headers["transfer-encoding"] == "chunked" and "content-length" not in headers
    assert sse_events(body)[-1] == "[DONE]"
    for path, expected in (("/v1/nothing", 404), ("/healthz", 200)):
        assert line.send(request_bytes("GET", path)).read_response()[0] == expected
    assert line.send(request_bytes("POST", CHAT, b"{", {"content-type": "application/json"})).read_response()[0] == 400
    assert line.send(request_bytes("DELETE", CHAT)).read_response()[0] == 405
    check_answer(line.send(request_bytes("POST", CHAT, BODY)).read_response())


def test_pipelining_in_order(line):
    """Answers come in the order of the questions, however long each takes."""
    asked = ["m-slow", "m-good", "m-slow", "m-nothing", "m-good"]
    line.send(b"".join(request_bytes("POST", CHAT, {**BODY, "model": model}) for model in asked))
    for model in asked:
        status, _, body = line.read_response()
        if model == "m-nothing":
            assert status == 404
        else:
            assert status == 200 and json.loads(body)["model"] == model


def test_pipelining_far_ahead(line):
    """More than the read-ahead holds: backpressure, not loss."""
    count = 300
    sender = threading.Thread(target=lambda: line.send(request_bytes("GET", "/v1/models", headers={"x-pad": "p" * 500}) * count))
    sender.start()
    for _ in range(count):
        assert line.read_response()[0] == 200
    sender.join()


@pytest.mark.parametrize("field, closes", [("close", True), ("Close", True), ("keep-alive", False), ("x, close", True),
                                           ("upgrade", False)])
def test_connection_field(line, field, closes):
    got = line.send(request_bytes("POST", CHAT, BODY, {"connection": field})).read_response()
    headers = check_answer(got)
    assert (headers.get("connection", "").lower() == "close") == closes
    if closes:
        assert line.is_closed()
    else:
        check_answer(line.send(request_bytes("POST", CHAT, BODY)).read_response())


def test_connection_close_ends_a_stream(line):
    line.send(request_bytes("POST", CHAT, {**BODY, "stream": True}, {"connection": "close"}))
    status, headers, body = line.read_response()
    assert status == 200 and headers["connection"].lower() == "close" and sse_events(body)[-1] == "[DONE]"
    assert line.is_closed()


@pytest.mark.parametrize("size", [1, 2, 7, 64])
def test_any_split_of_the_bytes(line, size):
    """The same answer whether bytes come one by one or all at once."""
    data = request_bytes("POST", CHAT, BODY) + request_bytes("GET", "/v1/models")
    for at in range(0, len(data), size):
        line.send(data[at:at + size])
    check_answer(line.read_response())
    assert line.read_response()[0] == 200


# --- bodies -----------------------------------------------------------------------------------------------------------
def chunks(data, size, extension=b""):
    pieces = [data[at:at + size] for at in range(0, len(data), size)]
    return b"".join(b"%x%s\r\n%s\r\n" % (len(piece), extension, piece) for piece in pieces) + b"0\r\n"


@pytest.mark.parametrize("size", [1, 5, 1000])
@pytest.mark.parametrize("extension", [b"", b";a=b", b';a="quoted; text"'], ids=["plain", "extension", "quoted"])
def test_chunked_body(line, size, extension):
    line.send(HEAD.encode() + b"transfer-encoding: chunked\r\n\r\n" + chunks(RAW, size, extension) + b"\r\n")
    check_answer(line.read_response())
    check_answer(line.send(request_bytes("POST", CHAT, BODY)).read_response())


def test_chunked_body_with_trailers(line):
    line.send(HEAD.encode() + b"transfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n" + chunks(RAW, 100) + b"x-sum: 1\r\n\r\n")
    check_answer(line.read_response())


def zstd(data):
    """The system's libzstd, since Python 3.11 has none."""
    library = ctypes.CDLL(ctypes.util.find_library("zstd"))
    library.ZSTD_compressBound.restype = library.ZSTD_compress.restype = ctypes.c_size_t
    library.ZSTD_compressBound.argtypes = [ctypes.c_size_t]
    library.ZSTD_compress.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int]
    out = ctypes.create_string_buffer(library.ZSTD_compressBound(len(data)))
    size = library.ZSTD_compress(out, len(out), data, len(data), 3)
    return out.raw[:size]


def raw_deflate(data):
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


CODINGS = {"gzip": gzip.compress, "x-gzip": gzip.compress, "deflate": zlib.compress, "zstd": zstd, "identity": bytes}


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_coded_body(line, coding, chunked):
    data = CODINGS[coding](RAW)
    head = HEAD.encode() + f"content-encoding: {coding}\r\n".encode()
    if chunked:
        line.send(head + b"transfer-encoding: chunked\r\n\r\n" + chunks(data, 7) + b"\r\n")
    else:
        line.send(head + b"content-length: %d\r\n\r\n" % len(data) + data)
    check_answer(line.read_response())
    check_answer(line.send(request_bytes("POST", CHAT, BODY)).read_response())


def test_raw_deflate_body(stage):
    """Some clients send deflate without its zlib frame."""
    got = request(stage.papi, "POST", CHAT, raw_deflate(RAW), {"content-type": "application/json", "content-encoding": "deflate"})
    check_answer(got)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "zstd"])
def test_decompression_bomb(stage, coding):
    """A few kilobytes that grow beyond the cap: 413, and the memory is not taken."""
    bomb = CODINGS[coding](b" " * (64 * 1024 * 1024) + RAW)
    before = stage.papi.rss_kib()
    got = request(stage.papi, "POST", CHAT, bomb, {"content-type": "application/json", "content-encoding": coding})
    assert_error(*got, 413, "request_too_large")
    assert stage.papi.rss_kib() - before < 48 * 1024


def test_decoded_size_counts(stage):
    body = json.dumps({**BODY, "messages": [{"role": "user", "content": "x" * (BODY_MAX - 1000)}]}).encode()
    fields = {"content-type": "application/json", "content-encoding": "gzip"}
    assert request(stage.papi, "POST", CHAT, gzip.compress(body), fields)[0] == 200
    assert request(stage.papi, "POST", CHAT, gzip.compress(body + b" " * 2000), fields)[0] == 413


@pytest.mark.parametrize("coding, data", [("gzip", gzip.compress(RAW)[:-4]), ("gzip", b"no gzip at all"), ("gzip", b""),
                                          ("deflate", b"\xff\xff\xff"), ("zstd", b"\x28\xb5\x2f\xfd\xff\xff"),
                                          ("gzip", gzip.compress(RAW)[:20]),
                                          ("gzip", gzip.compress(RAW)[:-8] + b"\0\0\0\0" + gzip.compress(RAW)[-4:])],
                         ids=["cut", "plain", "empty", "broken", "broken-zstd", "half", "bad-sum"])
def test_body_that_is_not_as_coded(stage, coding, data):
    status, headers, body = request(stage.papi, "POST", CHAT, data, {"content-type": "application/json", "content-encoding": coding})
    assert_error(status, headers, body, 400, None)


@pytest.mark.parametrize("coding", ["br", "compress", "gzip, gzip", "gzip, br", "nonsense", "gzip;q=1"])
def test_unknown_codings(stage, coding):
    got = request(stage.papi, "POST", CHAT, RAW, {"content-type": "application/json", "content-encoding": coding})
    assert_error(*got, 415, "unsupported_media_type", ["gzip", "zstd"])


# --- Expect -----------------------------------------------------------------------------------------------------------
def test_expect_continue(line):
    line.send(HEAD + f"content-length: {len(RAW)}\r\nexpect: 100-continue\r\n\r\n")
    assert line.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 100 ")
    check_answer(line.send(RAW).read_response())


def test_expect_continue_with_the_body_already_there(line):
    """The 100 may be left out then; the answer may not."""
    line.send(HEAD.encode() + b"content-length: %d\r\nexpect: 100-continue\r\n\r\n" % len(RAW) + RAW)
    got = line.read_response()
    check_answer(line.read_response() if got[0] == 100 else got)


def test_expect_final_answer_at_once(line):
    """Too large is said before the body is asked for."""
    line.send(HEAD + f"content-length: {BODY_MAX + 1}\r\nexpect: 100-continue\r\n\r\n")
    assert_error(*line.read_response(), 413, "request_too_large")


def test_unknown_expectation(line):
    line.send(HEAD + "content-length: 2\r\nexpect: a-miracle\r\n\r\n{}")
    assert_error(*line.read_response(), 417, "expectation_failed")


# --- versions, HEAD, targets ------------------------------------------------------------------------------------------
def test_http_1_0(line):
    line.send(b"POST %s HTTP/1.0\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" %
              (CHAT.encode(), len(RAW), RAW))
    check_answer(line.read_response())
    assert line.is_closed()


def test_http_1_0_keep_alive(line):
    for _ in range(3):
        line.send(b"GET /v1/models HTTP/1.0\r\nhost: localhost\r\nconnection: keep-alive\r\n\r\n")
        status, headers, _ = line.read_response()
        assert status == 200 and headers["connection"].lower() == "keep-alive"


def test_http_1_0_stream(line):
    """No chunks for a client that knows none: the stream ends with the connection."""
    body = json.dumps({**BODY, "stream": True}).encode()
    line.send(b"POST %s HTTP/1.0\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" %
              (CHAT.encode(), len(body), body))
    status, headers, events = line.read_response()
    assert status == 200 and "transfer-encoding" not in headers and "content-length" not in headers
    assert sse_events(events)[-1] == "[DONE]"


def test_http_1_0_without_host(line):
    line.send(b"GET /healthz HTTP/1.0\r\n\r\n")
    assert line.read_response()[0] == 200


@pytest.mark.parametrize("path", ["/", "/api/hello", "/v1/models", "/healthz"])
def test_head(line, path):
    """As GET without its body: length as if."""
    full = line.send(request_bytes("GET", path)).read_response()
    head = line.send(request_bytes("HEAD", path)).read_response(head_only=True)
    assert head[0] == full[0] == 200
    assert head[1]["content-length"] == full[1]["content-length"] == str(len(full[2]))
    assert head[1]["content-type"] == full[1]["content-type"]
    assert line.send(request_bytes("GET", "/healthz")).read_response()[2] == b"ok\n", "nothing of a body was left over"


def test_head_of_an_error_has_no_body(line):
    assert line.send(request_bytes("HEAD", "/v1/nothing")).read_response(head_only=True)[0] == 404
    assert line.send(request_bytes("GET", "/healthz")).read_response()[2] == b"ok\n"


def test_absolute_form(line):
    """The authority of the target wins over Host (RFC 9112 section 3.2.2)."""
    line.send(request_bytes("GET", "http://localhost/v1/models"))
    assert line.read_response()[0] == 200
    line.send(request_bytes("GET", "http://evil.example/v1/models", host="localhost"))
    assert line.read_response()[0] == 403


@pytest.mark.parametrize("path", ["/v1/models?limit=1", "/v1/models?", "/v1/models?a=b?c=/d"])
def test_query_is_not_looked_at(line, path):
    assert line.send(request_bytes("GET", path)).read_response()[0] == 200


def test_chat_with_a_query(stage):
    check_answer(request(stage.papi, "POST", CHAT + "?beta=true&api-version=2024-01-01", BODY))


@pytest.mark.parametrize("method", ["CONNECT", "TRACE", "PROPFIND", "BREW", "M-SEARCH"])
def test_methods_nobody_serves(stage, method):
    target = "localhost:443" if method == "CONNECT" else CHAT
    with RawConnection(stage.papi.address()) as connection:
        connection.send(f"{method} {target} HTTP/1.1\r\nhost: localhost\r\n\r\n")
        status, headers, body = connection.read_response()
        assert status in (400, 405, 501), body
        assert set(json.loads(body)["error"]) == {"message", "type", "param", "code"}
        assert b"host: localhost" not in body and "host" not in headers, "a TRACE that echoes gives cookies away"


def test_options_star(line):
    line.send(b"OPTIONS * HTTP/1.1\r\nhost: localhost\r\n\r\n")
    assert line.read_response()[0] in (200, 204, 400, 404, 405)


def test_upgrade_is_not_taken(line):
    """A WebSocket client gets an ordinary answer, never a 101."""
    line.send(request_bytes("GET", "/v1/responses", headers={"connection": "upgrade", "upgrade": "websocket",
                                                              "sec-websocket-version": "13", "sec-websocket-key": "x" * 22 + "=="}))
    assert line.read_response()[0] in (404, 426)


def test_h2c_upgrade_is_ignored(line):
    line.send(request_bytes("GET", "/v1/models", headers={"connection": "Upgrade, HTTP2-Settings", "upgrade": "h2c",
                                                          "http2-settings": "AAMAAABkAAQAAP__"}))
    assert line.read_response()[0] == 200


# --- smuggling --------------------------------------------------------------------------------------------------------
HIDDEN = "GET /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n"
LONG = "content-length: %d\r\n" % len(RAW)
SMUGGLING = {
    "length and chunked": HEAD + "content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "chunked and length": HEAD + "transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n" + HIDDEN,
    "bare CR before a name": HEAD + "x: y\r\n\rcontent-length: 0\r\n\r\n" + HIDDEN,
    "bare CR in a value": HEAD + "x: y\rz: a\r\n\r\n" + HIDDEN,
    "bare LF after the request line": "GET / HTTP/1.1\nhost: localhost\r\n\r\n" + HIDDEN,
    "bare LF after a field": "GET / HTTP/1.1\r\nhost: localhost\nx: y\r\n\r\n" + HIDDEN,
    "HTTP/0.9": "GET /v1/models\r\n" + HIDDEN,
    "HTTP/0.9 with LF": "GET /v1/models\n" + HIDDEN,
    "differing lengths": HEAD + "content-length: 5\r\ncontent-length: 6\r\n\r\n{\"a\":1}" + HIDDEN,
    "differing lengths in one field": HEAD + "content-length: 5, 6\r\n\r\n{\"a\":1}" + HIDDEN,
    "plus before a length": HEAD + "content-length: +5\r\n\r\nhello" + HIDDEN,
    "minus before a length": HEAD + "content-length: -5\r\n\r\nhello" + HIDDEN,
    "length of 2^64": HEAD + "content-length: 18446744073709551616\r\n\r\nhello" + HIDDEN,
    "length of 2^64 + 5": HEAD + "content-length: 18446744073709551621\r\n\r\nhello" + HIDDEN,
    "hexadecimal length": HEAD + "content-length: 0x5\r\n\r\nhello" + HIDDEN,
    "length with a point": HEAD + "content-length: 5.0\r\n\r\nhello" + HIDDEN,
    "empty length": HEAD + "content-length: \r\n\r\nhello" + HIDDEN,
    "NUL in a value": HEAD + "x: a\0b\r\n\r\n" + HIDDEN,
    "NUL in a name": HEAD + "x\0y: a\r\n\r\n" + HIDDEN,
    "NUL in the target": "GET /v1\0/models HTTP/1.1\r\nhost: localhost\r\n\r\n" + HIDDEN,
    "space before the colon": HEAD + "content-length : 5\r\n\r\nhello" + HIDDEN,
    "tab before the colon": HEAD + "transfer-encoding\t: chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "folded field": HEAD + "x: a\r\n b\r\n\r\n" + HIDDEN,
    "space before the first field": "GET / HTTP/1.1\r\n host: localhost\r\n\r\n" + HIDDEN,
    "field without a name": HEAD + ": x\r\n\r\n" + HIDDEN,
    "field without a colon": HEAD + "content-length\r\n\r\n" + HIDDEN,
    "coding with decoration": HEAD + "transfer-encoding: xchunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "coding twice": HEAD + "transfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "coding that does not end in chunked": HEAD + "transfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n" + HIDDEN,
    "coding with vertical tab": HEAD + "transfer-encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "coding on HTTP/1.0": HEAD.replace("HTTP/1.1", "HTTP/1.0") + "transfer-encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "two hosts": "GET / HTTP/1.1\r\nhost: localhost\r\nhost: other\r\n\r\n" + HIDDEN,
    "no host": "GET / HTTP/1.1\r\n\r\n" + HIDDEN,
    "two spaces in the request line": "GET  / HTTP/1.1\r\nhost: localhost\r\n\r\n" + HIDDEN,
    "space in the target": "GET /a b HTTP/1.1\r\nhost: localhost\r\n\r\n" + HIDDEN,
    "tab in the request line": "GET\t/ HTTP/1.1\r\nhost: localhost\r\n\r\n" + HIDDEN,
    "lower case version": "GET / http/1.1\r\nhost: localhost\r\n\r\n" + HIDDEN,
    "version 1.10": "GET / HTTP/1.10\r\nhost: localhost\r\n\r\n" + HIDDEN,
}


@pytest.mark.parametrize("name", SMUGGLING)
def test_smuggling(stage, name):
    """One error, then the end: what stands behind is never taken for a request."""
    with RawConnection(stage.papi.address()) as connection:
        connection.send(SMUGGLING[name].encode("latin-1"))
        status, headers, body = connection.read_response()
        assert status in (400, 505), body
        assert_error(status, headers, body, status, json.loads(body)["error"]["code"])
        assert headers["connection"].lower() == "close"
        assert connection.read_to_end() == b"", "a second answer"


def test_equal_lengths_are_no_second_opinion(stage):
    """RFC 9110 section 8.6 lets equal repetitions pass or be refused; a smuggled request is never answered."""
    with RawConnection(stage.papi.address()) as connection:
        connection.send((HEAD + LONG + LONG + "\r\n").encode() + RAW)
        status, _, body = connection.read_response()
        assert status in (200, 400), body


@pytest.mark.parametrize("bad", ["5\nhello\r\n0\r\n\r\n", "5 \r\nhello\r\n0\r\n\r\n", "+5\r\nhello\r\n0\r\n\r\n", "0x5\r\nhello\r\n0\r\n\r\n",
                                 "-1\r\n", "10000000000000000\r\nhello", "fffffffffffffffff\r\nhello", "\r\nhello", "g\r\nhello",
                                 "5\r\nhelloX\r\n0\r\n\r\n", "5\r\nhello0\r\n\r\n", "5;a\nb\r\nhello\r\n0\r\n\r\n", "5;a=\x00\r\nhello\r\n0\r\n\r\n",
                                 "0\r\nx: a\nb: c\r\n\r\n", "0\r\ncontent-length : 4\r\n\r\n", "5\rhello\r\n0\r\n\r\n"], ids=repr)
def test_bad_chunks(stage, bad):
    with RawConnection(stage.papi.address()) as connection:
        connection.send((HEAD + "transfer-encoding: chunked\r\n\r\n" + bad + HIDDEN).encode("latin-1"))
        status, headers, body = connection.read_response()
        assert status in (400, 413), body
        assert headers["connection"].lower() == "close"
        assert connection.read_to_end() == b"", "a second answer"


# --- early answers ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("path, status", [("/v1/nothing", 404), ("/v1/models", 405)])
def test_refused_before_the_body(line, path, status):
    """The body of a refused request is read away; the next request is found where it begins."""
    line.send(request_bytes("POST", path, b"x" * 300_000, {"content-type": "application/json"}))
    assert line.read_response()[0] == status
    check_answer(line.send(request_bytes("POST", CHAT, BODY)).read_response())


def test_empty_lines_before_a_request(line):
    """Old clients send a CRLF too much after a body (RFC 9112 section 2.2)."""
    line.send(b"\r\n" + request_bytes("POST", CHAT, BODY) + b"\r\n" + request_bytes("GET", "/healthz"))
    check_answer(line.read_response())
    assert line.read_response()[0] == 200


def test_half_close_after_the_answer(line):
    """A client that says it will send no more still gets what it asked for before."""
    check_answer(line.send(request_bytes("POST", CHAT, BODY)).read_response())
    line.socket.shutdown(socket.SHUT_WR)
    assert line.is_closed()


def test_header_values_come_back_nowhere(stage):
    """Nothing a client sends in its head stands in an answer's head."""
    status, headers, _ = request(stage.papi, "POST", CHAT, BODY, {
        "x-request-id": "chosen-by-client", "x-papi-provider": "fake", "authorization": "Bearer sk-secret",
        "cookie": "a=b", "user-agent": "nobody/1.0"})
    assert status == 200
    for value in headers.values():
        assert "chosen-by-client" not in value and "sk-secret" not in value and "a=b" not in value
    assert headers["x-papi-provider"] == "good"


def test_two_hundred_connections(stage):
    """Opened, used and closed; none is left behind."""
    before = stage.papi.descriptors()
    lines = [RawConnection(stage.papi.address()) for _ in range(200)]
    for line in lines:
        line.send(request_bytes("GET", "/healthz"))
    for line in lines:
        assert line.read_response()[0] == 200
    for line in lines:
        line.close()
    wait_for(lambda: stage.papi.descriptors() <= before, what="connections closed")
