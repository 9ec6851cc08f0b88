# SPDX-License-Identifier: Apache-2.0
"""Cases 8, 9, 17, 18 and 22 of the fault list: connections to upstreams that may or may not be used again: surplus bytes,
answers without a body, answers before the request was sent, half-closes, and the keep-alive race."""

import json
import threading
import time

import pytest
from faults import (FAILED, GOOD, Faulty, answer_with, ask, assert_good, assert_refused, body_text, chat_request, chunked,
                    end, head_text, outcomes, read_answer, reset)
from papi_process import RawConnection, completion, provider, wait_for

# --- 8, 9: too many bytes, and none -----------------------------------------------------------------------------------
EVIL = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
EVIL = EVIL.format(body=json.dumps(completion("Evil.")), length=len(json.dumps(completion("Evil."))))


def more_than_length(connection, streamed):
    text = body_text(streamed)
    connection.send(head_text(streamed, [f"content-length: {len(text)}"]) + text + EVIL)


def more_after_last_chunk(connection, streamed):
    connection.send(head_text(streamed, ["transfer-encoding: chunked"]).encode() + chunked(body_text(streamed)) + EVIL.encode())


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("play", [more_than_length, more_after_last_chunk])
def test_08_surplus_is_never_the_next_answer(serves, play, streamed):
    bad = Faulty(play)
    papi, server = serves(bad)
    for count in (1, 2, 3):
        assert_good(ask(papi, stream=streamed))
        wait_for(lambda count=count: len(bad.closed) == count, what="the end of the connection with surplus bytes")
        assert server.connections == count
    assert outcomes(papi) == {"ok": 3}


def test_08_surplus_on_a_resting_connection(serves):
    rested = threading.Event()

    def play(connection, streamed):
        connection.respond(200, completion(GOOD))
        rested.wait(10)
        connection.send(EVIL)
    bad = Faulty(play)
    papi, server = serves(bad)
    assert_good(ask(papi))
    rested.set()
    wait_for(lambda: len(bad.closed) == 1, what="the end of the connection that spoke unasked")
    assert_good(ask(papi))
    assert server.connections == 2


@pytest.mark.parametrize("status", [204, 304])
@pytest.mark.parametrize("fields", ["content-length: 500", "transfer-encoding: chunked"])
def test_09_no_body_is_awaited(hides_or_tells, status, fields):
    """204 and 304 have no body whatever they announce; as answers to a chat they are failures, known at once."""
    def play(connection, streamed):
        connection.send(f"HTTP/1.1 {status} X\r\n{fields}\r\n\r\n")
    started = time.monotonic()
    hides_or_tells(play, "bad_answer", kept=True)
    assert time.monotonic() - started < 20


@pytest.mark.parametrize("status", [204, 304])
def test_08_body_after_no_content(hides_or_tells, status):
    def play(connection, streamed):
        connection.send(f"HTTP/1.1 {status} X\r\ncontent-length: {len(EVIL)}\r\n\r\n{EVIL}")
    hides_or_tells(play, "bad_answer")


# --- 17: an answer before the request is sent -------------------------------------------------------------------------
BIG = "x" * (24 * 1024 * 1024)


def early(answer, after):
    """Reads the head only, answers, then does what `after` says; notes how much of the body came. It reads on only when the
    answer has reached the client: else a fast reader may take the whole body before the gateway sees the answer."""
    def script(connection):
        head = connection.read_until(b"\r\n\r\n").decode()
        script.length = int(head.lower().split("content-length:")[1].split()[0])
        script.came = len(connection.buffer)
        connection.send(answer)
        if after == "close":
            return
        assert script.answered.wait(30), "the answer did not reach the client"
        while True:
            data = connection.read_some()
            if not data:
                break
            script.came += len(data)
        script.ended = True
    script.ended = False
    script.answered = threading.Event()
    return script


@pytest.mark.parametrize("after", ["keep_reading", "close"])
def test_17_answer_before_the_request_is_sent(start_serve, upstream, after):
    body = json.dumps(completion(GOOD))
    script = early(head_text(False, [f"content-length: {len(body)}"]) + body, after)
    server = upstream(script)
    papi = start_serve({"loops": 1, "providers": {"only": provider(server.url)}})
    with RawConnection(papi.address(), 60) as connection:
        connection.send(chat_request(text=BIG))
        assert_good(read_answer(connection))
        script.answered.set()
        if after == "keep_reading":
            wait_for(lambda: script.ended, what="the end of the connection whose request was not sent")
            assert script.came < script.length, "the rest of the request was sent after its answer"
        connection.send(chat_request(text="again"))
        assert_good(read_answer(connection))
    assert server.connections == 2


def test_17_refusal_before_the_request_is_sent(start_serve, upstream):
    """A 429 with the body unread, then a reset, is still a 429."""
    body = json.dumps({"error": {"message": "slow down", "type": "x", "code": "rate_limit_exceeded"}})
    bad = upstream(early(head_text(False, [f"content-length: {len(body)}"], "HTTP/1.1 429 No") + body, "close"))
    good = upstream()
    papi = start_serve({"loops": 1, "providers": {"bad": provider(bad.url), "good": provider(good.url)}})
    with RawConnection(papi.address(), 60) as connection:
        connection.send(chat_request(text=BIG))
        answer = read_answer(connection)
    assert_good(answer, "Hello.")
    assert outcomes(papi) == {"rate_limited": 1, "ok": 1}


# --- 18: the upstream's half-close ------------------------------------------------------------------------------------
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("framing", ["content-length: {length}", "connection: close"])
def test_18_upstream_half_close_after_answer(serves, framing, streamed):
    """The last bytes are read although the end of the stream came with them, and the connection is ended from our side."""
    bad = Faulty(answer_with([framing], then=end))
    papi, server = serves(bad)
    for count in (1, 2):
        assert_good(ask(papi, stream=streamed))
        wait_for(lambda count=count: len(bad.closed) == count, what="the end of the half-closed connection")
        assert server.connections == count


# --- 22: the keep-alive race ------------------------------------------------------------------------------------------
def race(then, seconds_before_end=0.0):
    """First request answered, the connection kept; the second one is met by an end without a word."""
    def script(connection):
        connection.read_request()
        if connection.index == 0:
            connection.respond(200, completion("First."))
            connection.read_until(b"\r\n\r\n")
            connection.stopping.wait(seconds_before_end)
            then(connection)
            return
        connection.respond(200, completion("Fresh."))
        connection.wait_closed()
    return script


@pytest.mark.parametrize("then", [reset, lambda c: c.close()], ids=["reset", "close"])
def test_22_stale_connection_is_replaced_silently(serves, then):
    papi, server = serves(race(then))
    assert_good(ask(papi), "First.")
    answer = ask(papi)
    assert_good(answer, "Fresh.")
    assert answer.headers["x-papi-attempts"] == "1" and server.connections == 2
    assert outcomes(papi) == {"ok": 2}


def test_22_replayed_once_only(serves):
    """A fresh connection that ends the same way is a failure."""
    def script(connection):
        connection.read_request()
        if connection.index == 0:
            connection.respond(200, completion("First."))
            connection.read_until(b"\r\n\r\n")
        reset(connection)
    papi, server = serves(script, {"routing": {"attempts": 1}})
    assert_good(ask(papi), "First.")
    assert_refused(ask(papi), *FAILED)
    assert server.connections == 2
    assert outcomes(papi) == {"ok": 1, "reset": 1}


def test_22_not_replayed_when_the_work_may_be_done(serves):
    """A kept connection that ends seconds after the request was sent is no race: the upstream may have done the work."""
    papi, server = serves(race(reset, 1.2), {"routing": {"attempts": 1}})
    assert_good(ask(papi), "First.")
    assert_refused(ask(papi), *FAILED)
    assert server.connections == 1
