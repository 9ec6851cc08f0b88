# SPDX-License-Identifier: Apache-2.0
"""Playing faults, and saying what must be seen when one happens.

An upstream fault before the first token is asked for four times, whole and streamed, with a good provider behind the bad
one and without: with it the client must notice nothing, without it it must get an honest error. Every connection to the
bad upstream must end, the outcome must be counted under its name, and nothing may stay open.
"""

import dataclasses
import functools
import json
import pathlib
import socket
import threading
import time

from papi_process import (RawConnection, ScriptedUpstream, answer_script, chunk_event, completion, papi_binary, provider,
                          request_bytes, serve, sse_events, wait_for)

GOOD = "Good answer."
PART = "Half of an "
MODEL = "test-model"
CHAT = "/v1/chat/completions"
TIMED_OUT = (504, "upstream_timeout")
FAILED = (502, "upstream_error")
LIMITED = (429, "rate_limit_exceeded")
TOLD = {"first_byte_timeout": TIMED_OUT, "stalled": TIMED_OUT, "connect_timeout": TIMED_OUT, "tls_timeout": TIMED_OUT,
        "proxy_timeout": TIMED_OUT,
        "rate_limited": LIMITED}
# A provider that failed rests for seconds; a request that finds only resting providers is told at once.
SHORT_QUEUE = {"max_wait": "100ms"}
# Long enough for a good upstream under sanitizers on a busy machine, short enough to wait for.
SHORT = "400ms"


@functools.lru_cache
def sanitized():
    """Whether the program under test carries a sanitizer."""
    data = pathlib.Path(papi_binary()).read_bytes()
    return b"__asan_init" in data or b"__tsan_init" in data


def cancel_seconds():
    """The promise is 100 ms from the client's leaving to the upstream's end of stream. A sanitizer build on two busy
    cores gets five times as much."""
    return 0.5 if sanitized() else 0.1


# --- asking -----------------------------------------------------------------------------------------------------------
@dataclasses.dataclass
class Answer:
    """What one request brought, whole or streamed."""
    status: int
    headers: dict
    body: bytes
    closed: bool = False

    @property
    def streamed(self):
        return self.headers.get("content-type", "").startswith("text/event-stream")

    @functools.cached_property
    def events(self):
        return sse_events(self.body)

    @functools.cached_property
    def json(self):
        return json.loads(self.body)

    @property
    def chunks(self):
        return [event for event in self.events if event != "[DONE]" and "error" not in event]

    @property
    def text(self):
        if not self.streamed:
            return self.json["choices"][0]["message"]["content"]
        return "".join(choice["delta"].get("content") or "" for chunk in self.chunks for choice in chunk["choices"])

    @property
    def finishes(self):
        if not self.streamed:
            return [self.json["choices"][0]["finish_reason"]]
        return [choice["finish_reason"] for chunk in self.chunks for choice in chunk["choices"] if choice["finish_reason"]]

    @property
    def errors(self):
        return [event["error"] for event in self.events if event != "[DONE]" and "error" in event]

    @property
    def attempts(self):
        return int(self.headers["x-papi-attempts"])


def chat_body(model=MODEL, stream=False, text="hello", **more):
    return {"model": model, "messages": [{"role": "user", "content": text}], "stream": stream, **more}


def chat_request(model=MODEL, stream=False, text="hello", headers=None, **more):
    return request_bytes("POST", CHAT, chat_body(model, stream, text, **more), headers)


def ask(papi, model=MODEL, stream=False, text="hello", headers=None, **more):
    """One chat completion on a connection of its own."""
    with RawConnection(papi.address()) as connection:
        connection.send(chat_request(model, stream, text, headers, **more))
        return read_answer(connection)


def read_answer(connection):
    status, headers, body = connection.read_response()
    answer = Answer(status, headers, body)
    if headers.get("connection", "").lower() == "close" or answer.streamed and answer.errors:
        answer.closed = connection.is_closed()
    return answer


def assert_good(answer, text=GOOD):
    """The answer a client would get on a day without faults."""
    assert answer.status == 200, answer
    assert answer.text == text, answer
    assert answer.finishes == ["stop"], answer
    if answer.streamed:
        assert not answer.errors, answer
        assert answer.events[-1] == "[DONE]" and answer.events.count("[DONE]") == 1, answer


def assert_error_form(error):
    assert set(error) == {"message", "type", "param", "code"}, error
    assert isinstance(error["message"], str) and error["message"], error
    assert isinstance(error["type"], str), error
    assert error["code"] is None or isinstance(error["code"], str), error


def assert_refused(answer, status, code):
    """An error before any token, in OpenAI's form, that no SDK will turn into three more requests."""
    assert answer.status == status, answer
    assert answer.headers["content-type"].startswith("application/json"), answer
    assert list(answer.json) == ["error"], answer
    assert_error_form(answer.json["error"])
    assert answer.json["error"]["code"] == code, answer
    assert answer.headers["x-request-id"] and answer.headers["request-id"], answer
    if status >= 500:
        assert answer.headers["x-should-retry"] == "false", answer


# --- looking inside ---------------------------------------------------------------------------------------------------
def metrics(papi):
    """{'papi_attempts_total{outcome="ok"}': 2, ...}"""
    with RawConnection(papi.address()) as connection:
        connection.send(request_bytes("GET", "/metrics"))
        status, _, body = connection.read_response()
    assert status == 200
    rows = (line.rpartition(" ") for line in body.decode().splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in rows}


def labelled(values, name):
    """{'ok': 2, 'reset': 1} for one counter with one label."""
    return {key.split('"')[1]: int(value) for key, value in values.items() if key.startswith(name + "{")}


def outcomes(papi):
    return labelled(metrics(papi), "papi_attempts_total")


def open_requests(papi):
    """Requests being worked on, but for the one that asks."""
    return int(metrics(papi)["papi_requests_open"]) - 1


def assert_settled(papi, seconds=5.0):
    """Nothing is left: no request, no client connection but the one that asks."""
    def settled():
        values = metrics(papi)
        return values["papi_requests_open"] <= 1 and values["papi_client_connections"] <= 1
    wait_for(settled, seconds, "an idle gateway")


# --- upstreams --------------------------------------------------------------------------------------------------------
class Faulty:
    """A script for ScriptedUpstream: reads a request, plays the fault, waits for the gateway to end the connection and notes
    when it did. Should another request come on it, it is played too. play(connection, streamed)."""

    def __init__(self, play, read_request=True):
        self.play = play
        self.read_request = read_request
        self.opened = 0
        self.requests = []
        self.closed = []
        self._lock = threading.Lock()

    def __call__(self, connection):
        with self._lock:
            self.opened += 1
        if not self.read_request:
            self._play(connection, False)
            if connection.wait_closed():
                self._note_closed()
            return
        while (got := connection.read_request()) is not None:
            body = json.loads(got[1])
            with self._lock:
                self.requests.append((got[0], body))
            self._play(connection, bool(body.get("stream")))
        self._note_closed()

    def _play(self, connection, streamed):
        try:
            self.play(connection, streamed)
        except OSError:
            pass  # the gateway may have ended the connection while the fault was still being played

    def _note_closed(self):
        with self._lock:
            self.closed.append(time.monotonic())

    def wait_all_closed(self, seconds=10.0):
        wait_for(lambda: len(self.closed) == self.opened, seconds, "the end of every connection to the upstream")


def end(connection):
    """FIN after what was sent; the other direction stays open."""
    connection.socket.shutdown(socket.SHUT_WR)


def reset(connection):
    connection.reset()


def begin_stream(connection, text=PART):
    """The head of a stream, the role and some text, a word an event."""
    connection.stream_head()
    connection.event(chunk_event({"role": "assistant", "content": ""}))
    for word in text.split(" "):
        if word:
            connection.event(chunk_event({"content": word + " "}))


def stream_text(text=GOOD, finish="stop", usage=None):
    """The bytes of a whole event stream, as a well-behaved upstream sends them."""
    events = [chunk_event({"role": "assistant", "content": ""})]
    events += [chunk_event({"content": word}) for word in (text[:5], text[5:]) if word]
    events.append(chunk_event({}, MODEL, finish))
    if usage is not None:
        events.append({**chunk_event(), "choices": [], "usage": usage})
    return "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"


def body_text(streamed, text=GOOD):
    return stream_text(text) if streamed else json.dumps(completion(text))


def head_text(streamed, fields, start="HTTP/1.1 200 OK"):
    kind = "text/event-stream" if streamed else "application/json"
    return "\r\n".join([start, f"content-type: {kind}", *fields]) + "\r\n\r\n"


def answer_with(fields, body=None, start="HTTP/1.1 200 OK", then=None):
    """play: a head with these framing fields, a good answer or the body given, then perhaps the end."""
    def play(connection, streamed):
        text = body_text(streamed) if body is None else body
        connection.send(head_text(streamed, [field.format(length=len(text)) for field in fields], start) + text)
        if then is not None:
            then(connection)
    return play


def chunked(*pieces, last=True):
    data = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in
                    (piece.encode() if isinstance(piece, str) else piece for piece in pieces))
    return data + (b"0\r\n\r\n" if last else b"")


# --- the two shapes of a test -----------------------------------------------------------------------------------------
def hide_or_tell(start_serve, upstream, play, outcome, *, streams=(False, True), url=None, bad=None, kept=False, also=(),
                 settings=None, **provider_settings):
    """Four requests. Each meets the fault at a provider of its own, since a failed one rests: `hidden-*` has a good one
    behind it, `alone-*` has none. `kept`: the answer is sound as HTTP, so its connection may live on. `also`: further
    names that the same fault may have, by which packet came first. Returns the gateway and the bad upstream's script."""
    bad = bad or Faulty(play)
    url = url or upstream(bad).url
    kinds = {False: "plain", True: "stream"}
    providers = {}
    for kind in kinds.values():
        for case in ("hidden", "alone"):
            providers[f"bad-{case}-{kind}"] = provider(url, [{"id": f"{case}-{kind}", "upstream": MODEL}],
                                                       **provider_settings)
    providers["good"] = provider(upstream(answer_script(GOOD)).url,
                                 [{"id": f"hidden-{kind}", "upstream": MODEL} for kind in kinds.values()])
    papi = start_serve({"loops": 1, "queue": SHORT_QUEUE, "routing": {"attempts": 2}, "providers": providers,
                        **(settings or {})})
    tried = 0
    for stream in streams:
        answer = ask(papi, f"hidden-{kinds[stream]}", stream)
        assert_good(answer)
        assert answer.headers["x-papi-attempts"] == "2", answer
        assert answer.headers["x-papi-provider"] == "good", answer
        assert answer.streamed == stream
        answer = ask(papi, f"alone-{kinds[stream]}", stream)
        assert_refused(answer, *TOLD.get(outcome, FAILED))
        assert 1 <= answer.attempts <= 2, answer
        tried += 1 + answer.attempts
    counted = outcomes(papi)
    assert counted.pop("ok") == len(streams)
    assert sum(counted.values()) == tried and set(counted) <= {outcome, *also}, counted
    if not kept:
        bad.wait_all_closed()
    assert_settled(papi)
    return papi, bad


def break_after_token(start_serve, upstream, play, outcome, *, text=PART, kept=False, settings=None, **provider_settings):
    """play(connection) sends text and breaks. The client keeps what it has, is told in band, and is asked no questions:
    no second provider, no finish, no end mark, the connection ends. What was generated is counted. `kept`: the transfer was sound."""
    bad = Faulty(lambda connection, streamed: play(connection))
    good = upstream(answer_script(GOOD))
    papi = start_serve({"loops": 1, "providers": {"bad": provider(upstream(bad).url, **provider_settings),
                                                  "good": provider(good.url)}, **(settings or {})})
    answer = ask(papi, stream=True)
    assert_broken(answer, text, TOLD.get(outcome, FAILED)[1])
    assert good.connections == 0
    if not kept:
        bad.wait_all_closed()
    values = metrics(papi)
    assert labelled(values, "papi_attempts_total") == {outcome: 1}
    assert values["papi_output_tokens_total"] > 0, "text that reached the client is not counted"
    assert values["papi_input_tokens_total"] > 0, "the prompt of a broken answer is not counted"
    assert_settled(papi)
    return papi, bad


def assert_broken(answer, text, code):
    assert answer.status == 200 and answer.streamed, answer
    assert answer.text == text, answer
    assert len(answer.errors) == 1 and answer.events[-1] == {"error": answer.errors[0]}, answer
    assert_error_form(answer.errors[0])
    assert answer.errors[0]["code"] == code, answer
    assert "[DONE]" not in answer.events and not answer.finishes, answer
    assert answer.closed, "the connection stays open after an error event"


# --- the shared gateway -----------------------------------------------------------------------------------------------
class Gateway:
    """papi with one good provider that notes what it is asked and answers with the last user message."""

    LIMITS = {"header_timeout": "600ms", "body_timeout": "600ms", "body": "64KiB"}

    def __init__(self, folder, **limits):
        self.requests = []
        self.upstream = ScriptedUpstream(self._echo)
        self.papi = serve(folder, {
            "loops": 1, "limits": {**self.LIMITS, **limits},
            "providers": {"only": provider(self.upstream.url, keys=[{"key": "env:FAULT_KEY"}])}},
            env={"FAULT_KEY": "key-of-the-gateway"})

    def _echo(self, connection):
        while (got := connection.read_request()) is not None:
            body = json.loads(got[1])
            self.requests.append((got[0], body, got[1]))
            text = body["messages"][-1]["content"]
            if body.get("stream"):
                connection.send(head_text(True, ["transfer-encoding: chunked"]))
                connection.send(chunked(stream_text(text)))
            else:
                connection.respond(200, completion(text))

    def send(self, data, seconds=20.0):
        """Raw bytes on a new connection."""
        return RawConnection(self.papi.address(), seconds).send(data)

    def assert_undisturbed(self):
        assert_good(ask(self.papi, text="Still here."), "Still here.")
        assert_settled(self.papi)

    def __enter__(self):
        self.papi.start()
        return self

    def __exit__(self, kind, value, trace):
        try:
            self.papi.stop()
        finally:
            self.upstream.close()
        for failure in self.upstream.failures:
            raise failure
        return False
