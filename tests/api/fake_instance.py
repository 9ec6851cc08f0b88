# SPDX-License-Identifier: Apache-2.0
"""A running PAPI as commands see it: HTTP on DATA/papi.sock, with answers that a test chooses. For what a real instance cannot be
made to say at will: long names, failures, a list that grows while it is followed."""

import http.server
import json
import pathlib
import socketserver
import threading
import urllib.parse

STATUS = {
    "version": "0.1.0", "instance": "a1b2c3", "pid": 4242, "started_at": "2026-11-28T11:00:00.000Z", "uptime_s": 7260,
    "listen": ["127.0.0.1:7274", "[::1]:7274"], "data_dir": "/home/zoë/data", "config_file": None,
    "config_loaded_at": "2026-11-28T11:00:00.000Z", "config_version": 1, "auth": "open", "audience": "self", "loops": 2,
    "requests": {"open": 3, "total": 1042, "waiting": 1}, "providers": {"configured": 3, "available": 1}, "models": 84,
    "store": {"state": "degraded", "reason": "the disk is full", "bytes": 12900000, "details_dropped": 7},
    "memory_rss_bytes": 34 * 1024 * 1024, "draining": False}
PROVIDERS = [
    {"id": "groq", "name": "Groq", "state": "available", "reason": None, "models": 12, "trains": "no", "accounts": [
        {"name": "work", "source": "environment", "billing": "unknown", "plan": None, "paused": False, "fingerprint": "…4f2a",
         "resting_until": None}]},
    {"id": "my-lab", "name": "実験室", "state": "resting", "reason": "429 at 11:58:02; a minute is used up", "models": 2, "trains": "unknown",
     "accounts": []},
    {"id": "mistral", "name": "Mistral", "state": "no_key", "reason": None, "models": 0, "trains": "yes", "accounts": []}]


def row(number, **more):
    """A request of the list, as the owner sees it."""
    return {"id": f"req-{number:016d}", "at": f"2026-11-28T11:{number // 60 % 60:02d}:{number % 60:02d}.000Z", "client": "zoë",
            "endpoint": "/v1/chat/completions", "model": "gpt-oss-120b", "served": "gpt-oss-120b", "provider": "groq", "status": 200,
            "error": None, "attempts": 1, "input_tokens": 10, "output_tokens": 200, "queued_ms": 0, "first_token_ms": 120,
            "duration_ms": 900, "stream": True, **more}


def record(number, **more):
    """The same with its ladder."""
    return {**row(number, **more), "ladder": [
        {"provider": "my-lab", "account": "default", "model": "模型", "outcome": "overloaded", "status": 503, "at": "2026-11-28T11:00:01.000Z",
         "waited_ms": 0, "duration_ms": 14, "input_tokens": 0, "output_tokens": 0},
        {"provider": "groq", "account": "work", "model": "openai/gpt-oss-120b", "outcome": "ok", "status": 200,
         "at": "2026-11-28T11:00:02.000Z", "waited_ms": 3, "duration_ms": 880, "input_tokens": 10, "output_tokens": 200}]}


def client(number, **more):
    """A client as the owner sees it."""
    return {"id": f"cl_{number}", "name": "zoë", "role": "client", "created_at": "2026-11-28T11:00:00.000Z", "expires_at": None,
            "revoked_at": None, "models": ["gpt-*", "模型"], "data_use": None, "priority": "normal", "last_used_at": "2026-11-28T11:00:00.000Z",
            "limits": {"requests_per_minute": 3, "requests_per_day": 100, "tokens_per_month": 10**12, "concurrency": 2}, **more}


# A streamed answer.
CHAT = b"".join(b"data: " + json.dumps({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [
    {"index": 0, "delta": {"content": word}, "finish_reason": end}]}).encode() + b"\n\n"
                for word, end in (("Good ", None), ("answer.", "stop"))) + b"data: [DONE]\n\n"


def listed(data, has_more=False):
    return {"object": "list", "data": data, "has_more": has_more, "next_cursor": None}


def refused(message, status=400):
    return status, {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}}


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


class FakeInstance:
    """`with FakeInstance(folder) as instance:` answers on folder/papi.sock; instance.rows may grow meanwhile, newest last."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.rows = []
        self.asked = []
        self.answers = {
            ("GET", "/healthz"): (200, {}), ("GET", "/admin/v1/status"): (200, STATUS),
            ("GET", "/admin/v1/providers"): (200, listed(PROVIDERS)), ("POST", "/admin/v1/reload"): (200, {"config_version": 2, "warnings": []}),
            ("GET", "/v1/models"): (200, listed([{"id": "auto", "providers": 1}, {"id": "modèle-d’été", "providers": 1}])),
            ("GET", "/admin/v1/clients"): (200, listed([{"id": "cl_1", "name": "zoë"}]))}
        self._server = None
        self._thread = None

    def answer(self, method, target, body=b""):
        """(status, JSON) for a request; as strict as the real one."""
        parts = urllib.parse.urlsplit(target)
        query = dict(urllib.parse.parse_qsl(parts.query))
        self.asked.append((method, parts.path, query))
        if query and parts.path not in ("/admin/v1/requests", "/admin/v1/clients", "/v1/papi/explain"):
            return refused("There is no query parameter here. This takes none.")
        if body and parts.path == "/admin/v1/reload":
            return refused("This takes no body. Leave it out.")
        if (method, parts.path) in self.answers:
            return self.answers[method, parts.path]
        if parts.path == "/admin/v1/requests":
            if "after" in query and query["after"] not in [known["id"] for known in self.rows]:
                return refused("The request named by after is not kept (any more). Leave it out to begin anew.", 404)
            return 200, self._list(query)
        if parts.path.startswith("/admin/v1/clients/") and "nobody" not in parts.path:
            name = urllib.parse.unquote(parts.path.removeprefix("/admin/v1/clients/"))
            return 200, {"id": f"cl_{len(name)}", "name": name}
        for known in self.rows:
            if parts.path == f"/admin/v1/requests/{known['id']}":
                return 200, known
        return refused(f"nothing is known of {parts.path}", 404)

    def _list(self, query):
        limit = int(query.get("limit", 20))
        if "after" in query:
            ids = [known["id"] for known in self.rows]
            later = self.rows[ids.index(query["after"]) + 1:]
            return listed(later[:limit], len(later) > limit)
        chosen = [known for known in reversed(self.rows) if "failed" not in query or known["status"] >= 400]
        return listed(chosen[:limit], len(chosen) > limit)

    def __enter__(self):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self):
                given = self.rfile.read(int(self.headers.get("content-length", 0)))
                status, body = outer.answer(self.command, self.path, given)
                streamed = isinstance(body, bytes)
                text = body if streamed else json.dumps(body, ensure_ascii=False).encode()
                self.send_response(status)
                self.send_header("content-type", "text/event-stream" if streamed else "application/json")
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PATCH = do_DELETE = _serve

            def address_string(self):
                return "unix"

            def log_message(self, *_):
                pass

        self.folder.mkdir(parents=True, exist_ok=True)
        self._server = _Server(str(self.folder / "papi.sock"), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        (self.folder / "papi.sock").unlink()
