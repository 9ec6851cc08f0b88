# SPDX-License-Identifier: Apache-2.0
"""Cases 1, 2, 4-7, 16, 19 and 21 of the fault list: upstreams that refuse, break, stall or stop short."""

import json
import socket
import time

import pytest
from faults import (FAILED, GOOD, MODEL, PART, SHORT, Faulty, answer_with, ask, assert_good, assert_refused, begin_stream,
                    body_text, chunked, end, head_text, outcomes, reset, stream_text)
from papi_process import chunk_event, completion, provider

SSE = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def nothing(connection, streamed):
    """Sends nothing more and waits for the gateway to give up."""


# --- 1, 2: no connection ----------------------------------------------------------------------------------------------
def test_01_connection_refused(hides_or_tells, dead_port):
    hides_or_tells(None, "connect_refused", url=f"http://127.0.0.1:{dead_port}/v1", bad=Faulty(nothing))


def test_01_connection_refused_by_all(start_serve, dead_port):
    """The reason is told, each member was tried once, and nobody slept."""
    url = f"http://127.0.0.1:{dead_port}/v1"
    papi = start_serve({"loops": 1, "queue": {"max_wait": "100ms"},
                        "providers": {name: provider(url) for name in ("one", "two", "three")}})
    answer = ask(papi)
    assert_refused(answer, *FAILED)
    assert answer.attempts == 3
    assert "refused the connection" in answer.json["error"]["message"]


def test_01_breaker_counts_refusals(start_serve, upstream, dead_port):
    """A dead member is not asked again while a living one can answer."""
    good = upstream()
    papi = start_serve({"loops": 1, "providers": {
        "dead": provider(f"http://127.0.0.1:{dead_port}/v1"), "good": provider(good.url)}})
    answers = [ask(papi) for _ in range(5)]
    assert [answer.attempts for answer in answers] == [2, 1, 1, 1, 1]
    assert outcomes(papi) == {"ok": 5, "connect_refused": 1}


@pytest.fixture
def black_hole():
    """A port whose SYNs are dropped: its accept queue is full."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    fillers = []
    while True:
        filler = socket.socket()
        filler.settimeout(0.2)
        fillers.append(filler)
        try:
            filler.connect(listener.getsockname())
        except TimeoutError:
            break
        assert len(fillers) < 50
    yield listener.getsockname()[1]
    for filler in fillers:
        filler.close()
    listener.close()


def test_02_connect_black_holed(hides_or_tells, black_hole):
    hides_or_tells(None, "connect_timeout", url=f"http://127.0.0.1:{black_hole}/v1", bad=Faulty(nothing),
                   timeouts={"connect": "150ms"})


# --- 4, 5: reset or end before a token --------------------------------------------------------------------------------
BEFORE_HEADER = {
    "reset_after_request": (lambda c, s: reset(c), True, "reset"),
    "end_after_request": (lambda c, s: end(c), True, "reset"),
    "reset_on_accept": (lambda c, s: reset(c), False, "reset"),
    "end_on_accept": (lambda c, s: c.close(), False, "reset"),
    "end_in_status_line": (lambda c, s: (c.send("HTTP/1.1 20"), end(c)), True, "truncated"),
    "end_in_header": (lambda c, s: (c.send("HTTP/1.1 200 OK\r\ncontent-type: app"), end(c)), True, "truncated"),
    "reset_in_header": (lambda c, s: (c.send("HTTP/1.1 200 OK\r\ncontent-type: app"), reset(c)), True, "reset"),
}


@pytest.mark.parametrize("name", BEFORE_HEADER)
def test_04_reset_before_header(hides_or_tells, name):
    play, read_request, outcome = BEFORE_HEADER[name]
    # A reset may come before the connecting socket was looked at.
    also = () if read_request else ("connect_refused",)
    hides_or_tells(None, outcome, bad=Faulty(play, read_request), also=also)


def heads_only(then, framing):
    def play(connection, streamed):
        connection.send(head_text(streamed, [framing]))
        then(connection)
    return play


AFTER_HEADERS = {
    "reset_chunked": (heads_only(reset, "transfer-encoding: chunked"), "reset"),
    "reset_length": (heads_only(reset, "content-length: 500"), "reset"),
    "end_chunked": (heads_only(end, "transfer-encoding: chunked"), "truncated"),
    "end_length": (heads_only(end, "content-length: 500"), "truncated"),
    "end_until_close": (heads_only(end, "connection: close"), {False: "bad_answer", True: "truncated"}),
    "reset_until_close": (heads_only(reset, "connection: close"), "reset"),
}


@pytest.mark.parametrize("name", AFTER_HEADERS)
def test_05_reset_after_headers(hides_or_tells, name):
    play, outcome = AFTER_HEADERS[name]
    if isinstance(outcome, str):
        hides_or_tells(play, outcome)
        return
    for streamed, label in outcome.items():
        hides_or_tells(play, label, streams=(streamed,))


def role_only(then):
    def play(connection, streamed):
        if streamed:
            connection.send(SSE + chunked(f"data: {json.dumps(chunk_event({'role': 'assistant', 'content': ''}))}\n\n",
                                          last=False).decode())
        else:
            connection.send(head_text(False, ["transfer-encoding: chunked"]) + "1\r\n{\r\n")
        then(connection)
    return play


@pytest.mark.parametrize("then, outcome", [(reset, "reset"), (end, "truncated")])
def test_05_reset_after_role(hides_or_tells, then, outcome):
    """Headers and start-up metadata are no token: the stream is not committed yet."""
    hides_or_tells(role_only(then), outcome)


@pytest.mark.fault(43)
def test_05_reset_while_head_is_held_does_not_leak_the_first_attempt(hides_or_tells):
    """What the failed attempt said about itself (role, id, model) is not in the answer of the next."""
    def play(connection, streamed):
        event = {**chunk_event({"role": "assistant", "content": ""}), "id": "chatcmpl-of-the-bad-one", "model": "bad-model"}
        connection.send(SSE + chunked(f"data: {json.dumps(event)}\n\n", last=False).decode())
        reset(connection)
    papi, bad = hides_or_tells(play, "reset", streams=(True,))
    assert bad.requests and papi


# --- 6: in the middle -------------------------------------------------------------------------------------------------
EVENT = f"data: {json.dumps(chunk_event({'content': 'ü and more'}), ensure_ascii=False)}\n\n".encode()
CUT_IN_CHARACTER = EVENT[:EVENT.index("ü".encode()) + 1]
MIDDLES = {
    "between_events": b"",
    "in_chunk_size": b"1",
    "in_chunk": b"%x\r\n%s" % (len(EVENT), EVENT[:20]),
    "in_event": b"%x\r\n%s\r\n" % (20, EVENT[:20]),
    "in_character": b"%x\r\n%s\r\n" % (len(CUT_IN_CHARACTER), CUT_IN_CHARACTER),
    "in_last_line_end": b"%x\r\n%s" % (len(EVENT), EVENT),
}


@pytest.mark.parametrize("then, outcome", [(reset, "reset"), (end, "truncated")])
@pytest.mark.parametrize("name", MIDDLES)
def test_06_broken_after_token(breaks_after_token, name, then, outcome):
    def play(connection):
        begin_stream(connection)
        connection.send(MIDDLES[name])
        then(connection)
    text = PART + ("ü and more" if name == "in_last_line_end" else "")
    breaks_after_token(play, outcome, text=text)


@pytest.mark.parametrize("name", [name for name in MIDDLES if name not in ("between_events", "in_last_line_end")])
@pytest.mark.parametrize("then, outcome", [(reset, "reset"), (end, "truncated")])
def test_06_broken_before_token(hides_or_tells, name, then, outcome):
    def play(connection, streamed):
        connection.send(SSE)
        connection.send(MIDDLES[name])
        then(connection)
    hides_or_tells(play, outcome, streams=(True,))


@pytest.mark.parametrize("then, outcome", [(reset, "reset"), (end, "truncated")])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_06_broken_inside_whole_answer(hides_or_tells, share, then, outcome):
    def play(connection, streamed):
        body = json.dumps(completion("Grüße aus der Mitte."), ensure_ascii=False).encode()
        part = body[:int(len(body) * share)]
        connection.send(head_text(False, ["transfer-encoding: chunked"]).encode() + b"%x\r\n" % len(body) + part)
        then(connection)
    hides_or_tells(play, outcome, streams=(False,))


def test_06_broken_after_finish_reason(breaks_after_token):
    """A finish reason without the end of the transfer is no end: the upstream may have been about to say more."""
    def play(connection):
        begin_stream(connection)
        connection.event(chunk_event({}, MODEL, "stop"))
        reset(connection)
    breaks_after_token(play, "reset")


# --- 7: truncated -----------------------------------------------------------------------------------------------------
def whole_length_too_long(connection, streamed):
    """The JSON is complete and says stop, only the length says that something is missing."""
    text = body_text(False)
    connection.send(head_text(False, [f"content-length: {len(text) + 1}"]) + text)
    end(connection)


def no_last_chunk(tail):
    def play(connection, streamed):
        connection.send(head_text(False, ["transfer-encoding: chunked"]))
        connection.send(chunked(body_text(False), last=False) + tail)
        end(connection)
    return play


@pytest.mark.parametrize("play", [whole_length_too_long, no_last_chunk(b""), no_last_chunk(b"0"), no_last_chunk(b"0\r\n"),
                                  no_last_chunk(b"0\r\n\r"), no_last_chunk(b"0\r\nTrailer: x\r\n")],
                         ids=["length", "no_last_chunk", "last_chunk_size", "no_final_crlf", "half_final_crlf", "in_trailer"])
def test_07_truncated_whole_answer(hides_or_tells, play):
    hides_or_tells(play, "truncated", streams=(False,))


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_07_truncated_stream(breaks_after_token, framing):
    """All text and a finish reason came, but neither the end mark nor the end of the transfer."""
    text = stream_text().replace("data: [DONE]\n\n", "")

    def play(connection):
        if framing == "length":
            connection.send(head_text(True, [f"content-length: {len(text) + 20}"]) + text)
        else:
            connection.send(SSE.encode() + chunked(text, last=False))
        end(connection)
    breaks_after_token(play, "truncated", text=GOOD)


@pytest.mark.parametrize("tail", [b"", b"0\r\n"])
def test_07_end_mark_without_last_chunk(serves, tail):
    """After the end mark the answer is whole; the connection is not used again."""
    def play(connection, streamed):
        connection.send(SSE.encode() + chunked(stream_text(), last=False) + tail)
        end(connection)
    bad = Faulty(play)
    papi, server = serves(bad)
    for count in (1, 2):
        assert_good(ask(papi, stream=True))
        assert server.connections == count
    bad.wait_all_closed()


# --- 16: interim answers ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("interim", [["100 Continue"], ["103 Early Hints\r\nlink: </x>; rel=preload"],
                                     ["100 Continue", "102 Processing", "103 Early Hints", "100 Continue"]])
def test_16_interim_answers_are_swallowed(serves, interim, streamed):
    def play(connection, wants_stream):
        for line in interim:
            connection.send(f"HTTP/1.1 {line}\r\n\r\n")
        answer_with(["content-length: {length}"])(connection, wants_stream)
    papi, _ = serves(Faulty(play))
    answer = ask(papi, stream=streamed)
    assert_good(answer)
    assert "link" not in answer.headers


def test_16_interim_then_silence(hides_or_tells):
    hides_or_tells(lambda c, s: c.send("HTTP/1.1 100 Continue\r\n\r\n"), "first_byte_timeout",
                   timeouts={"first_token": SHORT, "first_byte": SHORT})


def test_16_unasked_upgrade(hides_or_tells):
    hides_or_tells(lambda c, s: c.send("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
                   "bad_answer")


def test_16_endless_interim_answers(hides_or_tells):
    def play(connection, streamed):
        while not connection.stopping.is_set():
            connection.send("HTTP/1.1 103 Early Hints\r\n\r\n" * 50)
    hides_or_tells(play, "bad_answer")


# --- 19, 21: slow and silent ------------------------------------------------------------------------------------------
QUICK = {"first_token": SHORT, "first_byte": SHORT, "gap": SHORT}


def drip(connection, data, seconds=0.05):
    """A byte at a time, until the gateway has had enough."""
    pause = connection.stopping
    for byte in data:
        connection.send(bytes([byte]))
        pause.wait(seconds)


def test_19_slow_header(hides_or_tells):
    hides_or_tells(lambda c, s: drip(c, b"HTTP/1.1 200 OK\r\nx-slow: " + b"y" * 1000), "first_byte_timeout", timeouts=QUICK)


def test_21_silent(hides_or_tells):
    hides_or_tells(nothing, "first_byte_timeout", timeouts=QUICK)


def test_21_silent_without_reading(hides_or_tells):
    hides_or_tells(None, "first_byte_timeout", bad=Faulty(nothing, read_request=False), timeouts=QUICK)


def test_21_silent_after_headers(hides_or_tells):
    hides_or_tells(lambda c, s: c.send(head_text(s, ["transfer-encoding: chunked"])), "first_byte_timeout", timeouts=QUICK)


def test_21_silent_inside_whole_answer(hides_or_tells):
    """Once a body flows, silence in it is limited by the gap."""
    def play(connection, streamed):
        connection.send(head_text(False, ["content-length: 500"]) + '{"id":')
    hides_or_tells(play, "stalled", streams=(False,), timeouts={"gap": SHORT})


def comments(connection, text, seconds=0.02):
    while not connection.stopping.is_set():
        connection.chunk(f": {text}\n\n")
        connection.stopping.wait(seconds)


@pytest.mark.parametrize("length", [4, 500])
def test_21_comments_hide_no_dead_stream_before_the_first_token(hides_or_tells, length):
    def play(connection, streamed):
        connection.stream_head()
        comments(connection, "x" * length)
    hides_or_tells(play, "first_byte_timeout", streams=(True,), timeouts=QUICK)


@pytest.mark.parametrize("length", [4, 500])
def test_21_comments_hide_no_dead_stream_after_a_token(breaks_after_token, length):
    """A ping is no progress, however long its text is."""
    def play(connection):
        begin_stream(connection)
        comments(connection, "x" * length)
    breaks_after_token(play, "stalled", timeouts={"gap": SHORT})


def test_21_silent_between_events(breaks_after_token):
    breaks_after_token(begin_stream, "stalled", timeouts={"gap": SHORT})


def test_21_slow_but_alive(serves):
    """Gaps are limited, not the whole: this answer takes four times the gap and the first-token time."""
    def play(connection, streamed):
        begin_stream(connection, "Slow ")
        for _ in range(8):
            connection.stopping.wait(0.2)
            connection.event(chunk_event({"content": "."}))
        connection.event(chunk_event({}, MODEL, "stop"))
        connection.event("[DONE]")
        connection.end_chunks()
    papi, _ = serves(Faulty(play), timeouts=QUICK)
    assert_good(ask(papi, stream=True), "Slow " + "." * 8)
