# SPDX-License-Identifier: Apache-2.0
"""The world of a soak: simulated providers whose limits are known, and one gateway that lives several lives on one address."""

import json
import os
import pathlib
import random
import signal
import socket
import sqlite3
import threading
import time

import admin
import papi_process

LOOPS = 2
# What each provider truly allows, and what the gateway is told. Limits of the month are the gateway's alone: nothing comes back in them, so
# what they have counted must be what was charged, to the token.
LIMITS = {
    "swift": [{"requests": 240, "per": "minute"}, {"tokens": 10**9, "per": "month", "shape": "calendar"}, {"concurrent": 8}],
    "bucket": [{"tokens": 6000, "per": "minute", "shape": "refill"}, {"requests": 10**9, "per": "month", "shape": "calendar"}, {"concurrent": 8}],
    "daily": [{"requests": 700, "per": "day", "zone": "UTC"}, {"concurrent": 8}],
    "narrow": [{"concurrent": 2}, {"tokens": 10**9, "per": "month", "shape": "calendar"}],
    "shaky": [{"requests": 10**9, "per": "month", "shape": "calendar"}, {"concurrent": 8}],
    "absent": [{"concurrent": 8}],
}
MODELS = {"swift": ["pool", "swift"], "bucket": ["pool", "bucket"], "daily": ["pool", "daily"], "narrow": ["pool", "narrow"],
          "shaky": ["pool", "shaky"], "absent": ["pool", "shaky"]}
NAMES = ("pool", "pool", "pool", "swift", "bucket", "daily", "narrow", "shaky", "shaky")
DRAIN_S = 30


def free_port():
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        return holder.getsockname()[1]


class Lives:
    """`papi serve` on one address and one data directory: upgraded, killed, started again. Everybody asks `address`."""

    def __init__(self, folder, mock_url, absent_url):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True)
        self.urls = {name: f"{absent_url if name == 'absent' else mock_url}/{name}/v1" for name in LIMITS}
        self.address = ("127.0.0.1", free_port())
        self.file = self.folder / "papi.yaml"
        self.log = self.folder / "papi.log"
        self.random = random.Random(7)
        self.now = None
        self.number = 0
        self.all = []          # every process: {"pid", "began", "ended", "begin", "end"}
        self.cut_spans = []    # [began, ended]: from a kill to the next one that serves
        self.kills = self.upgrades = self.reloads = self.broken_reloads = self.log_turns = self.locked = 0
        self.starts_ms = []
        self.pauses = threading.Lock()

    # --- configuration ---
    def config(self, variant):
        """Order, extra models, aliases, waits and names of hosts differ from one to the next; limits and accounts are the same."""
        names = list(LIMITS)
        self.random.shuffle(names)
        providers = {name: papi_process.provider(self.urls[name], [*MODELS[name], f"extra-{variant}"], limits=LIMITS[name], concurrency=8,
                                                 timeouts={"connect": "1s", "first_token": "3s", "first_byte": "4s", "gap": "2s"})
                     for name in names}
        return {"listen": f"{self.address[0]}:{self.address[1]}", "auth": "keys", "loops": LOOPS, "providers": providers,
                "drain_timeout": f"{DRAIN_S}s", "models": {"aliases": {f"alias-{variant % 5}": ["pool"]}},
                "queue": {"max_wait": f"{4 + variant % 3}s"}, "hosts": [f"host-{variant}"],
                "log": {"file": str(self.log)}}

    def write(self, text):
        part = self.file.with_suffix(".part")
        part.write_text(text)
        os.replace(part, self.file)

    # --- lives ---
    def _process(self, how, *extra):
        if how != "start":
            self.write(json.dumps(self.config(self.reloads)))  # what stands there may be the one with a mistake
        process = papi_process.PapiProcess(["serve", "--config", self.file, "--data", self.folder / "data", *extra], cwd=self.folder)
        began = time.monotonic()
        process.start()
        self.starts_ms.append(round((time.monotonic() - began) * 1000))
        self.all.append({"pid": process.pid, "began": time.monotonic(), "ended": None, "begin": how, "end": None})
        return process

    def _ended(self, process_pid, how):
        for life in self.all:
            if life["pid"] == process_pid and life["ended"] is None:
                life["ended"], life["end"] = time.monotonic(), how

    def start(self):
        self.write(json.dumps(self.config(0)))
        self.now = self._process("start")

    def upgrade(self):
        old = self.now
        self.now = self._process("upgrade", "--upgrade")
        pid = old.pid
        self._ended(pid, "upgrade")
        old.wait_exit(0)
        self.upgrades += 1

    def kill(self):
        """kill -9, and a new start at once."""
        began = time.monotonic()
        span = [began, began + 3600]
        self.cut_spans.append(span)
        pid = self.now.pid
        self.now.kill()
        self._ended(pid, "kill -9")
        self.now = self._process("kill -9")
        span[1] = time.monotonic()
        self.kills += 1

    def stop(self):
        pid = self.now.pid
        self.now.stop()
        self._ended(pid, "TERM")

    def was_cut(self, began, ended):
        """Whether a kill explains that a request between these instants failed."""
        return any(cut <= ended and back >= began for cut, back in self.cut_spans)

    # --- what is done to it while it runs ---
    def reload(self, variant):
        """A changed file and HUP; now and then one with a mistake, which must change nothing."""
        if variant % 7 == 6:
            self.write("listen: nowhere\nprovders: {}\n")
            self.broken_reloads += 1
        else:
            self.write(json.dumps(self.config(variant)))
        os.kill(self.now.pid, signal.SIGHUP)
        self.reloads += 1

    def turn_log(self):
        """As logrotate does."""
        moved = self.log.with_name(f"papi.log.{self.log_turns}")
        if self.log.exists():
            os.replace(self.log, moved)
        os.kill(self.now.pid, signal.SIGUSR1)
        papi_process.wait_for(self.log.exists, 10, "the new file of the log")
        self.log_turns += 1

    def lock_store(self, seconds, over):
        """Somebody else holds the database: no request may wait for it."""
        db = sqlite3.connect(self.folder / "data" / "papi.db", timeout=10, isolation_level=None)
        try:
            db.execute("BEGIN IMMEDIATE")
            self.locked += 1
            over.wait(seconds)
            db.execute("ROLLBACK")
        finally:
            db.close()

    def logged(self):
        return "".join(path.read_text(errors="replace") for path in self.folder.glob("papi.log*"))

    # --- looking at it ---
    def ask_admin(self, method, path, body=None):
        return admin.ask(self.now, method, path, body)


class Providers:
    """Two `papi mock`: one that always runs, and one that goes away, so that connections are refused."""

    def __init__(self, folder):
        scripts = [{"provider": name, "limits": [row for row in limits if row.get("per") != "month"], "tokens": {"uniform": [4, 16]}, "gap_ms": {"uniform": [1, 12]}, "latency_ms": {"uniform": [5, 60]}}
                   for name, limits in LIMITS.items() if name != "absent"]
        self.folder = folder
        self.main = papi_process.mock(folder / "mock", json.dumps(scripts) + "\n", ["--seed", "11"]).start()
        self.port = free_port()
        self.absent = None
        self.gone = 0
        self.absent_starts()

    def absent_starts(self):
        self.absent = papi_process.PapiProcess(["mock", "--listen", f"127.0.0.1:{self.port}", "--seed", "12"], cwd=self.folder).start()

    def absent_goes(self):
        self.absent.kill()
        self.absent = None
        self.gone += 1

    @property
    def absent_url(self):
        return f"http://127.0.0.1:{self.port}"

    def script(self, **members):
        status, _, body = papi_process.request(self.main, "POST", "/_mock/script", members)
        assert status == 200, body

    def stats(self):
        return json.loads(papi_process.request(self.main, "GET", "/_mock/stats")[2])

    def stop(self):
        self.main.stop()
        if self.absent is not None:
            self.absent.stop()

    def kill(self):
        self.main.kill()
        if self.absent is not None:
            self.absent.kill()
