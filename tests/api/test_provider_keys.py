# SPDX-License-Identifier: Apache-2.0
"""Keys given to a running instance, or to its data directory: added, imported, paused, resumed, removed, sealed anew."""

import json
import os
import pathlib
import pty
import signal
import termios
import threading

import pytest

import admin
import papi_process

KEY = "gsk_" + "Zq7" * 12
OTHER = "gsk_" + "Kp3" * 12


class Seen:
    """An upstream that remembers the keys it was asked with."""

    def __init__(self):
        self.keys = []

    def script(self, connection):
        while True:
            request = connection.read_request()
            if request is None:
                return
            field = request[0].get("authorization", "")
            self.keys.append(field.removeprefix("Bearer "))
            connection.respond(200, papi_process.completion(), {"content-type": "application/json"})


@pytest.fixture
def seen():
    return Seen()


@pytest.fixture
def papi(start_serve, upstream, seen):
    """groq at our own upstream, without a key."""
    url = upstream(seen.script).url
    return start_serve({"keyless": "off", "local_servers": "off",
                        "providers": {"groq": papi_process.provider(url)}})


def data_of(papi):
    return pathlib.Path(papi.arguments[papi.arguments.index("--data") + 1])


def command(papi, *arguments, stdin="", env=None):
    """A papi command on this instance's data directory: (exit code, stdout, stderr)."""
    done = papi_process.run_papi(*arguments, "--data", data_of(papi), stdin=stdin, env=env)
    return done.returncode, done.stdout, done.stderr


def row_of(papi, provider="groq"):
    return admin.get(papi, f"/admin/v1/providers/{provider}")


def post(papi, path, body=None):
    status, _, answer = admin.ask(papi, "POST", path, body)
    return status, answer


def test_a_key_is_used_as_soon_as_it_is_added(papi, seen):
    status, answer = post(papi, "/admin/v1/providers",
                          {"provider": "groq", "key": KEY, "account": "work", "billing": "free"})
    assert status == 201, answer
    assert answer["id"] == "groq" and answer["state"] == "available"
    account = answer["accounts"][-1]
    assert account["name"] == "work" and account["source"] == "vault" and account["billing"] == "free"
    assert len(account["fingerprint"]) == 8 and not account["paused"]
    assert papi_process.chat(papi)[0] == 200
    assert seen.keys == [KEY]


def test_it_survives_kill_and_restart(papi, seen):
    assert command(papi, "provider", "add", "groq", stdin=KEY + "\n")[0] == 0
    papi.kill()
    with papi_process.PapiProcess(papi.arguments[1:], cwd=papi.cwd, env={}) as again:
        assert row_of(again)["accounts"][0]["source"] == "vault"
        assert papi_process.chat(again)[0] == 200
    assert seen.keys == [KEY]


def test_what_is_refused(papi):
    cases = [
        ({"provider": "nobody", "key": KEY}, 404, None),
        ({"provider": "groq", "key": "a b" * 9}, 400, "key"),
        ({"provider": "groq", "key": "your-key-here"}, 400, "key"),
        ({"provider": "groq", "key": "nvapi-" + "x1" * 15}, 400, "provider"),
        ({"provider": "groq", "key": KEY, "account": "a/b"}, 400, "account"),
        ({"provider": "groq", "key": KEY, "billing": "maybe"}, 400, "billing"),
        ({"provider": "groq"}, 400, "key"),
        ({"provider": "llamacpp", "key": KEY}, 400, "provider"),
        ({"provider": "groq", "key": "x" * 5000}, 400, "key"),
        ({"provider": "groq", "key": KEY, "extra": ["x"]}, 400, "extra"),
        ({"provider": "groq", "key": KEY, "extra": {"A": 5}}, 400, "extra"),
        ({"provider": "groq", "key": KEY, "extra": {"A": "1", "B": "2"}}, 400, "extra"),
        ({"provider": "groq", "key": KEY, "extra": {"A": "x\ny"}}, 400, "extra"),
        ({"provider": "groq", "key": KEY, "extra": {"A": "x" * 20000}}, 400, "extra"),
        ({"provider": "groq", "key": KEY, "extra": {"A": "x" * 70000}}, 400, "extra"),
    ]
    for body, status, param in cases:
        error = admin.refused(papi, "POST", "/admin/v1/providers", status, body)
        assert error["param"] == param, (body, error)
        assert body.get("key", "-") not in error["message"]
    assert post(papi, "/admin/v1/providers", {"provider": "groq", "key": KEY})[0] == 201
    error = admin.refused(papi, "POST", "/admin/v1/providers", 409, {"provider": "groq", "key": KEY})
    assert "already" in error["message"]


def test_pause_and_resume(papi, seen):
    assert post(papi, "/admin/v1/providers", {"provider": "groq", "key": KEY, "account": "a"})[0] == 201
    assert post(papi, "/admin/v1/providers", {"provider": "groq", "key": OTHER, "account": "b"})[0] == 201
    status, answer = post(papi, "/admin/v1/providers/groq/pause", {"account": "a"})
    assert status == 200 and answer["state"] == "available"
    assert {row["name"]: row["paused"] for row in answer["accounts"]} == {"b": False, "a": True}
    for _ in range(4):
        assert papi_process.chat(papi)[0] == 200
    assert set(seen.keys) == {OTHER}
    status, answer = post(papi, "/admin/v1/providers/groq/pause")
    assert answer["state"] == "paused" and "resume" in answer["reason"]
    assert papi_process.chat(papi)[0] in (404, 503)
    status, answer = post(papi, "/admin/v1/providers/groq/resume")
    assert answer["state"] == "available" and not any(row["paused"] for row in answer["accounts"])
    assert papi_process.chat(papi)[0] == 200
    admin.refused(papi, "POST", "/admin/v1/providers/groq/pause", 404, {"account": "none"})
    admin.refused(papi, "POST", "/admin/v1/providers/nobody/resume", 404)


def test_removing(start_serve, upstream, seen):
    papi = start_serve({"keyless": "off", "providers": {"groq": papi_process.provider(upstream(seen.script).url)}},
                       env={"GROQ_API_KEY": OTHER})
    error = admin.refused(papi, "DELETE", "/admin/v1/providers/groq", 409)
    assert "environment" in error["message"] and "pause" in error["message"]
    assert post(papi, "/admin/v1/providers", {"provider": "groq", "key": KEY, "account": "a"})[0] == 201
    assert [row["source"] for row in row_of(papi)["accounts"]] == ["environment", "vault"]
    admin.refused(papi, "DELETE", "/admin/v1/providers/groq?account=b", 404)
    status, _, answer = admin.ask(papi, "DELETE", "/admin/v1/providers/groq?account=a")
    assert (status, answer) == (200, {"deleted": 1})
    assert [row["source"] for row in row_of(papi)["accounts"]] == ["environment"]
    admin.refused(papi, "DELETE", "/admin/v1/providers/mistral", 404)


def test_the_same_key_counts_once(start_serve, upstream, seen):
    papi = start_serve({"keyless": "off", "providers": {"groq": papi_process.provider(upstream(seen.script).url)}},
                       env={"GROQ_API_KEY": KEY})
    assert post(papi, "/admin/v1/providers", {"provider": "groq", "key": KEY, "account": "a"})[0] == 201
    accounts = row_of(papi)["accounts"]
    assert len(accounts) == 1 and accounts[0]["source"] == "environment"
    assert len(accounts[0]["fingerprint"]) == 8  # there is a master key now


def test_import_over_http_and_command(papi, tmp_path):
    text = f"GROQ_API_KEY={KEY}\nMISTRAL_API_KEY={'m' * 32}\nX_API_KEY=nothing\n"
    status, answer = post(papi, "/admin/v1/providers/import", {"format": "env", "text": text, "dry_run": True})
    assert status == 200 and [row["provider"] for row in answer["added"]] == ["groq", "mistral"]
    assert row_of(papi, "mistral")["state"] == "no_key"
    file = tmp_path / "keys.env"
    file.write_text(text)
    code, out, _ = command(papi, "provider", "import", file)
    assert code == 0 and "2 keys, 1 skipped" in out and KEY not in out
    assert row_of(papi, "mistral")["state"] == "available"
    status, answer = post(papi, "/admin/v1/providers/import", {"text": text})
    assert answer["added"] == [] and len(answer["skipped"]) == 3
    error = admin.refused(papi, "POST", "/admin/v1/providers/import", 400, {"format": "json", "text": "{"})
    assert "JSON" in error["message"]


def test_words_of_a_file_that_nobody_checked(papi):
    """One account with an impossible name does not keep the others out; what is said of billing is one of three words."""
    rows = [{"provider": "groq", "key": KEY, "account": "a\tb"}, {"provider": "groq", "key": OTHER, "billing": "free plan"}]
    status, answer = post(papi, "/admin/v1/providers/import", {"text": json.dumps(rows)})
    assert status == 200 and [row["account"] for row in answer["added"]] == ["default"], answer
    assert len(answer["skipped"]) == 1 and "account" in answer["skipped"][0]["reason"], answer
    assert [row["billing"] for row in row_of(papi)["accounts"]] == ["unknown"]


def test_a_broken_configuration_keeps_the_key_for_later(papi, seen):
    """Durable comes first; in use as soon as the file is right again."""
    path = pathlib.Path(papi.arguments[papi.arguments.index("--config") + 1])
    good = path.read_text()
    path.write_text(good.replace("{", '{"nonsense": 1,', 1))
    status, answer = post(papi, "/admin/v1/providers", {"provider": "groq", "key": KEY})
    assert status == 201 and "nonsense" in answer["warning"]
    path.write_text(good)
    status, _, answer = admin.ask(papi, "POST", "/admin/v1/reload")
    assert status == 200, answer
    assert papi_process.chat(papi)[0] == 200 and seen.keys == [KEY]


def test_under_load_no_request_fails(start_serve, upstream):
    """Every kind of change while requests run, with a second provider that stays."""
    papi = start_serve({"keyless": "off", "providers": {
        "groq": papi_process.provider(upstream(Seen().script).url),
        "lab": papi_process.provider(upstream(Seen().script).url)}})
    stop, statuses = threading.Event(), []

    def load():
        while not stop.is_set():
            statuses.append(papi_process.chat(papi)[0])

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for round_number in range(3):
            key = f"gsk_{round_number}" + "w" * 30
            assert post(papi, "/admin/v1/providers", {"provider": "groq", "key": key})[0] == 201
            assert post(papi, "/admin/v1/providers/groq/pause")[0] == 200
            assert post(papi, "/admin/v1/providers/groq/resume")[0] == 200
            assert post(papi, "/admin/v1/providers/import", {"text": f"MISTRAL_API_KEY={round_number}{'m' * 30}"})[0] == 200
            assert admin.ask(papi, "DELETE", "/admin/v1/providers/mistral")[0] == 200
            assert admin.ask(papi, "DELETE", "/admin/v1/providers/groq")[0] == 200
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert len(statuses) > 20 and set(statuses) == {200}


# --- commands ---


def test_a_key_is_never_taken_from_the_command_line(papi):
    for arguments in (["--key", KEY], [f"--key={KEY}"]):
        code, out, err = command(papi, "provider", "add", "groq", *arguments)
        assert code == 2 and "command line" in err and KEY not in out + err


def test_a_key_from_a_file_and_from_nothing(papi, tmp_path):
    file = tmp_path / "key"
    file.write_text(f"  {KEY}\r\n")
    code, out, err = command(papi, "provider", "add", "groq", "--key-file", file, "--account", "work")
    assert code == 0 and "groq: available" in out and KEY not in out + err
    code, _, err = command(papi, "provider", "add", "groq", stdin="\n")
    assert code == 1 and "no key" in err
    code, _, err = command(papi, "provider", "add", "groq", "--key-file", tmp_path / "none")
    assert code == 1 and "cannot be opened" in err


def test_a_terminal_does_not_show_the_key(papi, tmp_path):
    """What a person sees in a pseudo-terminal: the question, never the key."""
    master, slave = pty.openpty()
    process = papi_process.subprocess.Popen(
        [papi_process.papi_binary(), "provider", "add", "groq", "--data", data_of(papi)],
        stdin=slave, stdout=slave, stderr=slave, env=papi_process.clean_environment(), cwd=tmp_path)
    os.close(slave)
    shown = b""
    while b"not shown" not in shown:
        shown += os.read(master, 4096)
    os.write(master, KEY.encode() + b"\n")
    try:
        while part := os.read(master, 4096):
            shown += part
    except OSError:  # the other side has closed it
        pass
    os.close(master)
    assert process.wait(30) == 0, shown
    assert b"groq: available" in shown and KEY.encode() not in shown


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_question_leaves_the_terminal_as_it_was(papi, tmp_path, number):
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    process = papi_process.subprocess.Popen(
        [papi_process.papi_binary(), "provider", "add", "groq", "--data", data_of(papi)],
        stdin=slave, stdout=slave, stderr=slave, env=papi_process.clean_environment(), cwd=tmp_path)
    shown = b""
    while b"not shown" not in shown:
        shown += os.read(master, 4096)
    assert not termios.tcgetattr(slave)[3] & termios.ECHO
    process.send_signal(number)
    assert process.wait(30) == -number
    assert termios.tcgetattr(slave) == before
    os.close(master)
    os.close(slave)


def test_without_an_instance_the_data_directory_is_changed(papi):
    data = data_of(papi)
    papi.stop()
    assert command(papi, "provider", "add", "groq", stdin=KEY)[:2] == (0, "groq: kept\n")
    code, _, err = command(papi, "provider", "add", "groq", stdin=KEY)
    assert code == 1 and "already" in err
    code, _, err = command(papi, "provider", "pause", "nobody")
    assert code == 1 and "no provider" in err
    assert command(papi, "provider", "pause", "groq")[0] == 0
    with papi_process.PapiProcess(papi.arguments[1:], cwd=papi.cwd, env={}) as again:
        assert row_of(again)["state"] == "paused"
        assert command(again, "provider", "resume", "groq")[:2] == (0, "groq: available\n")
        code, _, err = command(again, "provider", "rekey")
        assert code == 1 and "stop" in err
    assert (data / "key").stat().st_mode & 0o777 == 0o600
    code, _, err = command(papi, "provider", "remove", "groq", "--json")
    assert code == 0, err


def test_no_data_directory_is_made(tmp_path):
    done = papi_process.run_papi("provider", "add", "groq", "--data", tmp_path / "none", stdin=KEY)
    assert done.returncode == 1 and "papi serve" in done.stderr
    assert not (tmp_path / "none").exists()


# --- master keys ---


def test_rekey_and_start_over(papi, seen):
    assert command(papi, "provider", "add", "groq", stdin=KEY)[0] == 0
    papi.stop()
    file = data_of(papi) / "key"
    before = file.read_bytes()
    code, out, _ = command(papi, "provider", "rekey")
    assert code == 0 and out.startswith("1 key sealed anew")
    assert file.read_bytes() != before and not (data_of(papi) / "key.new").exists()
    with papi_process.PapiProcess(papi.arguments[1:], cwd=papi.cwd, env={}) as again:
        assert papi_process.chat(again)[0] == 200
    assert seen.keys == [KEY]
    code, _, err = command(papi, "provider", "rekey", "--start-over")
    assert code == 1 and "opens" in err
    file.unlink()
    code, _, err = command(papi, "provider", "add", "groq", stdin=OTHER)
    assert code == 1 and "missing" in err
    with papi_process.PapiProcess(papi.arguments[1:], cwd=papi.cwd, env={}) as again:
        row = row_of(again)
        assert "cannot be opened" in row["reason"] and "missing" in row["reason"]
        error = admin.refused(again, "POST", "/admin/v1/providers", 409, {"provider": "groq", "key": OTHER})
        assert "missing" in error["message"]
    assert "vault.key_closed" in again.stderr and "provider=groq" in again.stderr
    code, out, _ = command(papi, "provider", "rekey", "--start-over")
    assert code == 0 and out.startswith("1 key forgotten")
    assert command(papi, "provider", "add", "groq", stdin=OTHER)[0] == 0


def test_a_key_file_that_others_can_read_is_refused(papi):
    assert command(papi, "provider", "add", "groq", stdin=KEY)[0] == 0
    papi.stop()
    (data_of(papi) / "key").chmod(0o644)
    with papi_process.PapiProcess(papi.arguments[1:], cwd=papi.cwd, env={}) as again:
        assert "chmod 600" in row_of(again)["reason"]
        assert papi_process.chat(again)[0] in (200, 404, 503)  # it runs


def test_the_master_key_from_the_environment(papi, seen, tmp_path):
    papi.stop()
    env = {"PAPI_VAULT_KEY": "ab" * 32}
    assert command(papi, "provider", "add", "groq", stdin=KEY, env=env)[0] == 0
    assert not (data_of(papi) / "key").exists()
    with papi_process.PapiProcess(papi.arguments[1:], cwd=papi.cwd, env=env) as again:
        assert papi_process.chat(again)[0] == 200 and seen.keys == [KEY]
        environment = pathlib.Path(f"/proc/{again.pid}/environ").read_bytes()
        assert b"ab" * 32 not in environment
    code, _, err = command(papi, "provider", "rekey", env=env)
    assert code == 2 and "--key-file" in err
    file = tmp_path / "next"
    file.write_text("cd" * 32)
    assert command(papi, "provider", "rekey", "--key-file", file, env=env)[0] == 0
    env = {"PAPI_VAULT_KEY": "cd" * 32}
    with papi_process.PapiProcess(papi.arguments[1:], cwd=papi.cwd, env=env) as again:
        assert papi_process.chat(again)[0] == 200
    failed = papi_process.run_papi(*papi.arguments[1:], env={"PAPI_VAULT_KEY": "short"})
    assert failed.returncode == 1 and "PAPI_VAULT_KEY" in failed.stderr


def test_a_rotation_that_was_cut_is_ended_by_the_next_start(papi, seen):
    """The two states that a kill can leave: staged and not sealed; sealed and not renamed."""
    assert command(papi, "provider", "add", "groq", stdin=KEY)[0] == 0
    papi.stop()
    file, staged = data_of(papi) / "key", data_of(papi) / "key.new"
    before = file.read_bytes()
    staged.write_bytes(bytes(32))
    staged.chmod(0o600)
    with papi_process.PapiProcess(papi.arguments[1:], cwd=papi.cwd, env={}) as again:
        assert papi_process.chat(again)[0] == 200
    assert not staged.exists() and file.read_bytes() == before
    assert command(papi, "provider", "rekey")[0] == 0
    after = file.read_bytes()
    file.write_bytes(before)
    staged.write_bytes(after)
    staged.chmod(0o600)
    with papi_process.PapiProcess(papi.arguments[1:], cwd=papi.cwd, env={}) as again:
        assert papi_process.chat(again)[0] == 200
    assert not staged.exists() and file.read_bytes() == after
    assert seen.keys == [KEY, KEY]
