# SPDX-License-Identifier: Apache-2.0
"""Those who ask during a soak: each request ends as a whole answer, an honest error, by the one who asked leaving, or as a failure."""

import json
import random
import select
import threading
import time

import papi_process
from world import NAMES

HONEST = {400: None, 404: {"model_not_found"}, 429: None, 502: None, 503: None, 504: None}
PATIENCE_S = 90
GUEST_S = 30  # a client that was revoked is still listed, and takes 2 KiB for ever: that is data, and no leak
HELLO = "please count from one to ten and say hello to everybody " * 2


class Book:
    """What clients saw, under one lock."""

    def __init__(self):
        self.lock = threading.Lock()
        self.whole = {}      # id of the request: output tokens it was told, or None
        self.told = {}       # id: status, of honest errors; 200 of streams that ended with an error event
        self.left = self.cut = self.unsure = self.refused_start = 0
        self.kinds = {}
        self.failures = []
        self.longest_s = 0.0
        self.good_at = {}    # key: times of whole answers, for limits of clients

    def count(self, kind):
        with self.lock:
            self.kinds[kind] = self.kinds.get(kind, 0) + 1

    def fail(self, what):
        with self.lock:
            self.failures.append(what)


class Person(threading.Thread):
    """Asks, thinks, asks again. `stage` has lives, book, over (event), calm (event: nobody asks)."""

    def __init__(self, stage, index, key, pace_s=0.25, models=NAMES, leaves=0.08):
        super().__init__(daemon=True)
        self.stage, self.key, self.pace_s, self.models, self.leaves = stage, key, pace_s, models, leaves
        self.random = random.Random(index)
        self.connection = None
        self.resting = threading.Event()

    def run(self):
        while not self.stage.over.is_set():
            if self.stage.calm.is_set():
                self._drop()
                self.resting.set()
                self.stage.over.wait(0.05)
                continue
            self.resting.clear()
            try:
                self._ask()
            except Exception as error:  # pylint: disable=broad-except
                self.stage.book.fail(f"a client broke: {type(error).__name__}: {error}")
                self._drop()
            self.stage.over.wait(self.random.uniform(0, 2 * self.pace_s))
        self._drop()
        self.resting.set()

    def _drop(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None

    def _connect(self):
        if self.connection is not None and select.select([self.connection.socket], [], [], 0)[0]:
            self._drop()
        if self.connection is None:
            self.connection = papi_process.RawConnection(self.stage.lives.address, PATIENCE_S)

    def _ask(self):
        began = time.monotonic()
        streamed = self.random.random() < 0.5
        leaving = self.random.random() < self.leaves
        body = {"model": self.random.choice(self.models), "messages": [{"role": "user", "content": HELLO}], "stream": streamed, "max_tokens": 40}
        if streamed and self.random.random() < 0.7:
            body["stream_options"] = {"include_usage": True}
        try:
            self._connect()
            self.connection.send(papi_process.request_bytes("POST", "/v1/chat/completions", body, {"authorization": f"Bearer {self.key}"}))
            if leaving:
                self._leave(streamed)
                return
            status, fields, answer = self.connection.read_response()
        except (OSError, AssertionError) as error:
            self._drop()
            self._lost(error, began)
            return
        self._judge(status, fields, answer, streamed)
        self.stage.book.longest_s = max(self.stage.book.longest_s, time.monotonic() - began)
        if fields.get("connection", "").lower() == "close":
            self._drop()

    def _leave(self, streamed):
        """Before the first byte, or after some of a stream."""
        if streamed and self.random.random() < 0.5:
            try:
                self.connection.read_until(b"data:", 5)
            except (OSError, AssertionError):
                pass
        else:
            self.stage.over.wait(self.random.uniform(0, 0.08))
        if self.random.random() < 0.5:
            self.connection.reset()
        self._drop()
        with self.stage.book.lock:
            self.stage.book.left += 1

    def _lost(self, error, began):
        if self.stage.lives.was_cut(began - 0.05, time.monotonic()):
            with self.stage.book.lock:
                self.stage.book.cut += 1
            return
        self.stage.book.fail(f"no answer after {time.monotonic() - began:.2f} s: {type(error).__name__}: {str(error)[-300:]}")

    def _judge(self, status, fields, answer, streamed):
        book, number = self.stage.book, fields.get("x-request-id")
        if status != 200:
            self._judge_error(status, number, answer)
            return
        tokens = None
        if streamed:
            events = papi_process.sse_events(answer)
            errors = [event["error"] for event in events if event != "[DONE]" and "error" in event]
            if errors:
                if events[-1] == "[DONE]" or not errors[0].get("code") or not errors[0].get("message"):
                    book.fail(f"a dishonest error in a stream: {events[-2:]}")
                self._drop()
                with book.lock:
                    book.told[number] = 200
                book.count("error in a stream")
                return
            if events[-1:] != ["[DONE]"]:
                book.fail(f"a stream without its end: {answer[-300:]!r}")
                return
            for event in events[:-1]:
                tokens = (event.get("usage") or {}).get("completion_tokens", tokens)
        else:
            decoded = json.loads(answer)
            if decoded["object"] != "chat.completion":
                book.fail(f"no completion: {answer[:300]!r}")
                return
            tokens = (decoded.get("usage") or {}).get("completion_tokens")
        with book.lock:
            if number in book.whole or number in book.told:
                book.failures.append(f"the id {number} was given twice")
            book.whole[number] = tokens
            book.good_at.setdefault(self.key, []).append(time.monotonic())
        book.count("stream" if streamed else "whole")

    def _judge_error(self, status, number, answer):
        book = self.stage.book
        try:
            error = json.loads(answer)["error"]
            honest = status in HONEST and set(error) == {"message", "type", "param", "code"} and bool(error["message"])
        except (ValueError, KeyError, TypeError):
            honest, error = False, {"code": None}
        if not honest:
            book.fail(f"a dishonest error: {status} {answer[:300]!r}")
        with book.lock:
            book.told[number] = status
        book.count(f"{status} {error['code']}")


class Stranger(threading.Thread):
    """Shows wrong keys."""

    def __init__(self, stage):
        super().__init__(daemon=True)
        self.stage = stage
        self.count = 0

    def run(self):
        while not self.stage.over.wait(0.9):
            began = time.monotonic()
            try:
                with papi_process.RawConnection(self.stage.lives.address, 30) as connection:
                    connection.send(papi_process.request_bytes("POST", "/v1/chat/completions", {"model": "pool", "messages": []},
                                                               {"authorization": f"Bearer sk-papi-{self.count:049d}"}))
                    status = connection.read_response()[0]
            except (OSError, AssertionError) as error:
                if not self.stage.lives.was_cut(began - 0.05, time.monotonic()):
                    self.stage.book.fail(f"a wrong key got no answer: {error}")
                continue
            self.count += 1
            if status not in (401, 429):
                self.stage.book.fail(f"a wrong key was answered by {status}")


class Operator(threading.Thread):
    """Uses the admin plane all the time."""

    LOOKS = ("/admin/v1/status", "/admin/v1/providers", "/admin/v1/models", "/admin/v1/capacity", "/admin/v1/explain?model=pool",
             "/admin/v1/requests?limit=50", "/admin/v1/requests?failed=true&limit=20", "/admin/v1/usage?by=minute", "/admin/v1/usage?by=day",
             "/admin/v1/clients", "/admin/v1/metrics", "/openapi.json")

    def __init__(self, stage):
        super().__init__(daemon=True)
        self.stage = stage
        self.random = random.Random(99)
        self.statuses = {}
        self.made = 0

    def run(self):
        next_guest = 0.0
        while not self.stage.over.wait(self.random.uniform(0.2, 1.2)):
            began = time.monotonic()
            try:
                if began >= next_guest:
                    next_guest = began + GUEST_S
                    self._client_comes_and_goes()
                else:
                    self._call("GET", self.random.choice(self.LOOKS), (200, 503))
            except (OSError, AssertionError) as error:
                if not self.stage.lives.was_cut(began - 0.05, time.monotonic()):
                    self.stage.book.fail(f"the admin plane: {type(error).__name__}: {str(error)[:300]}")

    def _call(self, method, path, expected, body=None):
        status, _, answer = self.stage.lives.ask_admin(method, path, body)
        self.statuses[status] = self.statuses.get(status, 0) + 1
        assert status in expected, f"{method} {path}: {status} {answer}"
        return status, answer

    def _client_comes_and_goes(self):
        status, client = self._call("POST", "/admin/v1/clients", (201, 503), {"name": f"guest-{self.made}"})
        self.made += 1
        if status != 201:
            return
        path = f"/admin/v1/clients/{client['id']}"
        self._call("PATCH", path, (200, 503), {"limits": {"requests_per_minute": 5}})
        self._call("POST", f"{path}/rotate", (200, 503), {})
        self._call("DELETE", path, (200, 503))
