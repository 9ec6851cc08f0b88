# SPDX-License-Identifier: Apache-2.0
"""Cases 10-15, 19 and 23 of the fault list, client half: requests that two programs could read differently are answered
with 400 (or 431, 408, 413, 501, 505), the connection ends, nothing is forwarded, and the next client is served."""

import json
import threading
import time

import pytest
from faults import assert_error_form, assert_good, chat_body, chat_request, chunked, read_answer

BODY = json.dumps(chat_body(text="smuggled")).encode()


def head(*fields, start="POST /v1/chat/completions HTTP/1.1", host="host: localhost"):
    lines = [start, *([host] if host else []), "content-type: application/json", *fields]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


def with_body(fields, body=BODY):
    return head(*(field.format(length=len(body)) for field in fields)) + body


def refuse(gateway, data, statuses=(400,), seconds=20.0):
    """`data` is answered once with an error in the API's form, the connection ends, no upstream saw anything of it."""
    before = len(gateway.requests)
    with gateway.send(data, seconds) as connection:
        answer = read_answer(connection)
        assert answer.status in statuses, answer
        if answer.body:
            assert_error_form(answer.json["error"])
        rest = connection.read_to_end()
        assert rest == b"", f"something was said after the error: {rest!r}"
    assert len(gateway.requests) == before, "a refused request reached the upstream"
    return answer


# --- 10, 11 -----------------------------------------------------------------------------------------------------------
LENGTHS = {
    "length_and_coding": ["content-length: {length}", "transfer-encoding: chunked"],
    "coding_and_length": ["transfer-encoding: chunked", "content-length: {length}"],
    "two_different": ["content-length: {length}", "content-length: 5"],
    "two_equal": ["content-length: {length}", "content-length: {length}"],
    "list_equal": ["content-length: {length},{length}"],
    "list_different": ["content-length: {length}, 5"],
    "plus": ["content-length: +{length}"],
    "negative": ["content-length: -1"],
    "hex": ["content-length: 0x10"],
    "fraction": ["content-length: 5.0"],
    "exponent": ["content-length: 1e2"],
    "empty": ["content-length:"],
    "space_inside": ["content-length: 1 0"],
    "two_to_the_64": ["content-length: 18446744073709551616"],
    "many_digits": ["content-length: " + "9" * 100],
    "space_before_colon": ["content-length : {length}"],
}
CODINGS = {
    "unknown": ["transfer-encoding: banana"],
    "gzip": ["transfer-encoding: gzip, chunked"],
    "identity": ["transfer-encoding: identity"],
    "repeated": ["transfer-encoding: chunked, chunked"],
    "two_fields": ["transfer-encoding: chunked", "transfer-encoding: chunked"],
    "identity_then_chunked": ["transfer-encoding: identity", "transfer-encoding: chunked"],
    "not_last": ["transfer-encoding: chunked, gzip"],
    "parameter": ["transfer-encoding: chunked;x=y"],
    "comma": ["transfer-encoding: chunked,"],
    "quoted": ['transfer-encoding: "chunked"'],
    "vertical_tab": ["transfer-encoding: \x0bchunked"],
    "space_before_colon": ["transfer-encoding : chunked"],
    "folded": ["transfer-encoding:\r\n chunked"],
    "longer_word": ["transfer-encoding: xchunked"],
    "empty": ["transfer-encoding:"],
}


@pytest.mark.parametrize("name", LENGTHS)
def test_10_ambiguous_length(shared_gateway, name):
    refuse(shared_gateway, with_body(LENGTHS[name]))
    shared_gateway.assert_undisturbed()


@pytest.mark.parametrize("name", CODINGS)
def test_11_bad_transfer_coding(shared_gateway, name):
    refuse(shared_gateway, head(*CODINGS[name]) + chunked(BODY))
    shared_gateway.assert_undisturbed()


def test_11_coding_on_http_1_0(shared_gateway):
    refuse(shared_gateway, head("transfer-encoding: chunked", start="POST /v1/chat/completions HTTP/1.0") + chunked(BODY))
    shared_gateway.assert_undisturbed()


@pytest.mark.parametrize("field", ["transfer-encoding:chunked", "Transfer-Encoding: CHUNKED", "transfer-encoding:  chunked "])
def test_11_legal_forms_of_chunked(shared_gateway, field):
    """Served, and the request behind it is found where it begins."""
    with shared_gateway.send((head(field) + chunked(BODY[:9], BODY[9:])) * 2) as connection:
        assert_good(read_answer(connection), "smuggled")
        assert_good(read_answer(connection), "smuggled")


@pytest.mark.parametrize("field", ["transfer-encoding:\tchunked", "transfer-encoding: chunked\t", "transfer-encoding:\t chunked \t"])
def test_11_tabs_around_chunked(shared_gateway, field):
    """Legal, though parsers differ: served or refused, but the request behind it is never read out of its body."""
    before = len(shared_gateway.requests)
    with shared_gateway.send(head(field) + chunked(BODY)) as connection:
        answer = read_answer(connection)
        if answer.status == 200:
            assert_good(answer, "smuggled")
            connection.send(head("transfer-encoding: chunked") + chunked(BODY))
            assert_good(read_answer(connection), "smuggled")
        else:
            assert answer.status == 400 and connection.read_to_end() == b""
            assert len(shared_gateway.requests) == before


# --- 12, 13 -----------------------------------------------------------------------------------------------------------
def chunk_line(line, end_of_line=b"\r\n", after=b"\r\n"):
    first, rest = BODY[:20], BODY[20:]
    return line.replace(b"SIZE", b"%x" % len(first)) + end_of_line + first + after + chunked(rest)


CHUNK_LINES = {
    "empty": chunk_line(b""),
    "no_digits": chunk_line(b"xyz"),
    "over_64_bit": chunk_line(b"1" + b"0" * 16),
    "many_zeros": chunk_line(b"0" * 64 + b"SIZE"),
    "hex_prefix": chunk_line(b"0xSIZE"),
    "plus": chunk_line(b"+SIZE"),
    "minus": chunk_line(b"-SIZE"),
    "leading_space": chunk_line(b" SIZE"),
    "trailing_space": chunk_line(b"SIZE "),
    "trailing_tab": chunk_line(b"SIZE\t"),
    "underscore": chunk_line(b"1_0"),
    "one_extension_of_64k": chunk_line(b"SIZE;" + b"x" * 65536),
    "control_in_extension": chunk_line(b"SIZE;a=\x01"),
    "bare_lf": chunk_line(b"SIZE", end_of_line=b"\n"),
    "bare_cr": chunk_line(b"SIZE", end_of_line=b"\r"),
    "lf_in_extension": chunk_line(b"SIZE;x\n"),
    "no_crlf_after_data": chunk_line(b"SIZE", after=b""),
    "lf_after_data": chunk_line(b"SIZE", after=b"\n"),
    "data_longer_than_size": chunk_line(b"SIZE", after=b"more\r\n"),
    "many_extensions": b"".join(b"1;%s\r\n \r\n" % (b"x" * 200) for _ in range(200)) + chunked(BODY),
}


@pytest.mark.parametrize("name", CHUNK_LINES)
def test_12_bad_chunk(shared_gateway, name):
    refuse(shared_gateway, head("transfer-encoding: chunked") + CHUNK_LINES[name])
    shared_gateway.assert_undisturbed()


@pytest.mark.parametrize("size", [b"f" * 16, b"7fffffffffffffff", b"20000000"])
def test_12_huge_chunk(shared_gateway, size):
    """A size beyond the body limit is refused when it is announced, not when that much has come or the client is late."""
    refuse(shared_gateway, head("transfer-encoding: chunked") + size + b"\r\n" + BODY, (400, 413))
    shared_gateway.assert_undisturbed()


@pytest.mark.parametrize("trailers", [b"x-checksum: 1\r\n", b"content-length: 5\r\nhost: evil\r\ntransfer-encoding: chunked\r\n"],
                         ids=["plain", "forbidden_names"])
def test_13_trailers_are_dropped(shared_gateway, trailers):
    before = len(shared_gateway.requests)
    data = head("transfer-encoding: chunked") + chunked(BODY, last=False) + b"0\r\n" + trailers + b"\r\n"
    with shared_gateway.send(data * 2) as connection:
        assert_good(read_answer(connection), "smuggled")
        assert_good(read_answer(connection), "smuggled")
    for headers, _, _ in shared_gateway.requests[before:]:
        assert "x-checksum" not in headers and headers["host"].startswith("127.0.0.1")


TRAILERS = {
    "long": b"x: " + b"y" * 65536 + b"\r\n", "many": b"x: y\r\n" * 5000, "space_before_colon": b"x : y\r\n", "nul": b"x: \x00\r\n",
    "bare_lf": b"x: y\n", "folded": b" x: y\r\n", "no_colon": b"x\r\n",
}


@pytest.mark.parametrize("name", TRAILERS)
def test_13_bad_trailers(shared_gateway, name):
    data = head("transfer-encoding: chunked") + chunked(BODY, last=False) + b"0\r\n" + TRAILERS[name] + b"\r\n"
    refuse(shared_gateway, data, (400, 431))
    shared_gateway.assert_undisturbed()


# --- 14, 15 -----------------------------------------------------------------------------------------------------------
HEADS = {
    "line_of_1mb": ["x-long: " + "y" * 1024 * 1024],
    "fields_10000": ["x-many: y"] * 10000,
    "fields_101": ["x: y"] * 101,
    "nul": ["x-bad: a\x00b"],
    "bare_cr": ["x-bad: a\rb"],
    "bare_cr_before_name": ["x-bad: a\r\rx-hidden: b"],
    "bare_lf": ["x-bad: a\nb: c"],
    "control": ["x-bad: a\x01b"],
    "del": ["x-bad: a\x7fb"],
    "folded": ["x-bad: a\r\n b"],
    "folded_by_tab": ["x-bad: a\r\n\tb"],
    "space_before_colon": ["x-bad : a"],
    "no_colon": ["x-bad"],
    "empty_name": [": a"],
    "name_with_space": ["x bad: a"],
    "name_with_high_byte": ["x-b\xe4d: a"],
    "name_with_nul": ["x-b\x00d: a"],
}


@pytest.mark.parametrize("name", HEADS)
def test_14_bad_head(shared_gateway, name):
    answer = refuse(shared_gateway, with_body([*HEADS[name], "content-length: {length}"]), (400, 431))
    assert (answer.status == 431) == (name in ("line_of_1mb", "fields_10000", "fields_101"))
    shared_gateway.assert_undisturbed()


def test_14_head_never_finished(shared_gateway):
    """The head's own deadline, however busily bytes come."""
    answer = refuse(shared_gateway, head()[:-2], (408,))
    assert answer.json["error"]["code"] == "request_timeout"
    shared_gateway.assert_undisturbed()


def test_14_endless_head(shared_gateway):
    """Answered after the first 32 KiB; what follows is dropped, and not for long."""
    with shared_gateway.send(b"POST / HTTP/1.1\r\n") as connection:
        deadline = time.monotonic() + 20
        try:
            while True:
                connection.send(b"x-more: " + b"y" * 1000 + b"\r\n")
                assert time.monotonic() < deadline, "a head without end is read without end"
        except OSError:
            pass
    shared_gateway.assert_undisturbed()


STARTS = {
    "http_0_9": (b"GET /v1/models\r\n\r\n", (400,)),
    "http_0_9_lf": (b"GET /v1/models\n", (400,)),
    "bare_lf_after_request_line": (b"GET /v1/models HTTP/1.1\nhost: localhost\r\n\r\n", (400,)),
    "all_bare_lf": (b"GET /v1/models HTTP/1.1\nhost: localhost\n\n", (400,)),
    "http_2_preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (400, 505)),
    "http_1_2": (b"GET /v1/models HTTP/1.2\r\nhost: localhost\r\n\r\n", (505,)),
    "http_3": (b"GET /v1/models HTTP/3\r\nhost: localhost\r\n\r\n", (400, 505)),
    "lower_case": (b"GET /v1/models http/1.1\r\nhost: localhost\r\n\r\n", (400,)),
    "two_spaces": (b"GET  /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n", (400,)),
    "tab": (b"GET\t/v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n", (400,)),
    "space_in_target": (b"GET /v1/mo dels HTTP/1.1\r\nhost: localhost\r\n\r\n", (400,)),
    "no_target": (b"GET HTTP/1.1\r\nhost: localhost\r\n\r\n", (400,)),
    "relative_target": (b"GET v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n", (400,)),
    "fragment": (b"GET /v1/models#x HTTP/1.1\r\nhost: localhost\r\n\r\n", (400,)),
    "high_byte": (b"GET /v1/\xff HTTP/1.1\r\nhost: localhost\r\n\r\n", (400,)),
    "nul": (b"GET /v1/\x00 HTTP/1.1\r\nhost: localhost\r\n\r\n", (400,)),
    "bad_method": (b"G=T /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n", (400, 501)),
    "unknown_method": (b"BREW /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n", (405, 501)),
    "tls_hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64 + b"\r\n\r\n", (400,)),
    "answer": (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", (400, 501)),
}


@pytest.mark.parametrize("name", STARTS)
def test_15_bad_request_line(shared_gateway, name):
    data, statuses = STARTS[name]
    refuse(shared_gateway, data, statuses)
    shared_gateway.assert_undisturbed()


# --- 19, 20: slow clients ---------------------------------------------------------------------------------------------
def drip(connection, data):
    """A byte every 20 ms, until the gateway says something."""
    for byte in data:
        connection.send(bytes([byte]))
        try:
            connection.buffer += connection.read_some(0.02)
            return
        except TimeoutError:
            continue
    raise AssertionError("all of it was taken")


def test_19_slow_header(shared_gateway):
    with shared_gateway.send(b"") as connection:
        drip(connection, head("x-slow: " + "y" * 1000))
        answer = read_answer(connection)
        assert answer.status == 408 and answer.json["error"]["code"] == "request_timeout"
        assert connection.read_to_end() == b""
    shared_gateway.assert_undisturbed()


@pytest.mark.parametrize("field, body", [("content-length: 5000", b" " * 5000), ("transfer-encoding: chunked", b"1\r\n \r\n" * 900)])
def test_20_slow_body(shared_gateway, field, body):
    """A byte now and then is no progress."""
    before = len(shared_gateway.requests)
    with shared_gateway.send(head(field)) as connection:
        drip(connection, body)
        answer = read_answer(connection)
    assert answer.status == 408 and answer.json["error"]["code"] == "request_timeout"
    assert len(shared_gateway.requests) == before
    shared_gateway.assert_undisturbed()


def test_20_body_that_stops(shared_gateway):
    assert refuse(shared_gateway, head("content-length: 100") + b"{", (408,)).json["error"]["type"] == "timeout_error"
    shared_gateway.assert_undisturbed()


# --- 23: pipelining ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("streamed", [False, True])
def test_23_pipelined_in_order(shared_gateway, streamed):
    texts = [f"Answer number {i}." for i in range(8)]
    with shared_gateway.send(b"".join(chat_request(text=text, stream=streamed) for text in texts)) as connection:
        for text in texts:
            assert_good(read_answer(connection), text)
    shared_gateway.assert_undisturbed()


def test_23_pipelined_mixed_kinds(shared_gateway):
    models = b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n"
    data = chat_request(text="one", stream=True) + models + chat_request(text="two") + models
    with shared_gateway.send(data) as connection:
        assert_good(read_answer(connection), "one")
        assert read_answer(connection).json["object"] == "list"
        assert_good(read_answer(connection), "two")
        assert read_answer(connection).json["object"] == "list"


def test_23_pipelined_large(shared_gateway):
    """More than is read ahead: the second half waits in the kernel and is not lost."""
    texts = [f"{i}" + "x" * 30000 for i in range(6)]
    sent = threading.Thread(target=lambda: connection.send(b"".join(chat_request(text=text) for text in texts)))
    with shared_gateway.send(b"") as connection:
        sent.start()
        for text in texts:
            assert_good(read_answer(connection), text)
        sent.join(20)


@pytest.mark.parametrize("second", [b"GARBAGE\r\n\r\n", with_body(LENGTHS["length_and_coding"]), head("x bad: a"), b"\x00" * 100 + b"\r\n\r\n"],
                         ids=["garbage", "two_lengths", "bad_name", "nuls"])
def test_23_second_request_malformed(shared_gateway, second):
    """The first is answered as if it were alone; then the refusal, then the end, and nothing behind it is looked at."""
    before = len(shared_gateway.requests)
    data = chat_request(text="first") + second + chat_request(text="third")
    with shared_gateway.send(data) as connection:
        assert_good(read_answer(connection), "first")
        answer = read_answer(connection)
        assert answer.status == 400, answer
        assert_error_form(answer.json["error"])
        assert connection.read_to_end() == b""
    assert len(shared_gateway.requests) == before + 1
    shared_gateway.assert_undisturbed()


@pytest.mark.parametrize("chunked_body", [False, True])
@pytest.mark.parametrize("path, status", [("/v1/nowhere", 404), ("/v1/models", 405)])
def test_23_body_of_the_first_unread(shared_gateway, path, status, chunked_body):
    """The body of a request refused at its head is skipped, not read as the next request."""
    inner = chat_request(text="smuggled")
    start = f"POST {path} HTTP/1.1"
    framing, body = ("transfer-encoding: chunked", chunked(inner)) if chunked_body else (f"content-length: {len(inner)}", inner)
    before = len(shared_gateway.requests)
    with shared_gateway.send(head(framing, start=start) + body + chat_request(text="second")) as connection:
        assert read_answer(connection).status == status
        assert_good(read_answer(connection), "second")
    assert [body["messages"][0]["content"] for _, body, _ in shared_gateway.requests[before:]] == ["second"]


def test_23_body_too_large_then_another(shared_gateway):
    """413 comes after the body was skipped; the connection ends or goes on, but nothing is mixed."""
    large = with_body(["content-length: {length}"], json.dumps(chat_body(text="x" * 100000)).encode())
    with shared_gateway.send(large + chat_request(text="second")) as connection:
        answer = read_answer(connection)
        assert answer.status == 413 and answer.json["error"]["code"] == "request_too_large"
        if not answer.closed:
            assert_good(read_answer(connection), "second")
    shared_gateway.assert_undisturbed()


def test_23_answer_does_not_wait_for_the_next_request(shared_gateway):
    """Half a request behind a whole one holds nothing up."""
    data = chat_request(text="whole")
    with shared_gateway.send(data + data[:30]) as connection:
        assert_good(read_answer(connection), "whole")
        connection.send(data[30:])
        assert_good(read_answer(connection), "whole")
