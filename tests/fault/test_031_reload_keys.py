# SPDX-License-Identifier: Apache-2.0
"""Case 31 of the fault list, reloads, second part: limits, keys and authorities that a new configuration brings while requests run."""

import json
import os
import pathlib
import signal
import threading

import admin
import papi_process
import pytest
from authority import Authority
from load import Load
from papi_process import ScriptedUpstream, answer_script, completion, provider, wait_for
from served import logged


class Reloaded:
    """One gateway whose file changes."""

    def __init__(self, folder, config, env=None):
        self.papi = papi_process.serve(folder, config, env=env).start()
        self.file = pathlib.Path(folder) / "papi.yaml"

    def reload(self, config=None, event="reload.done"):
        """As a careful tool does: whole or not at all."""
        if config is not None:
            part = self.file.with_suffix(".part")
            part.write_text(json.dumps(config, indent=1))
            os.replace(part, self.file)
        before = len(logged(self.papi, event))
        self.papi.process.send_signal(signal.SIGHUP)
        wait_for(lambda: len(logged(self.papi, event)) > before, 30, event)


@pytest.fixture
def reloaded(tmp_path, request):
    def start(config, env=None):
        one = Reloaded(tmp_path / "serve", {"loops": 2, "keyless": "off", "local_servers": "off", **config}, env)
        request.addfinalizer(one.papi.stop)
        return one
    return start


def ask(papi, **more):
    return papi_process.chat(papi, "m", headers={"x-papi-deadline-ms": "500"}, **more)[0]


@pytest.mark.parametrize("before", [[], [{"requests": 100, "per": "minute"}]], ids=["none", "another"])
def test_031_a_new_limit_begins_with_what_was_sent(reloaded, upstream, before):
    """Four went out before anybody thought of a limit: one of five is left."""
    server = upstream(answer_script())
    config = {"providers": {"lab": provider(server.url, ["m"], **({"limits": before} if before else {}))}}
    one = reloaded(config)
    for _ in range(4):
        assert ask(one.papi) == 200
    config["providers"]["lab"]["limits"] = [*before, {"requests": 5, "per": "hour"}]
    one.reload(config)
    (account,) = admin.get(one.papi, "/v1/papi/capacity")["accounts"]
    assert [limit["used"] for limit in account["limits"]] == [4] * (len(before) + 1), account
    assert ask(one.papi) == 200
    assert ask(one.papi) == 429
    one.reload(config)  # the same once more: nothing is charged twice
    config["providers"]["lab"]["limits"][-1]["requests"] = 6
    one.reload(config)
    assert ask(one.papi) == 200
    assert ask(one.papi) == 429


def test_031_an_account_that_comes_back_is_charged_before_it_is_asked(reloaded, upstream):
    """Many ask while an account that has used up its limit comes by a reload: its provider sees none of them."""
    seen = []

    def script(connection):
        while connection.read_request() is not None:
            seen.append(1)
            connection.respond(200, completion())
    used_up = provider(upstream(script).url, ["m"], limits=[{"requests": 3, "per": "hour"}])
    other = provider(upstream(answer_script()).url, ["m"], concurrency=100)
    one = reloaded({"providers": {"lab": used_up}})
    for _ in range(3):
        assert ask(one.papi) == 200
    without = {"providers": {"other": other}}
    both = {"providers": {"lab": used_up, "other": other}}
    one.reload(without)
    with Load(one.papi, count=20) as load:
        for _ in range(5):
            one.reload(both)
            load.more(50)
            one.reload(without)
            load.more(20)
    assert not load.failures
    assert len(seen) == 3


def test_031_a_refusal_of_a_replaced_key_is_none_of_the_new_one(reloaded, upstream):
    """The old key's 401 comes after the reload that replaced it: the new key is asked all the same."""
    arrived, answer, keys = threading.Event(), threading.Event(), []

    def script(connection):
        while (got := connection.read_request()) is not None:
            key = got[0].get("authorization", "").removeprefix("Bearer ")
            keys.append(key)
            if key != "sk-old":
                connection.respond(200, completion())
                continue
            arrived.set()
            answer.wait(30)
            connection.respond(401, {"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}})
    server = upstream(script)

    def config(key):
        return {"loops": 1, "providers": {"lab": provider(server.url, ["m"], keys=[{"key": key}])}}
    one = reloaded(config("sk-old"))
    first = {}
    asking = threading.Thread(target=lambda: first.update(status=papi_process.chat(one.papi, "m")[0]))
    asking.start()
    assert arrived.wait(30)
    one.reload(config("sk-new"))
    answer.set()
    asking.join(60)
    assert papi_process.chat(one.papi, "m", headers={"x-papi-deadline-ms": "2000"})[0] == 200
    assert keys[-1] == "sk-new"


def test_031_limits_of_connections_hold_for_the_owner_too(reloaded, upstream):
    config = {"providers": {"lab": provider(upstream(answer_script()).url, ["m"])}}
    one = reloaded(config)
    body = {"model": "m", "messages": [{"role": "user", "content": "x" * 100000}]}
    with admin.UnixConnection(admin.socket_path(one.papi)) as kept:
        def status():
            kept.send(papi_process.request_bytes("POST", "/v1/chat/completions", body))
            return kept.read_response()[0]
        assert status() == 200
        one.reload({**config, "limits": {"body": "50KiB"}})
        assert status() == 413
    with admin.UnixConnection(admin.socket_path(one.papi)) as again:
        again.send(papi_process.request_bytes("POST", "/v1/chat/completions", {"model": "m", "messages": [{"role": "user", "content": "x"}]}))
        assert again.read_response()[0] == 200


def test_031_new_authorities_under_load(tmp_path, reloaded):
    """The provider's authority is replaced, then the bundle: from then on it is believed again, and the old one no more. Nobody fails who can
    be served by another provider."""
    first, second = Authority(tmp_path, "first"), Authority(tmp_path, "second")
    bundle = tmp_path / "bundle.pem"
    bundle.write_text(first.file.read_text())
    with ScriptedUpstream(answer_script(), tls=first.sign("one").context()) as of_first, \
         ScriptedUpstream(answer_script(), tls=second.sign("two").context()) as of_second:
        config = {"providers": {"first": provider(of_first.url, ["m", "only-first"], concurrency=100),
                                "second": provider(of_second.url, ["m", "only-second"], concurrency=100)}}
        one = reloaded(config, env={"SSL_CERT_FILE": str(bundle)})

        def works(model):
            return papi_process.chat(one.papi, model, headers={"x-papi-deadline-ms": "3000"})[0] == 200
        assert works("only-first") and not works("only-second")
        with Load(one.papi, count=20) as load:
            for now in (second, first, second):
                part = bundle.with_suffix(".part")
                part.write_text(now.file.read_text())
                os.replace(part, bundle)
                one.reload()
                load.more(50)
        assert not load.failures
        wait_for(lambda: works("only-second"), 60, "the new authority is believed")
        bundle.write_text("no certificate\n")
        one.reload(event="reload.failed")
        assert any("SSL_CERT_FILE" in line for line in logged(one.papi, "reload.error"))
        assert works("only-second")
