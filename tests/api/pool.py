# SPDX-License-Identifier: Apache-2.0
"""A pool: `papi serve` with any providers and accounts in front of one `papi mock`, and the questions that tests of quota
and failover ask of both: what the provider counted itself, what the ladder tells, what explain and capacity say.
"""

import concurrent.futures
import contextlib
import json
import re
import threading
import time

import papi_process

KEYS = ("sk-first-0001", "sk-second-0002", "sk-third-0003")


class Answer:
    """What a client saw of one request, and when by its own clock."""

    def __init__(self, status, headers, body, began, ended):
        self.status, self.headers, self.body = status, headers, body
        self.began, self.ended = began, ended

    @property
    def seconds(self):
        return self.ended - self.began

    @property
    def error(self):
        return self.body["error"]

    @property
    def provider(self):
        return self.headers.get("x-papi-provider")

    @property
    def queued_ms(self):
        return int(self.headers["x-papi-queued-ms"])

    @property
    def attempts(self):
        return int(self.headers["x-papi-attempts"])

    def __repr__(self):
        return f"<{self.status} after {self.seconds:.3f} s {self.headers} {self.body}>"


class Pool:
    """`with Pool(folder, scripts, providers, **config) as pool`: `scripts` are those of the mock, by provider; `providers`
    are rows of papi.yaml whose base_url may be left out: then it is the mock's provider of the same name, or `at`."""

    def __init__(self, folder, scripts, providers, env=None, **config):
        self.folder, self.scripts, self.providers = folder, scripts, providers
        self.env, self.config = env, config
        self.mock = self.papi = None
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        scripts = [{"provider": name, **script} for name, script in self.scripts.items()]
        self.mock = self._stack.enter_context(
            papi_process.mock(self.folder / "mock", json.dumps(scripts, indent=1) + "\n", ["--seed", "1"]))
        self.papi = self._stack.enter_context(papi_process.serve(self.folder / "serve", {
            "loops": 1, "providers": {name: self._row(name, row) for name, row in self.providers.items()},
            **self.config}, env=self.env))
        return self

    def __exit__(self, *what):
        return self._stack.__exit__(*what)

    def _row(self, name, row):
        row = dict(row)
        at = row.pop("at", name)
        if "base_url" not in row:
            row["base_url"] = f"{self.mock.url}/{at}/v1"
        return row

    # --- asking -------------------------------------------------------------------------------------------------------
    def chat(self, model="m", text="hello", headers=None, seconds=30.0, **more):
        body = {"model": model, "messages": [{"role": "user", "content": text}], **more}
        began = time.monotonic()
        status, fields, answer = papi_process.request(self.papi, "POST", "/v1/chat/completions", body, headers, seconds)
        ended = time.monotonic()
        streamed = fields.get("content-type", "").startswith("text/event-stream")
        return Answer(status, fields, papi_process.sse_events(answer) if streamed else json.loads(answer), began, ended)

    def chats(self, count, **more):
        """`count` requests that begin together, each on a connection of its own."""
        gate = threading.Barrier(count)

        def one(_):
            gate.wait(30)
            return self.chat(**more)

        with concurrent.futures.ThreadPoolExecutor(count) as clients:
            return list(clients.map(one, range(count)))

    def get(self, path):
        status, _, body = papi_process.request(self.papi, "GET", path)
        assert status == 200, body
        return json.loads(body)

    def ladder(self, answer):
        """The rungs of an answer as (provider, outcome, status)."""
        record = self.get(f"/v1/papi/requests/{answer.headers['x-request-id']}")
        return [(rung["provider"], rung["outcome"], rung["status"]) for rung in record["ladder"]]

    def explain(self, model="m", text="hello", **more):
        body = {"model": model, "messages": [{"role": "user", "content": text}], **more}
        status, _, answer = papi_process.request(self.papi, "POST", "/v1/papi/explain", body)
        assert status == 200, answer
        return json.loads(answer)["candidates"]

    def chosen(self, model="m", **more):
        """Whom explain would ask: its provider, or None."""
        rows = [row["provider"] for row in self.explain(model, **more) if row["chosen"]]
        assert len(rows) <= 1, rows
        return rows[0] if rows else None

    def capacity(self):
        return self.get("/v1/papi/capacity")

    # --- the provider's side ------------------------------------------------------------------------------------------
    def stats(self, name):
        """What the provider counted itself."""
        status, _, body = papi_process.request(self.mock, "GET", "/_mock/stats")
        assert status == 200
        return json.loads(body).get(name, {"requests": 0})

    def arrived(self, name):
        return self.stats(name)["requests"]

    def came(self, name):
        """The last requests as they came."""
        status, _, body = papi_process.request(self.mock, "GET", f"/_mock/requests?provider={name}")
        assert status == 200
        return json.loads(body)

    def script(self, name, **script):
        status, _, body = papi_process.request(self.mock, "POST", "/_mock/script", {"provider": name, **script})
        assert status == 200, body


def reset_seconds(answer):
    """x-ratelimit-reset-requests of a refusal: "1.5s", "6m0s"."""
    told = answer.headers["x-ratelimit-reset-requests"]
    found = re.fullmatch(r"(?:(\d+)m)?(\d+(?:\.\d+)?)s", told)
    assert found, told
    return int(found.group(1) or 0) * 60 + float(found.group(2))


def body_seconds(answer):
    """The wait that stands in the message of a refusal."""
    found = re.search(r"Room is expected in (\d+(?:\.\d+)?) s", answer.error["message"])
    assert found, answer
    return float(found.group(1))
