# SPDX-License-Identifier: Apache-2.0
"""Cases 18 and 37 of the fault list: the client leaves. Whatever state its request is in, the upstream must see the end of
its connection within the bound (faults.cancel_seconds), the slot must be free for the next one, nothing may stay open, and
what was used must be counted once."""

import os
import socket
import threading
import time

import pytest
from faults import (GOOD, MODEL, PART, Faulty, answer_with, ask, assert_good, assert_settled, begin_stream, cancel_seconds, chat_request, head_text,
                    labelled, metrics, open_requests, outcomes, read_answer, reset)
from papi_process import RawConnection, answer_script, chunk_event, completion, provider, wait_for

LARGE = 24 * 1024 * 1024
LEAVE = {
    "close": lambda connection: connection.close(),
    "reset": lambda connection: connection.reset(),
    "half_close": lambda connection: connection.socket.shutdown(socket.SHUT_WR),
}


class Client:
    """A client that leaves, and knows when."""

    def __init__(self, papi, **chat):
        self.connection = RawConnection(papi.address())
        self.connection.send(chat_request(**chat))

    def leave(self, way="close"):
        self.left = time.monotonic()
        LEAVE[way](self.connection)
        return self.left


class Held(Faulty):
    """An upstream that plays `play` for its first requests and has a good answer for later ones. `reached` tells that a
    request was played."""

    def __init__(self, play, first=1):
        super().__init__(self._hold)
        self.held = play
        self.first = first
        self.reached = threading.Semaphore(0)

    def _hold(self, connection, streamed):
        if len(self.requests) <= self.first:
            self.held(connection, streamed)
            self.reached.release()
        else:
            answer_with(["content-length: {length}"])(connection, streamed)

    def wait_reached(self):
        assert self.reached.acquire(timeout=20), "no request reached the upstream"

    def assert_ended_soon(self, left, count=1):
        wait_for(lambda: len(self.closed) >= count, 20, "the end of the upstream's connection")
        late = self.closed[count - 1] - left
        assert late <= cancel_seconds(), f"the upstream ran on for {late * 1000:.0f} ms"


def assert_slot_free(papi, server):
    """With a concurrency of one, the next request is only served if the slot came back."""
    started = time.monotonic()
    assert_good(ask(papi))
    assert time.monotonic() - started < 10
    assert server.connections == 2
    assert_settled(papi)


def silent(connection, streamed):
    """Has the request and says nothing."""


def head_only(connection, streamed):
    connection.send(head_text(streamed, ["transfer-encoding: chunked"]))


def role_only(connection, streamed):
    connection.stream_head()
    connection.event(chunk_event({"role": "assistant", "content": ""}))


def half_of_whole(connection, streamed):
    connection.send(head_text(False, ["content-length: 500"]) + '{"id":"x",')


BEFORE_FIRST_BYTE = {"silent": silent, "head_only": head_only, "role_only": role_only, "half_of_whole": half_of_whole}


# --- 37: before the first byte ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("way", LEAVE)
@pytest.mark.parametrize("name, streamed", [("silent", False), ("silent", True), ("head_only", False), ("head_only", True),
                                            ("role_only", True), ("half_of_whole", False)])
def test_37_gone_before_first_byte(serves, name, streamed, way):
    held = Held(BEFORE_FIRST_BYTE[name])
    papi, server = serves(held, concurrency=1)
    client = Client(papi, stream=streamed)
    held.wait_reached()
    assert open_requests(papi) == 1
    held.assert_ended_soon(client.leave(way))
    assert_slot_free(papi, server)
    values = metrics(papi)
    assert values["papi_client_gone_total"] == 1
    assert labelled(values, "papi_attempts_total").get("ok") == 1
    client.connection.close()


# --- 18, 37: in the middle of a stream --------------------------------------------------------------------------------
@pytest.mark.parametrize("way", LEAVE)
def test_37_gone_mid_stream(serves, way):
    """What had been generated is counted once."""
    held = Held(lambda connection, streamed: begin_stream(connection))
    papi, server = serves(held, concurrency=1)
    client = Client(papi, stream=True)
    client.connection.read_until(PART.split()[-1])
    held.assert_ended_soon(client.leave(way))
    wait_for(lambda: open_requests(papi) == 0, what="the end of the request")
    values = metrics(papi)
    assert values["papi_client_gone_total"] == 1
    assert values["papi_output_tokens_total"] > 0, "text that reached the client is not counted"
    counted = values["papi_output_tokens_total"]
    assert_slot_free(papi, server)
    assert metrics(papi)["papi_output_tokens_total"] == counted + completion()["usage"]["completion_tokens"]
    client.connection.close()


@pytest.mark.parametrize("way", ["close", "reset"])
def test_37_gone_while_tokens_flow(serves, way):
    """The upstream is writing as fast as it can; it learns of the end by its connection, not by politeness."""
    def flood(connection, streamed):
        begin_stream(connection)
        held.reached.release()
        while True:
            connection.event(chunk_event({"content": "more " * 20}))
    held = Held(flood)
    papi, server = serves(held, concurrency=1)
    client = Client(papi, stream=True)
    held.wait_reached()
    client.connection.read_until("more")
    held.assert_ended_soon(client.leave(way))
    assert_slot_free(papi, server)


def test_18_half_close_before_the_request_is_whole(serves):
    """Nothing was asked, so nothing is forwarded."""
    papi, server = serves(answer_script(GOOD))
    with RawConnection(papi.address()) as connection:
        connection.send(chat_request()[:-10])
        connection.socket.shutdown(socket.SHUT_WR)
        connection.read_to_end()
    assert_settled(papi)
    assert server.connections == 0


def test_18_half_close_with_the_request(serves):
    """`printf request | nc`: a FIN right behind the request counts as gone, in whatever order the two are seen."""
    good = answer_with(["content-length: {length}"])
    held = Faulty(lambda connection, streamed: None if streamed else good(connection, streamed))
    papi, _ = serves(held, concurrency=1)
    with RawConnection(papi.address()) as connection:
        connection.send(chat_request(stream=True))
        connection.socket.shutdown(socket.SHUT_WR)
        assert connection.read_to_end() == b""
    assert_settled(papi)
    assert_good(ask(papi))
    assert outcomes(papi).get("ok") == 1


def test_18_half_close_after_pipelined_requests(serves):
    """Two requests and a FIN: the first is being worked on, so the client is gone; no second request is begun."""
    held = Held(silent, first=2)
    papi, server = serves(held)
    with RawConnection(papi.address()) as connection:
        connection.send(chat_request() * 2)
        held.wait_reached()
        connection.socket.shutdown(socket.SHUT_WR)
        left = time.monotonic()
        assert connection.read_to_end() == b""
    held.assert_ended_soon(left)
    assert_settled(papi)
    assert server.connections == 1


def cpu_seconds(papi):
    fields = open(f"/proc/{papi.pid}/stat", encoding="ascii").read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_18_no_spin_on_a_readable_end(serves):
    """A client that has its whole answer coming, reads nothing and has half-closed: the end of its stream is readable
    for as long as it likes to wait. The gateway may look at it, but not in a loop: measured as CPU in a stretch of time."""
    text = "x" * LARGE

    def play(connection, streamed):
        connection.respond(200, completion(text))
        answered.set()
    answered = threading.Event()
    papi, _ = serves(Faulty(play))
    with RawConnection(papi.address(), 60) as connection:
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.send(chat_request())
        assert answered.wait(30)
        connection.read_until(b"\r\n\r\n")
        connection.socket.shutdown(socket.SHUT_WR)
        begun, used = time.monotonic(), cpu_seconds(papi)
        threading.Event().wait(0.5)  # not for something to happen: the stretch that is measured
        share = (cpu_seconds(papi) - used) / (time.monotonic() - begun)
        assert share < 0.5, f"{share:.0%} of a core while nothing happens"


# --- 37: without an upstream yet --------------------------------------------------------------------------------------
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("way", LEAVE)
def test_37_gone_in_queue(serves, way, streamed):
    """One slot, held; the second waits and leaves; its place in the queue goes to the third."""
    release = threading.Event()

    def play(connection, wants_stream):
        held.reached.release()
        release.wait(20)
        connection.respond(200, completion("First."))
    held = Held(play)
    papi, server = serves(held, concurrency=1)
    first = Client(papi)
    held.wait_reached()
    second = Client(papi, stream=streamed, text="second")
    wait_for(lambda: open_requests(papi) == 2, what="the second request in the queue")
    second.leave(way)
    wait_for(lambda: open_requests(papi) == 1, cancel_seconds() + 1, "the end of the request that waited")
    third = Client(papi, text="third")
    wait_for(lambda: open_requests(papi) == 2, what="the third request in the queue")
    release.set()
    assert_good(read_answer(first.connection), "First.")
    assert_good(read_answer(third.connection))
    assert outcomes(papi) == {"ok": 2}
    assert metrics(papi)["papi_client_gone_total"] == 1
    assert server.connections <= 2
    for client in (first, second, third):
        client.connection.close()
    assert_settled(papi)


def test_37_many_gone_in_queue(serves):
    """Fifty waiters leave at once; the holder of the slot notices nothing, and nothing of them reaches the upstream."""
    release = threading.Event()

    def play(connection, streamed):
        held.reached.release()
        release.wait(20)
        connection.respond(200, completion("First."))
    held = Held(play)
    papi, _ = serves(held, concurrency=1)
    first = Client(papi)
    held.wait_reached()
    waiting = [Client(papi, text=f"waiter {i}", stream=bool(i % 2)) for i in range(50)]
    wait_for(lambda: open_requests(papi) == 51, what="fifty requests in the queue")
    for i, client in enumerate(waiting):
        client.leave(list(LEAVE)[i % 3])
    wait_for(lambda: open_requests(papi) == 1, what="the end of the fifty")
    release.set()
    assert_good(read_answer(first.connection), "First.")
    assert outcomes(papi) == {"ok": 1}
    assert_good(ask(papi))
    for client in (first, *waiting):
        client.connection.close()
    assert_settled(papi)


@pytest.mark.parametrize("way", LEAVE)
def test_37_gone_between_retries(serves, way):
    """An upstream that always fails is asked again after a pause; when the client has left, no further try follows."""
    failures = Faulty(lambda connection, streamed: reset(connection))
    papi, _ = serves(failures, {"routing": {"attempts": 16}})
    client = Client(papi)
    wait_for(lambda: failures.opened >= 2, what="a second try")
    client.leave(way)
    wait_for(lambda: open_requests(papi) == 0, cancel_seconds() + 5, "the end of the request")
    tried = failures.opened
    assert tried < 16
    assert metrics(papi)["papi_client_gone_total"] == 1
    client.connection.close()
    assert_settled(papi)
    assert failures.opened == tried


@pytest.mark.parametrize("way", LEAVE)
def test_37_gone_in_backoff(serves, way):
    """The only provider has asked for a pause; the request waits for its end. When the client leaves, the wait is over, and
    the provider hears nothing more."""
    def play(connection, streamed):
        connection.respond(429, {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}, {"retry-after": "3"})
    limited = Faulty(play)
    papi, server = serves(limited)
    client = Client(papi)
    wait_for(lambda: limited.opened == 1 and outcomes(papi).get("rate_limited") == 1, what="the refusal")
    assert open_requests(papi) == 1, "the request does not wait"
    client.leave(way)
    wait_for(lambda: open_requests(papi) == 0, cancel_seconds() + 1, "the end of the request")
    assert metrics(papi)["papi_client_gone_total"] == 1
    client.connection.close()
    assert_settled(papi)
    assert server.connections == 1


@pytest.mark.parametrize("way", LEAVE)
def test_37_gone_while_tls_stalls(start_serve, upstream, way):
    """The upstream accepts and does not shake hands."""
    accepted = threading.Event()
    closed = []

    def script(connection):
        accepted.set()
        if connection.wait_closed():
            closed.append(time.monotonic())
    server = upstream(script)
    papi = start_serve({"loops": 1, "providers": {"only": provider(f"https://127.0.0.1:{server.port}/v1", concurrency=1)}})
    client = Client(papi)
    assert accepted.wait(20)
    wait_for(lambda: open_requests(papi) == 1, what="the request")
    left = client.leave(way)
    wait_for(lambda: closed, 20, "the end of the upstream's connection")
    assert closed[0] - left <= cancel_seconds()
    client.connection.close()
    assert_settled(papi)


def test_37_gone_while_sending_the_request(serves):
    """A body cut off by the client's end never was a request."""
    papi, server = serves(answer_script(GOOD))
    for way in LEAVE:
        connection = RawConnection(papi.address())
        connection.send(chat_request(text="x" * 100000)[:50000])
        LEAVE[way](connection)
        assert_settled(papi)
        connection.close()
    assert server.connections == 0


def test_37_gone_while_the_upstream_reads(start_serve, upstream):
    """The request is larger than the kernel takes and the upstream reads none of it: the slot is free all the same."""
    accepted, leave, read = threading.Event(), threading.Event(), []
    good = answer_script(GOOD)

    def script(connection):
        if connection.index > 0:
            good(connection)
            return
        accepted.set()
        leave.wait(20)
        while data := connection.read_some():
            read.append(len(data))
        read.append(None)
    server = upstream(script)
    papi = start_serve({"loops": 1, "providers": {"only": provider(server.url, concurrency=1)}})
    client = Client(papi, text="x" * LARGE)
    assert accepted.wait(20)
    client.leave()
    assert_slot_free(papi, server)
    leave.set()
    wait_for(lambda: read and read[-1] is None, 20, "the end of the upstream's connection")
    assert sum(read[:-1]) < LARGE


# --- 37: at the end ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("way", LEAVE)
@pytest.mark.parametrize("last_chunk", [True, False], ids=["transfer_ended", "transfer_open"])
def test_37_gone_exactly_at_the_end(serves, last_chunk, way):
    """The client leaves with the last byte in its hand. The answer counts as answered, its usage once; an upstream that
    does not end its transfer is not waited for."""
    def play(connection, streamed):
        begin_stream(connection, GOOD)
        connection.event(chunk_event({}, MODEL, "stop"))
        connection.event({**chunk_event(), "choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 11, "total_tokens": 18}})
        connection.event("[DONE]")
        if last_chunk:
            connection.end_chunks()
    held = Held(play)
    papi, _ = serves(held, concurrency=1)
    client = Client(papi, stream=True)
    client.connection.read_until("data: [DONE]\n\n")
    client.leave(way)
    wait_for(lambda: open_requests(papi) == 0, what="the end of the request")
    values = metrics(papi)
    assert labelled(values, "papi_attempts_total") == {"ok": 1}
    assert (values["papi_input_tokens_total"], values["papi_output_tokens_total"]) == (7, 11)
    assert values["papi_client_gone_total"] == 0
    client.connection.close()
    assert ask(papi).status == 200
    assert_settled(papi)


@pytest.mark.parametrize("way", LEAVE)
def test_37_gone_at_the_end_of_a_whole_answer(serves, way):
    """Thirty times, so that leaving meets the last write in different orders: each is counted once, as one thing."""
    papi, _ = serves(answer_script(GOOD), concurrency=1)
    for _ in range(30):
        client = Client(papi)
        client.connection.read_until(b"HTTP/1.1 200")
        client.leave(way)
        client.connection.close()
    wait_for(lambda: open_requests(papi) == 0, what="the end of all requests")
    values = metrics(papi)
    assert labelled(values, "papi_attempts_total") == {"ok": 30}
    assert values["papi_output_tokens_total"] == 30 * completion()["usage"]["completion_tokens"]
    assert_settled(papi)


def test_37_forty_streams_at_once(serves):
    """A page with many streams is closed: all upstreams end in the bound, the place is as before."""
    held = Held(lambda connection, streamed: begin_stream(connection), first=40)
    papi, _ = serves(held, concurrency=40)
    clients = [Client(papi, stream=True) for _ in range(40)]
    for client in clients:
        client.connection.read_until(PART.split()[-1])
    assert open_requests(papi) == 40 and metrics(papi)["papi_client_connections"] >= 40
    descriptors = papi.descriptors()
    for i, client in enumerate(clients):
        client.leave(list(LEAVE)[i % 3])
    left = time.monotonic()
    wait_for(lambda: len(held.closed) == 40, 20, "the end of forty upstream connections")
    assert max(held.closed) - left <= cancel_seconds()
    for client in clients:
        client.connection.close()
    assert_settled(papi)
    assert papi.descriptors() < descriptors - 70
    assert metrics(papi)["papi_client_gone_total"] == 40
    assert_good(ask(papi))


def test_37_next_on_the_same_connection(serves):
    """Not every end is a client's: a kept connection outlives its requests."""
    papi, _ = serves(answer_script(GOOD))
    with RawConnection(papi.address()) as connection:
        for streamed in (False, True, False):
            connection.send(chat_request(stream=streamed))
            assert_good(read_answer(connection))
    assert_settled(papi)
    assert outcomes(papi) == {"ok": 3}
