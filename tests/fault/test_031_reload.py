# SPDX-License-Identifier: Apache-2.0
"""Case 31 of the fault list, reloading: HUP under load swaps the configuration without a failed request, or keeps the old one with an
error that names the line."""

import json
import os
import pathlib
import re
import signal
import threading

import papi_process
import pytest
from load import Load
from papi_process import RawConnection, request_bytes, wait_for

SCRIPT = [{"provider": name, "latency_ms": 20, "gap_ms": 5} for name in ("one", "two")]


class Gateway:
    """papi serve before a papi mock, with a configuration that changes."""

    def __init__(self, folder, stack):
        self.mock = stack(papi_process.mock(folder / "mock", json.dumps(SCRIPT) + "\n", ["--seed", "1"]))
        self.papi = stack(papi_process.serve(folder / "serve", self.config(0)))
        self.file = pathlib.Path(folder / "serve" / "papi.yaml")

    def config(self, variant, **more):
        """Limits, models, keys, order and settings differ from one to the next; model m is always served."""
        keys = [f"sk-key-{variant % 3}-{n}" for n in range(1 + variant % 2)]
        one = {"type": "openai", "base_url": f"{self.mock.url}/one/v1", "keys": [{"key": key} for key in keys],
               "models": ["m", f"extra-{variant}"], "concurrency": 100,
               "limits": [{"requests": 100000 + variant, "per": "minute"}, {"tokens": 10**9, "per": "day"}]}
        two = {"type": "openai", "base_url": f"{self.mock.url}/two/v1", "models": [f"other-{variant}", "m"], "concurrency": 100}
        providers = {"one": one, "two": two} if variant % 2 else {"two": two, "one": one}
        return {"loops": 2, "providers": providers, "models": {"aliases": {f"alias-{variant}": ["m"]}},
                "queue": {"max_wait": f"{20 + variant}s"}, **more}

    def write(self, text):
        """As a careful tool does: whole or not at all."""
        part = self.file.with_suffix(".part")
        part.write_text(text if isinstance(text, str) else json.dumps(text, indent=1))
        os.replace(part, self.file)

    def hup(self):
        self.papi.process.send_signal(signal.SIGHUP)

    def logged(self, event):
        return [line for line in self.papi.stderr_lines if f" {event} " in line]

    def reload(self, event="reload.done"):
        before = len(self.logged(event))
        self.hup()
        wait_for(lambda: len(self.logged(event)) > before, 30, event)
        return self.logged(event)[-1]

    def models(self):
        status, _, body = papi_process.request(self.papi, "GET", "/v1/models")
        assert status == 200, body
        return {row["id"] for row in json.loads(body)["data"]}


@pytest.fixture
def gateway(tmp_path, request):
    def stack(process):
        process.start()
        request.addfinalizer(process.stop)
        return process
    return Gateway(tmp_path, stack)


def test_a_signal_that_comes_while_it_ends(start_serve, upstream):
    """Whoever manages services may send what it likes: an orderly end stays one."""
    for _ in range(3):
        papi = start_serve({"providers": {"lab": papi_process.provider(upstream().url)}})
        papi.process.send_signal(signal.SIGTERM)
        while papi.process.poll() is None:
            for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGTERM):
                papi.process.send_signal(number)
        papi.wait_exit(0)


def test_031_thirty_reloads_under_load(gateway):
    """Clients and streams go on while limits, models, keys and the order of everything change."""
    with Load(gateway.papi) as load:
        for variant in range(1, 31):
            gateway.write(gateway.config(variant))
            gateway.reload()
            load.more(20)
    assert not load.failures
    assert "extra-30" in gateway.models() and "extra-29" not in gateway.models()
    assert "version=31 " in gateway.logged("reload.done")[-1]


@pytest.mark.parametrize("text, error", [
    ("listen: 127.0.0.1:7274\nprovidrs: {}\n", r"papi\.yaml:2:1: error: unknown setting 'providrs'; did you mean 'providers'"),
    ("queue:\n  max_wait: soon\n", r"papi\.yaml:2:13: error: "),
    ("models: {aliases: {a: [nobody-has-this]}}\n", r"papi\.yaml:1:\d+: error: alias 'a' names"),
    ("a: [\n", r"papi\.yaml:\d+:\d+: error: "),
    (None, r"error: cannot read \S*papi\.yaml: No such file"),
], ids=["unknown", "value", "alias", "yaml", "missing"])
def test_031_a_broken_file_changes_nothing(gateway, text, error):
    before = gateway.models()
    with Load(gateway.papi, count=8) as load:
        if text is None:
            gateway.file.unlink()
        else:
            gateway.write(text)
        assert "kept_version=1" in gateway.reload("reload.failed")
        load.more(20)
    assert not load.failures
    assert re.search(error, "".join(gateway.logged("reload.error"))), gateway.papi.stderr
    assert gateway.models() == before
    gateway.write(gateway.config(7))
    gateway.reload()
    assert "extra-7" in gateway.models()


def test_031_a_file_that_is_being_written(gateway):
    """Half a file may be a valid one: it is read when it has been left alone for a moment."""
    text = json.dumps(gateway.config(5), indent=1)
    stop = threading.Event()
    with Load(gateway.papi, count=8) as load, open(gateway.file, "w", encoding="utf-8") as file:
        gateway.hup()
        for piece in range(0, len(text), len(text) // 8 + 1):
            file.write(text[piece:piece + len(text) // 8 + 1])
            file.flush()
            os.fsync(file.fileno())
            stop.wait(0.05)
        wait_for(lambda: gateway.logged("reload.done"), 30, "reload.done")
        load.more(20)
    assert not load.failures and not gateway.logged("reload.error")
    assert "extra-5" in gateway.models()


def test_031_bursts_of_hup_are_few_readings(gateway):
    for _ in range(200):
        gateway.hup()
    wait_for(lambda: gateway.logged("reload.done"), 30, "reload.done")
    gateway.write(gateway.config(3))
    gateway.reload()
    wait_for(lambda: "extra-3" in gateway.models(), 30, "the last configuration")
    assert len(gateway.logged("reload.done")) < 20


def test_031_what_only_a_start_can_change_is_named(gateway):
    gateway.write(gateway.config(1, loops=1, limits={"connections": 77}))
    gateway.reload()
    warnings = "".join(gateway.logged("reload.warning"))
    assert "a new loops takes effect after a restart" in warnings
    assert "a new limits.connections takes effect after a restart" in warnings
    assert "extra-1" in gateway.models()


def test_031_waiting_requests_go_on_by_the_new_configuration(gateway):
    """A request that waits for room when its provider's limits change is served as soon as the new ones let it."""
    config = gateway.config(0)
    config["providers"] = {"one": {**config["providers"]["one"], "limits": [{"requests": 1, "per": "200s"}]}}
    gateway.write(config)
    gateway.reload()
    assert papi_process.chat(gateway.papi, "m")[0] == 200
    with RawConnection(gateway.papi.address(), 60) as waiting:
        body = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
        waiting.send(request_bytes("POST", "/v1/chat/completions", body, {"x-papi-deadline-ms": "250000"}))
        wait_for(lambda: papi_process.request(gateway.papi, "GET", "/metrics")[2].count(b"papi_requests_open 2"), 20, "it waits")
        config["providers"]["one"]["limits"] = [{"requests": 50, "per": "200s"}]
        config["providers"] = {"first": {**config["providers"]["one"], "models": ["z"]}, **config["providers"]}
        gateway.write(config)
        gateway.reload()
        assert waiting.read_response()[0] == 200


def test_031_counts_survive_a_reload(gateway):
    config = gateway.config(0)
    config["providers"] = {"one": {**config["providers"]["one"], "limits": [{"requests": 10, "per": "hour"}]}}
    gateway.write(config)
    gateway.reload()
    for _ in range(4):
        assert papi_process.chat(gateway.papi, "m")[0] == 200
    config["providers"] = {"zero": {**config["providers"]["one"], "models": ["z"]}, **config["providers"]}
    config["providers"]["one"]["limits"] = [{"requests": 5, "per": "hour"}]
    gateway.write(config)
    gateway.reload()
    assert papi_process.chat(gateway.papi, "m")[0] == 200
    assert papi_process.chat(gateway.papi, "m", headers={"x-papi-deadline-ms": "500"})[0] == 429
