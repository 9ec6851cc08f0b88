# SPDX-License-Identifier: Apache-2.0
"""The first start of a gateway that needs keys: on a terminal it shows the first key, once; anywhere else only the command that makes
one. And that command, where no key can be made, says what to do."""

import json
import re

import papi_process
import terminal
from papi_process import run_papi, serve

KEY = re.compile(r"sk-papi-[0-9A-Za-z]{49}")


def port_of(text):
    return int(re.search(r"listening on http://127\.0\.0\.1:(\d+)", text)[1])


def status_with(key, port):
    with papi_process.RawConnection(("127.0.0.1", port)) as connection:
        connection.send(papi_process.request_bytes("GET", "/v1/models", None, {"authorization": f"Bearer {key}"}))
        return connection.read_response()[0]


def start_in_terminal(folder):
    file = folder / "papi.yaml"
    file.write_text(json.dumps({"auth": "keys", "keyless": "off", "local_servers": "off"}))
    arguments = [papi_process.papi_binary(), "serve", "--config", file, "--data", folder / "data", "--listen", "127.0.0.1:0"]
    return terminal.Terminal(arguments, papi_process.clean_environment({"TERM": "xterm"}), 120, cwd=folder)


def test_a_terminal_shows_the_first_key_once(tmp_path):
    with start_in_terminal(tmp_path) as screen:
        text = terminal.plain(screen.wait_for("papi client add NAME"))
        key = KEY.search(text)[0]
        assert "first key" in text and "shown this once" in text and len(KEY.findall(text)) == 1
        assert status_with(key, port_of(text)) == 200
        screen.interrupt()
        code, rest = screen.end()
        assert code == 0 and not KEY.search(rest)
    assert not [path for path in (tmp_path / "data").iterdir() if path.is_file() and key.encode() in path.read_bytes()]
    with start_in_terminal(tmp_path) as screen:
        text = terminal.plain(screen.wait_for("listening on"))
        assert status_with(key, port_of(text)) == 200, "the first key outlives the process"
        screen.interrupt()
        code, rest = screen.end()
        assert code == 0 and not KEY.search(text + rest) and "no clients" not in text + rest


def test_a_pipe_is_told_the_command_only(tmp_path):
    """A key in a log would stay there."""
    with serve(tmp_path, {"auth": "keys"}) as papi:
        assert f"nobody has one yet: papi client add NAME --data {tmp_path / 'data'}\n" in papi.stdout
        assert run_papi("client", "list", "--data", tmp_path / "data", "--json").stdout.count("cl_") == 0
    assert not KEY.search(papi.stdout + papi.stderr)


def test_no_key_without_a_store(tmp_path):
    with serve(tmp_path, {"auth": "keys", "store": {"url": "off"}}) as papi:
        done = run_papi("client", "add", "anna", "--data", tmp_path / "data")
        assert (done.returncode, done.stdout) == (1, "") and "store" in done.stderr and "sqlite:" in done.stderr, done.stderr
        papi_process.wait_for(lambda: "no clients" in papi.stdout, what="the last line of the screen")
        assert "without a store there can be none" in papi.stdout and "papi client add" not in papi.stdout


def test_no_key_with_a_locked_vault(tmp_path):
    """The master key is gone: keys made before cannot be recognised any more, and new ones could not either."""
    with serve(tmp_path, {"auth": "keys"}):
        assert run_papi("client", "add", "anna", "--data", tmp_path / "data").returncode == 0
    (tmp_path / "data" / "key").unlink()
    with serve(tmp_path, {"auth": "keys"}) as papi:
        papi_process.wait_for(lambda: "no clients" in papi.stdout, what="the last line of the screen")
        assert "no key is recognised" in papi.stdout and "papi client add" not in papi.stdout
        done = run_papi("client", "add", "ben", "--data", tmp_path / "data")
        assert (done.returncode, done.stdout) == (1, ""), done.stderr
        assert "master key" in done.stderr and "rekey --start-over" in done.stderr, done.stderr


