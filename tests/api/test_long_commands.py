# SPDX-License-Identifier: Apache-2.0
"""The commands that run until they are told to end: in a pipe, in terminals of several widths, and when whoever read their screen
goes away."""

import signal
import socket
import subprocess

import papi_process
import pytest
import terminal

COMMANDS = {"serve": ("/healthz", "listening on"), "mock": ("/_mock/stats", "listening on")}


def arguments_of(command, folder, listen="127.0.0.1:0"):
    more = ["--data", folder / "data"] if command == "serve" else ["--scenario", "healthy"]
    return [command, "--listen", listen, *more]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_in_a_pipe(command, sign, tmp_path):
    path, words = COMMANDS[command]
    with papi_process.PapiProcess(arguments_of(command, tmp_path), cwd=tmp_path) as papi:
        assert papi_process.request(papi, "GET", path)[0] == 200
        papi.process.send_signal(sign)
        assert papi.process.wait(30) == 0
    assert words in papi.stdout and "\x1b" not in papi.stdout + papi.stderr


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("columns", [40, 80, 200])
def test_in_a_terminal(command, columns, tmp_path):
    """Ctrl-C ends it well, and a second screen needs no more than the first."""
    env = papi_process.clean_environment({"TERM": "xterm-256color"})
    with terminal.Terminal([papi_process.papi_binary(), *arguments_of(command, tmp_path)], env, columns, cwd=tmp_path) as screen:
        screen.wait_for(COMMANDS[command][1])
        screen.type("\x03")
        code, text = screen.end()
        assert code == 0, text
        papi_process.assert_no_sanitizer_report(text)


@pytest.mark.parametrize("command", COMMANDS)
def test_goes_on_without_its_reader(command, tmp_path):
    """`papi serve | head -1`: the gateway is not its screen. Nor does a later word to the closed pipe end it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = [papi_process.papi_binary(), *map(str, arguments_of(command, tmp_path, f"127.0.0.1:{port}"))]

    def answers():
        try:
            with papi_process.RawConnection(("127.0.0.1", port)) as connection:
                return connection.send(papi_process.request_bytes("GET", COMMANDS[command][0])).read_response()[0] == 200
        except OSError:
            return False
    with subprocess.Popen(arguments, env=papi_process.clean_environment(), cwd=tmp_path, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as process:
        try:
            assert process.stdout.readline()
            process.stdout.close()
            papi_process.wait_for(answers, what="an answer though nobody reads the screen")
            if command == "serve":
                process.send_signal(signal.SIGHUP)
                process.send_signal(signal.SIGUSR1)
                assert papi_process.run_papi("reload", "--data", tmp_path / "data").returncode == 0
            assert answers() and process.poll() is None
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
            papi_process.assert_no_sanitizer_report(process.stderr.read())
        finally:
            process.kill()
