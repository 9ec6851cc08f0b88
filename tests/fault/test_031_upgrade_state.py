# SPDX-License-Identifier: Apache-2.0
"""Case 31 of the fault list, upgrades, second part: what a new process has of the old one beside its sockets: the owner's socket, clients
and what they have used, keys; and that a new process which fails takes none of it along."""

import contextlib
import json
import os
import signal
import socket
import threading

import admin
import papi_process
from load import Load
from papi_process import RawConnection, request_bytes, wait_for
from served import logged, talk


def pid_at(papi):
    return admin.get(papi, "/admin/v1/status")["pid"]


def stopped_heir(one):
    """A real heir that has built everything, papi.sock too, and waits for the last word of the old process, which is stopped."""
    data, old = one.folder / "data", one.now
    heir = one.heir(wait_ready=False).start()
    wait_for(lambda: (data / f"journal.{old.pid}").exists() and (data / "journal").exists(), 30, "the heir has the data directory")
    old.process.send_signal(signal.SIGSTOP)

    def waits():
        with open(f"/proc/{heir.pid}/syscall", encoding="ascii") as file:
            return file.read().split()[0] in ("7", "271", "73")  # poll, ppoll
    wait_for(waits, 30, "it waits for the word")
    return heir


def test_031_papi_sock_is_there_after_an_upgrade_that_failed(served):
    """kill -9 between the moment at which the new process has the owner's socket and the last word of the old one."""
    one = served()
    socket_file = admin.socket_path(one.now)
    before = socket_file.stat().st_ino
    heir = stopped_heir(one)
    assert not logged(heir, "upgrade.took_over"), "the old process was stopped too late for this test"
    heir.kill()
    one.now.process.send_signal(signal.SIGCONT)
    wait_for(lambda: logged(one.now, "upgrade.failed"), 30, "the old one goes on")
    assert socket_file.stat().st_ino == before
    assert pid_at(one.now) == one.now.pid
    new = one.upgrade()
    assert pid_at(new) == new.pid and socket_file.exists()
    new.stop()
    assert not socket_file.exists()


def test_031_the_owners_socket_is_never_away(served):
    """Commands that come during upgrades are answered by the one or the other process."""
    one, stop, pids, failures = served(), threading.Event(), set(), []

    def ask():
        while not stop.is_set():
            try:
                pids.add(pid_at(one.all[0]))
            except (OSError, AssertionError) as error:
                failures.append(repr(error))
    asking = threading.Thread(target=ask)
    asking.start()
    try:
        expected = [one.now.pid]
        for _ in range(3):
            wait_for(lambda: expected[-1] in pids or failures, 30, "an answer of this process")
            expected.append(one.upgrade().pid)
        wait_for(lambda: expected[-1] in pids or failures, 30, "an answer of the last process")
    finally:
        stop.set()
        asking.join(60)
    assert not failures
    assert pids == set(expected)


def test_031_kept_connections_of_the_owner_end_when_another_takes_over(served):
    one = served()
    kept = admin.UnixConnection(admin.socket_path(one.now))
    with kept:
        ask = request_bytes("GET", "/admin/v1/status")
        assert kept.send(ask).read_response()[0] == 200
        late = {}

        def meanwhile():
            assert kept.is_closed(20), "the old process answers on and on"
            thread = threading.Thread(target=lambda: late.update(pid=pid_at(one.now)))
            thread.start()  # waits in the kernel for whoever serves then
            late["thread"] = thread
        talk(one, "killed", meanwhile)
        late["thread"].join(30)
        assert late["pid"] == one.now.pid


def test_031_an_heir_that_cannot_open_its_socket_takes_nobody_along(served):
    """It ends after it has had everything: what waits in the sockets meanwhile is for the old process."""
    one = served()
    file = admin.socket_path(one.now)
    aside = file.with_suffix(".aside")
    os.rename(file, aside)
    file.write_text("no socket")
    with Load(one, count=50) as load:
        for _ in range(3):
            heir = one.heir(wait_ready=False).start()
            heir.wait_exit(1)
            assert "papi.sock cannot be opened" in heir.stderr
            load.more(50)
        os.rename(aside, file)
        one.upgrade()
        load.more(50)
    assert not load.failures


def add_client(papi, **settings):
    status, _, answer = admin.ask(papi, "POST", "/admin/v1/clients", {"name": "anna", **settings})
    assert status == 201, answer
    return answer["key"]


def chat(papi, key, model="m", **more):
    return papi_process.chat(papi, model, headers={"authorization": f"Bearer {key}"}, **more)


@contextlib.contextmanager
def streaming(one, mock, key):
    """A stream of two seconds, begun."""
    papi_process.request(mock, "POST", "/_mock/script", {"provider": "one", "gap_ms": 100, "tokens": 20})
    with RawConnection(one.address(), 60) as stream:
        body = {"model": "m", "messages": [{"role": "user", "content": "x"}], "stream": True}
        stream.send(request_bytes("POST", "/v1/chat/completions", body, {"authorization": f"Bearer {key}"}))
        stream.read_until(b"data:")
        yield stream


def test_031_limits_of_clients_go_along(served, served_mock):
    """One request at once and four a day: the old process has one under way and has served two."""
    one = served(auth="keys")
    key = add_client(one.now, limits={"concurrency": 1, "requests_per_day": 4})
    for _ in range(2):
        assert chat(one.now, key)[0] == 200
    with streaming(one, served_mock, key) as stream:
        old, new = one.now, one.heir().start()
        status, _, answer = chat(new, key)
        assert status == 429, answer
        assert "at once" in answer["error"]["message"] or "concurren" in answer["error"]["message"], answer
        stream.read_until(b"[DONE]")
    papi_process.request(served_mock, "POST", "/_mock/script", {"provider": "one", "gap_ms": 1, "tokens": 3})
    old.wait_exit(0)
    one.now = new
    wait_for(lambda: logged(new, "upgrade.alone"), 30, "the process before has ended")
    assert chat(new, key)[0] == 200
    status, _, answer = chat(new, key)
    assert status == 429, answer
    assert "day" in answer["error"]["message"], answer


def test_031_keys_given_to_the_old_process_work_in_the_new_one(served, tmp_path):
    """Of providers by `papi provider add` and of clients by `papi client add`: after an upgrade and after a reload."""
    seen = []

    def script(connection):
        while (got := connection.read_request()) is not None:
            seen.append(got[0].get("authorization", "").removeprefix("Bearer "))
            connection.respond(200, papi_process.completion())
    with papi_process.ScriptedUpstream(script) as upstream:
        one = served(auth="keys", keyless="off", local_servers="off",
                     providers={"groq": papi_process.provider(upstream.url, ["of-groq"])})
        data = one.folder / "data"
        secret = "gsk_" + "Zq7" * 12
        added = papi_process.run_papi("provider", "add", "groq", "--data", data, stdin=secret + "\n")
        assert added.returncode == 0, added.stderr
        client = papi_process.run_papi("client", "add", "anna", "--json", "--data", data)
        assert client.returncode == 0, client.stderr
        key = json.loads(client.stdout)["key"]
        new = one.upgrade()
        assert chat(new, key, "of-groq")[0] == 200
        for _ in range(2):
            before = len(logged(new, "reload.done"))
            new.process.send_signal(signal.SIGHUP)
            wait_for(lambda before=before: len(logged(new, "reload.done")) > before, 30, "reload.done")
            assert chat(new, key, "of-groq")[0] == 200
        assert seen == [secret] * 3
        assert chat(new, "sk-papi-wrong", "of-groq")[0] == 401


def listening(folder, address, config, *extra):
    papi = papi_process.serve(folder, config, extra=extra)
    papi.arguments[papi.arguments.index("--listen") + 1] = address
    return papi


def test_031_an_address_that_strangers_reach_is_not_taken_over_without_keys(tmp_path):
    """The sockets stay where they are, whatever the new configuration says, so it is judged by them."""
    with listening(tmp_path, "0.0.0.0:0", {"auth": "keys", "insecure_http": True}) as old:
        heir = listening(tmp_path, "127.0.0.1:0", {"auth": "open"}, "--upgrade")
        heir.wait_ready = False
        heir.start()
        heir.wait_exit(1)
        assert f"the address 0.0.0.0:{old.port}, which was handed over" in heir.stderr
        with socket.create_connection(("127.0.0.1", old.port), 10):
            pass


def test_031_a_new_address_waits_for_a_restart(tmp_path):
    """An upgrade keeps the sockets: the log says that the configuration wants others."""
    with listening(tmp_path, "127.0.0.1:0", {}) as old:
        with socket.create_server(("127.0.0.1", 0)) as free:
            other = free.getsockname()[1]
        with listening(tmp_path, f"127.0.0.1:{other}", {}, "--upgrade") as new:
            assert new.port == old.port
            (line,) = logged(new, "listen.kept")
            assert f"port={old.port}" in line and f"configured=127.0.0.1:{other}" in line
            old.wait_exit(0)
