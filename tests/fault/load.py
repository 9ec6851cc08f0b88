# SPDX-License-Identifier: Apache-2.0
"""Clients that ask without pause while something happens to the gateway, and that remember everything that went wrong.

A client keeps its connection as long as it is let, as SDKs do: it gives it up when an answer says `connection: close` or when the peer has
closed it between two requests. A request that was sent on a connection and got no whole answer has failed, whatever the reason.
"""

import json
import select
import threading
import time

from papi_process import RawConnection, request_bytes, sse_events, wait_for


class Failure:
    """One request that a client did not get a whole, good answer to."""

    def __init__(self, what, reused, at):
        self.what, self.reused, self.at = what, reused, at

    def __repr__(self):
        return f"<{self.what}{' on a kept connection' if self.reused else ''} at {self.at:.3f} s>"


class Client(threading.Thread):
    """Asks until it is told to stop. `allowed` are further statuses that count as an answer."""

    def __init__(self, load, index):
        super().__init__(daemon=True)
        self.load, self.index = load, index
        self.connection = None
        self.answers = {}
        self.failures = []

    def run(self):
        while not self.load.ending.is_set():
            self._ask(streamed=self.index % 2 == 1)
        self._drop()

    def _drop(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None

    def _connect(self):
        """A kept connection that its peer has closed meanwhile is none."""
        if self.connection is not None and select.select([self.connection.socket], [], [], 0)[0]:
            self._drop()
        if self.connection is None:
            self.connection = RawConnection(self.load.address(), 60)
            return False
        return True

    def _ask(self, streamed):
        reused = False
        try:
            reused = self._connect()
            body = {"model": self.load.model, "messages": [{"role": "user", "content": f"hello {self.index}"}], "stream": streamed}
            self.connection.send(request_bytes("POST", "/v1/chat/completions", body, self.load.headers))
            status, fields, answer = self.connection.read_response()
            self._judge(status, answer, streamed, reused)
            if fields.get("connection", "").lower() == "close":
                self._drop()
        except (OSError, AssertionError) as error:
            if not self.load.ending.is_set() or not isinstance(error, ConnectionRefusedError):
                self._failed(f"{type(error).__name__}: {error}", reused)
            self._drop()

    def _judge(self, status, answer, streamed, reused):
        self.answers[status] = self.answers.get(status, 0) + 1
        if status in self.load.allowed:
            return
        if status != 200:
            self._failed(f"{status} {answer[:300]!r}", reused)
        elif streamed and sse_events(answer)[-1:] != ["[DONE]"]:
            self._failed(f"a stream without its end: {answer[-300:]!r}", reused)
        elif not streamed and json.loads(answer)["object"] != "chat.completion":
            self._failed(f"{answer[:300]!r}", reused)

    def _failed(self, what, reused):
        self.failures.append(Failure(what, reused, time.monotonic() - self.load.began))


class Load:
    """`with Load(papi) as load: ...`: at the end every client has finished its last request."""

    def __init__(self, papi, count=50, model="m", headers=None, allowed=()):
        self.papi, self.count, self.model, self.headers, self.allowed = papi, count, model, headers, allowed
        self.ending = threading.Event()
        self.clients = []
        self.began = time.monotonic()

    def address(self):
        return self.papi.address()

    def __enter__(self):
        self.clients = [Client(self, index) for index in range(self.count)]
        for client in self.clients:
            client.start()
        wait_for(lambda: all(client.answers for client in self.clients), 60, "an answer for each client")
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.ending.set()
        for client in self.clients:
            client.join(90)
            assert not client.is_alive(), "a client waits for ever"

    @property
    def failures(self):
        return [failure for client in self.clients for failure in client.failures]

    @property
    def answers(self):
        return sum(sum(client.answers.values()) for client in self.clients)

    def more(self, count):
        """Waits until so many further answers have come."""
        goal = self.answers + count
        wait_for(lambda: self.answers >= goal or self.failures, 60, f"{count} more answers")
