# SPDX-License-Identifier: Apache-2.0
"""Cases 10-15 of the fault list, upstream half: answers whose framing, head or status line is not what HTTP/1.1 allows.
All are refused with 502 after another provider was tried; the few legal oddities are accepted."""

import pytest
from faults import Faulty, answer_with, ask, assert_good, body_text, chunked, end, head_text, outcomes
from papi_process import wait_for

# --- 10, 11: which length ---------------------------------------------------------------------------------------------
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
    "empty": ["content-length:"],
    "space_inside": ["content-length: 1 0"],
    "two_to_the_64": ["content-length: 18446744073709551616"],
    "many_digits": ["content-length: " + "9" * 100],
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
    "longer_word": ["transfer-encoding: xchunked"],
}


@pytest.mark.parametrize("name", LENGTHS)
def test_10_ambiguous_length(hides_or_tells, name):
    hides_or_tells(answer_with(LENGTHS[name]), "bad_answer")


@pytest.mark.parametrize("name", ["length_and_coding", "coding_and_length"])
def test_10_length_and_chunks(hides_or_tells, name):
    """The body really is chunked: neither field may win."""
    def play(connection, streamed):
        body = chunked(body_text(streamed))
        fields = [field.format(length=len(body)) for field in LENGTHS[name]]
        connection.send(head_text(streamed, fields).encode() + body)
    hides_or_tells(play, "bad_answer")


@pytest.mark.parametrize("name", CODINGS)
def test_11_bad_transfer_coding(hides_or_tells, name):
    """The body is chunked, so taking the field for `chunked` would succeed, and show."""
    def play(connection, streamed):
        connection.send(head_text(streamed, CODINGS[name]).encode("latin-1") + chunked(body_text(streamed)))
    hides_or_tells(play, "bad_answer")


def test_11_coding_on_http_1_0(hides_or_tells):
    def play(connection, streamed):
        connection.send(head_text(streamed, ["transfer-encoding: chunked"], "HTTP/1.0 200 OK"))
        connection.send(chunked(body_text(streamed)))
    hides_or_tells(play, "bad_answer")


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("field", ["transfer-encoding:chunked", "Transfer-Encoding: CHUNKED", "transfer-encoding:  chunked "])
def test_11_legal_forms_of_chunked(serves, field, streamed):
    """Case and white space around a value mean nothing (RFC 9110 5.5, RFC 9112 7)."""
    def play(connection, wants_stream):
        connection.send(head_text(wants_stream, [field]).encode() + chunked(body_text(wants_stream)))
    papi, _ = serves(Faulty(play))
    assert_good(ask(papi, stream=streamed))


# --- 12, 13: chunks and trailers --------------------------------------------------------------------------------------
def chunk_line(line, end_of_line=b"\r\n", after=b"\r\n", last=True):
    """play: the first chunk's size line is `line`, with SIZE standing for the right digits."""
    def play(connection, streamed):
        body = body_text(streamed).encode()
        first, rest = body[:40], body[40:]
        data = line.replace(b"SIZE", b"%x" % len(first)) + end_of_line + first + after
        if last:
            data += chunked(rest)
        connection.send(head_text(streamed, ["transfer-encoding: chunked"]).encode() + data)
        if not last:
            end(connection)
    return play


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
}


@pytest.mark.parametrize("name", CHUNK_LINES)
def test_12_bad_chunk_before_token(hides_or_tells, name):
    hides_or_tells(CHUNK_LINES[name], "bad_answer")


def test_12_many_extensions(hides_or_tells):
    """Small extensions on every chunk add up to the same bound."""
    def play(connection, streamed):
        body = body_text(streamed).encode()
        connection.send(head_text(streamed, ["transfer-encoding: chunked"]))
        extension = b"x" * 200
        for byte in body[:100]:
            connection.send(b"1;%s\r\n%c\r\n" % (extension, byte))
        connection.send(chunked(body[100:]))
    hides_or_tells(play, "bad_answer")


def test_12_huge_chunk(hides_or_tells):
    """A size of 2^64 - 1 is a promise; the memory it takes is what came."""
    papi, _ = hides_or_tells(chunk_line(b"f" * 16, last=False), "truncated")
    assert papi.rss_kib() < 1024 * 1024


@pytest.mark.parametrize("streamed", [False, True])
def test_12_legal_extension(serves, streamed):
    papi, _ = serves(Faulty(chunk_line(b"SIZE;name=\"value\"")))
    assert_good(ask(papi, stream=streamed))


def with_trailers(trailers):
    def play(connection, streamed):
        connection.send(head_text(streamed, ["transfer-encoding: chunked"]))
        connection.send(chunked(body_text(streamed), last=False) + b"0\r\n" + trailers + b"\r\n")
    return play


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("trailers", [b"x-checksum: 1\r\n", b"content-length: 5\r\ntransfer-encoding: chunked\r\nx-papi-provider: evil\r\n"],
                         ids=["plain", "forbidden_names"])
def test_13_trailers_are_dropped(serves, trailers, streamed):
    papi, _ = serves(Faulty(with_trailers(trailers)))
    for _ in range(2):
        answer = ask(papi, stream=streamed)
        assert_good(answer)
        assert "x-checksum" not in answer.headers and answer.headers["x-papi-provider"] == "only"


@pytest.mark.parametrize("trailers", [b"x: " + b"y" * 65536 + b"\r\n", b"x: y\r\n" * 5000, b"x : y\r\n", b"x: \x00\r\n", b"x: y\n", b" x: y\r\n"],
                         ids=["long", "many", "space_before_colon", "nul", "bare_lf", "folded"])
def test_13_bad_trailers(hides_or_tells, trailers):
    hides_or_tells(with_trailers(trailers), "bad_answer", streams=(False,))


# --- 14: heads --------------------------------------------------------------------------------------------------------
HEADS = {
    "line_of_1mb": ["x-long: " + "y" * 1024 * 1024],
    "fields_10000": ["x-many: y"] * 10000,
    "nul": ["x-bad: a\x00b"],
    "bare_cr": ["x-bad: a\rb"],
    "bare_lf": ["x-bad: a\nb: c"],
    "control": ["x-bad: a\x01b"],
    "del": ["x-bad: a\x7fb"],
    "folded": ["x-bad: a\r\n b"],
    "folded_first": [" x-bad: a"],
    "space_before_colon": ["x-bad : a"],
    "no_colon": ["x-bad"],
    "empty_name": [": a"],
    "name_with_space": ["x bad: a"],
    "name_with_high_byte": ["x-b\xe4d: a"],
}


@pytest.mark.parametrize("name", HEADS)
def test_14_bad_head(hides_or_tells, name):
    def play(connection, streamed):
        text = body_text(streamed)
        head = head_text(streamed, [*HEADS[name], f"content-length: {len(text)}"])
        connection.send(head.encode("latin-1") + text.encode())
    hides_or_tells(play, "bad_answer")


def test_14_head_without_end(hides_or_tells):
    """Memory for a head that never ends is bounded: the gateway leaves, the upstream cannot go on sending."""
    def play(connection, streamed):
        connection.send("HTTP/1.1 200 OK\r\n")
        while not connection.stopping.is_set():
            connection.send("x-more: " + "y" * 1000 + "\r\n")
    hides_or_tells(play, "bad_answer")


# --- 15: status lines -------------------------------------------------------------------------------------------------
REFUSED_STARTS = {
    "http_2_text": "HTTP/2.0 200 OK", "http_2": "HTTP/2 200 OK", "http_1_2": "HTTP/1.2 200 OK", "http_0_9": "HTTP/0.9 200 OK",
    "status_99": "HTTP/1.1 99 X", "status_1000": "HTTP/1.1 1000 X", "status_600": "HTTP/1.1 600 X", "status_word": "HTTP/1.1 OK",
    "no_status": "HTTP/1.1", "lower_case": "http/1.1 200 OK", "other_protocol": "ICY 200 OK", "two_spaces": "HTTP/1.1  200 OK",
    "tab": "HTTP/1.1\t200 OK", "sign": "HTTP/1.1 +200 OK", "garbage": "\x16\x03\x01\x02", "nul_in_reason": "HTTP/1.1 200 O\x00K",
    "leading_space": " HTTP/1.1 200 OK", "empty_line_first": "\r\nHTTP/1.1 200 OK",
}


@pytest.mark.parametrize("name", REFUSED_STARTS)
def test_15_bad_status_line(hides_or_tells, name):
    hides_or_tells(answer_with(["content-length: {length}"], start=REFUSED_STARTS[name]), "bad_answer")


def test_15_http_0_9(hides_or_tells):
    """A body and nothing else."""
    def play(connection, streamed):
        connection.send("<html>\r\n<body>It works!</body>\r\n</html>\r\n")
        end(connection)
    hides_or_tells(play, "bad_answer")


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("start", ["HTTP/1.1 200 ", "HTTP/1.1 200", "HTTP/1.1 200 Gr\xfc\xdf dich", "HTTP/1.0 200 OK"])
def test_15_legal_status_line(serves, start, streamed):
    def play(connection, wants_stream):
        text = body_text(wants_stream)
        connection.send(head_text(wants_stream, [f"content-length: {len(text)}"], start).encode("latin-1") + text.encode())
    papi, _ = serves(Faulty(play))
    assert_good(ask(papi, stream=streamed))


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("start", ["HTTP/1.0 200 OK", "HTTP/1.1 200 OK"])
def test_15_close_delimited(serves, start, streamed):
    """Legal without any length; the connection is not used again."""
    bad = Faulty(answer_with([], start=start, then=end))
    papi, server = serves(bad)
    for count in (1, 2):
        assert_good(ask(papi, stream=streamed))
        wait_for(lambda count=count: len(bad.closed) == count, what="the end of the close-delimited connection")
        assert server.connections == count
    assert outcomes(papi) == {"ok": 2}


def test_15_close_delimited_cut(hides_or_tells):
    """Without a length only the JSON tells that something is missing."""
    hides_or_tells(answer_with([], body=body_text(False)[:60], start="HTTP/1.0 200 OK", then=end), "bad_answer", streams=(False,))


@pytest.mark.parametrize("status, outcome", [(201, "bad_answer"), (206, "bad_answer"), (301, "bad_answer"), (500, "server_error"),
                                             (503, "overloaded")])
def test_15_other_status(hides_or_tells, status, outcome):
    """Whatever the body says: a chat is answered with 200."""
    hides_or_tells(answer_with(["content-length: {length}", "location: http://127.0.0.1:1/v1"], start=f"HTTP/1.1 {status} X"),
                   outcome, kept=True)


@pytest.mark.parametrize("streamed", [False, True])
def test_14_nothing_of_the_head_is_passed_on(serves, streamed):
    fields = ["set-cookie: a=b", "server: other", "x-secret: yes", "connection: x-secret", "content-length: {length}"]
    papi, _ = serves(Faulty(answer_with(fields)))
    answer = ask(papi, stream=streamed)
    assert_good(answer)
    assert not {"set-cookie", "server", "x-secret"} & set(answer.headers), answer
