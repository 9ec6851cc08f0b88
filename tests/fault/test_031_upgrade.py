# SPDX-License-Identifier: Apache-2.0
"""Case 31 of the fault list, upgrades: a new process takes the listening sockets over from the one that serves, which finishes what it has
and leaves; no request fails, and a new process that does not come up costs nothing."""

import json
import os
import pathlib
import signal
import sqlite3
import threading

import admin
import papi_process
import pytest
from load import Load
from papi_process import RawConnection, provider, request_bytes, wait_for
from served import logged, talk


def test_031_upgrade_twice_under_load(served):
    one = served()
    with Load(one, count=50) as load:
        for _ in range(2):
            load.more(100)
            new = one.upgrade()
            assert logged(new, "upgrade.took_over")
        load.more(100)
    assert not load.failures
    wait_for(lambda: logged(one.now, "upgrade.alone"), 20, "the process before has ended")


def test_031_upgrades_lose_no_record(served):
    """Whatever process answered, and while one let the other have the database: each answer is in it, once."""
    one, answered = served(), 0
    for _ in range(3):
        with Load(one, count=8) as load:
            one.upgrade()
            load.more(50)
        assert not load.failures
        answered += load.answers
    one.now.stop()
    db = sqlite3.connect(f"file:{one.folder}/data/papi.db?mode=ro", uri=True)
    rows, keys, totals = (db.execute(sql).fetchone()[0] for sql in (
        "SELECT count(*) FROM request", "SELECT count(DISTINCT key) FROM request", "SELECT sum(requests) FROM day"))
    db.close()
    assert rows == keys == totals == answered
    assert not list((one.folder / "data").glob("*corrupt*")) and not list((one.folder / "data").glob("journal.*"))


@pytest.mark.parametrize("loops", [(1, 3), (3, 1)], ids=["more", "fewer"])
def test_031_upgrade_with_another_number_of_loops(served, loops):
    one = served(loops[0])
    with Load(one, count=20) as load:
        one.upgrade({**one.config, "loops": loops[1]})
        load.more(100)
    assert not load.failures


def test_031_a_stream_outlives_its_process_as_a_server(served, served_mock):
    """What the old process runs it finishes; the new one serves beside it."""
    one = served()
    papi_process.request(served_mock, "POST", "/_mock/script", {"provider": "one", "gap_ms": 100, "tokens": 20})
    with RawConnection(one.address(), 60) as stream:
        body = {"model": "m", "messages": [{"role": "user", "content": "x"}], "stream": True}
        stream.send(request_bytes("POST", "/v1/chat/completions", body))
        stream.read_until(b"data:")
        papi_process.request(served_mock, "POST", "/_mock/script", {"provider": "one", "gap_ms": 1, "tokens": 3})
        old, new = one.now, one.heir().start()
        assert papi_process.chat(new, "m")[0] == 200
        assert old.process.poll() is None
        assert b"[DONE]" in stream.read_until(b"[DONE]")
    old.wait_exit(0)
    one.now = new


def test_031_an_old_process_that_is_killed_leaves_no_record_behind(served, served_mock):
    """Its journal is written by the new one."""
    one = served()
    papi_process.request(served_mock, "POST", "/_mock/script", {"provider": "one", "gap_ms": 200, "tokens": 60})
    with RawConnection(one.address(), 60) as stream:
        body = {"model": "m", "messages": [{"role": "user", "content": "x"}], "stream": True}
        stream.send(request_bytes("POST", "/v1/chat/completions", body))
        stream.read_until(b"data:")
        old, new = one.now, one.heir().start()
        journal = one.folder / "data" / f"journal.{old.pid}"
        assert journal.exists()
        old.process.kill()
        wait_for(lambda: logged(new, "upgrade.alone"), 20, "the new one is alone")
    assert not journal.exists() and (one.folder / "data" / "journal").exists()
    assert logged(new, "store.journal_adopted")
    old.kill()
    one.now = new


def test_031_what_the_old_one_runs_counts_in_the_new_one(served, served_mock):
    """One request at once: while the old process has it, the new one waits for its end."""
    one = served()
    config = {**one.config, "providers": {"one": {**one.config["providers"]["one"], "concurrency": 1}}}
    one.upgrade(config)
    papi_process.request(served_mock, "POST", "/_mock/script", {"provider": "one", "gap_ms": 150, "tokens": 20,
                                                           "limits": [{"concurrent": 1}]})
    with RawConnection(one.address(), 60) as stream:
        body = {"model": "m", "messages": [{"role": "user", "content": "x"}], "stream": True}
        stream.send(request_bytes("POST", "/v1/chat/completions", body))
        stream.read_until(b"data:")
        old, new = one.now, one.heir(config).start()
        done = threading.Event()

        def rest():
            stream.read_until(b"[DONE]")
            done.set()
        reader = threading.Thread(target=rest)
        reader.start()
        status, fields, _ = papi_process.chat(new, "m")
        assert status == 200 and done.is_set() and fields["x-papi-attempts"] == "1"
        reader.join(30)
    old.wait_exit(0)
    one.now = new
    stats = json.loads(papi_process.request(served_mock, "GET", "/_mock/stats")[2])["one"]
    assert stats["limits"][0]["refused"] == 0, stats


@pytest.mark.parametrize("broken", ["config", "killed", "silent"])
def test_031_an_heir_that_fails_costs_nothing(served, broken):
    one = served()
    with Load(one, count=10) as load:
        if broken == "config":
            heir = papi_process.serve(one.folder / "other", "listen: nowhere\n", extra=["--upgrade"])
            heir.arguments[heir.arguments.index("--data") + 1] = str(one.folder / "data")
            heir.wait_ready = False
            heir.start()
            heir.wait_exit(1)
        else:
            talk(one, broken)
        load.more(50)
        one.upgrade()
        load.more(50)
    assert not load.failures


def test_031_a_second_one_says_how_to_take_over(served):
    one = served()
    second = papi_process.serve(one.folder, one.config)
    second.wait_ready = False
    second.start()
    second.wait_exit(1)
    assert "another papi serves" in second.stderr and "--upgrade" in second.stderr


def test_031_upgrade_where_nobody_serves_is_a_start(tmp_path, served_mock):
    config = {"loops": 1, "providers": {"one": provider(f"{served_mock.url}/one/v1", ["m"])}}
    with papi_process.serve(tmp_path / "serve", config, extra=["--upgrade"]) as papi:
        assert papi_process.chat(papi, "m")[0] == 200


def test_031_usr2_hands_on_the_master_key_of_the_environment(tmp_path, served_mock):
    """It is wiped from the environment at a start; without it the next process would know no client."""
    config = {"loops": 1, "auth": "keys", "providers": {"one": provider(f"{served_mock.url}/one/v1", ["m"])}}
    old = papi_process.serve(tmp_path / "serve", config, env={"PAPI_VAULT_KEY": "5e" * 32}).start()
    key = admin.token(old)
    assert not (tmp_path / "serve" / "data" / "key").exists()
    old.process.send_signal(signal.SIGUSR2)
    wait_for(lambda: old.process.poll() is not None, 30, "the old process has ended")
    assert papi_process.chat(old, "m", headers={"authorization": f"Bearer {key}"})[0] == 200
    pid = int(logged(old, "upgrade.started")[-1].rsplit("pid=", 1)[1].split()[0])
    assert b"5e5e5e" not in pathlib.Path(f"/proc/{pid}/environ").read_bytes()
    os.kill(pid, signal.SIGTERM)
    old.wait_exit(0)


def test_031_usr2_starts_the_program_anew(served):
    one = served()
    old = one.now
    with Load(one, count=20) as load:
        old.process.send_signal(signal.SIGUSR2)
        wait_for(lambda: old.process.poll() is not None, 30, "the old process has ended")
        load.more(50)
    assert not load.failures
    pid = int(logged(old, "upgrade.started")[-1].rsplit("pid=", 1)[1].split()[0])
    os.kill(pid, signal.SIGTERM)
    old.wait_exit(0)  # its standard error is the successor's too, so it ends with that one
