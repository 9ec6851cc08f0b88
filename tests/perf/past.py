# SPDX-License-Identifier: Apache-2.0
"""A start with 1,000,000 requests in the store: of providers with limits of a minute, a day and a month, and of clients with all
limits, so that everything that a start reads is read. Every second start comes after a kill."""

import datetime
import json
import os
import signal
import sqlite3
import subprocess

import harness

PROVIDERS, MODELS, CLIENTS, TURNS = 20, 40, 100, 20  # as micro_store.c names them
LIMITS = [{"requests": 1000000, "per": "minute", "scope": "model"},
          {"requests": 1000000000, "per": "day", "zone": "America/Los_Angeles", "scope": "model"},
          {"tokens": 1000000000000, "per": "day"},
          {"requests": 1000000000, "per": "month", "shape": "calendar"}]


def _name(number):
    return f"name-{number}-of-something"


def _config(database):
    models = [_name(PROVIDERS + number) for number in range(MODELS)]
    one = {"type": "openai", "base_url": "http://127.0.0.1:9/v1", "keys": [{"key": "test-key"}], "models": models, "limits": LIMITS}
    return json.dumps({"loops": 1, "auth": "keys", "store": {"url": f"sqlite:{database}"},
                       "providers": {_name(number): one for number in range(PROVIDERS)}})


class Papi(harness.Papi):
    def __init__(self, binary, folder, database, core, log):
        self.binary, self.data, self.key = binary, os.path.join(folder, "data"), harness.NO_KEY
        with open(os.path.join(folder, "papi.yaml"), "w") as file:
            file.write(_config(database))
        self.start(folder, core, log)


def _make_clients(papi, database):
    """What was recorded becomes theirs."""
    ids = [harness.papi_client(papi.binary, papi.data, f"client-{number}")["id"] for number in range(CLIENTS)]
    papi.stop()
    with sqlite3.connect(database) as store:
        for number, client in enumerate(ids):
            store.execute("UPDATE name SET text=? WHERE text=?", (client, _name(PROVIDERS + MODELS + number)))
    store.close()


def measure_starts(bench, binary, upstreams, folder):
    database = os.path.join(folder, "papi.db")
    _make_clients(Papi(binary, folder, database, bench.gateway_core, bench.log), database)
    for turn in range(TURNS):
        papi = Papi(binary, folder, database, bench.gateway_core, bench.log)
        try:
            bench.note("papi", {"start_with_rows": papi.first_200_ms(), "rows_rss": harness.memory_kib(papi.pid) / 1024})
            if turn == 0:
                _all_is_charged(papi, database)
        finally:
            papi.process.stop(signal.SIGKILL if turn % 2 else signal.SIGTERM)


def _all_is_charged(papi, database):
    """A start that forgets would be quick."""
    told = subprocess.run([papi.binary, "capacity", "--data", papi.data, "--json"], stdout=subprocess.PIPE, check=True).stdout
    used = sum(limit["used"] for account in json.loads(told)["accounts"] for limit in account["limits"] if limit["shape"] == "month")
    month = datetime.datetime.now(datetime.timezone.utc).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    with sqlite3.connect(database) as store:
        sent = store.execute("SELECT sum(attempts) FROM lane_day WHERE at>=?", (int(month.timestamp() * 1000),)).fetchone()[0]
    store.close()
    if used < sent:
        raise harness.Trouble(f"limits of this month were charged with {used} of {sent} requests")
