# SPDX-License-Identifier: Apache-2.0
"""Case 31 of the fault list, under a service manager: the test plays systemd. It gets every word in its order, passes sockets, and sees no
request fail while the program is started anew."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess

import papi_process
import pytest
from load import Load
from papi_process import answer_script, provider, wait_for

UNITS = pathlib.Path(__file__).resolve().parents[2] / "packaging" / "systemd"


class Manager:
    """The end of NOTIFY_SOCKET that a service manager has."""

    def __init__(self, path):
        self.path = str(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(30)
        self.heard = []

    def wait(self, word):
        """Until a line of this form has come; returns what stands behind '='."""
        while True:
            lines = self.socket.recv(4096).decode().split("\n")
            self.heard += lines
            found = [line.partition("=")[2] for line in lines if line.split("=")[0] == word]
            if found:
                return found[0]


@pytest.fixture
def manager(tmp_path):
    made = Manager(tmp_path / "notify")
    yield made
    made.socket.close()


@pytest.fixture
def config(upstream):
    return {"loops": 2, "providers": {"only": provider(upstream(answer_script()).url, ["m"], concurrency=100)}}


def serve(folder, config, manager, listener=None, env=None):
    papi = papi_process.serve(folder, config, env={"NOTIFY_SOCKET": manager.path, **(env or {})})
    if listener is None:
        return papi.start()
    papi.env.update({"LISTEN_FDS": "1", "LISTEN_FDNAMES": "papi"})
    papi.arguments = ["/bin/sh", "-c", 'export LISTEN_PID=$$; exec "$@"', "sh", *papi.arguments]
    return papi.start(pass_fds=(3,), preexec_fn=lambda: os.dup2(listener.fileno(), 3))


def test_031_words_of_a_life(tmp_path, config, manager):
    papi = serve(tmp_path / "serve", config, manager)
    assert manager.wait("READY") == "1"
    assert any(line.startswith("STATUS=serving on 127.0.0.1 port") for line in manager.heard)
    papi.process.send_signal(signal.SIGHUP)
    assert manager.wait("RELOADING") == "1"
    assert int(next(line for line in manager.heard if line.startswith("MONOTONIC_USEC=")).partition("=")[2]) > 0
    assert manager.wait("READY") == "1"
    papi.process.send_signal(signal.SIGTERM)
    assert manager.wait("STOPPING") == "1"
    papi.wait_exit(0)


def test_031_a_broken_reload_ends_too(tmp_path, config, manager):
    papi = serve(tmp_path / "serve", config, manager)
    manager.wait("READY")
    (tmp_path / "serve" / "papi.yaml").write_text("nonsense: yes\n")
    papi.process.send_signal(signal.SIGHUP)
    manager.wait("RELOADING")
    manager.wait("READY")
    assert "the configuration has errors" in manager.heard[-1]
    papi.stop()


def test_031_signs_of_life_come_while_every_loop_turns(tmp_path, config, manager):
    papi = serve(tmp_path / "serve", config, manager, env={"WATCHDOG_USEC": "300000"})
    manager.wait("READY")
    for _ in range(5):
        assert manager.wait("WATCHDOG") == "1"
    papi.stop()


def test_031_sockets_of_the_manager(tmp_path, config, manager):
    """Clients that connect before the program listens are served by it; its own configuration does not matter then."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        address = listener.getsockname()
        with papi_process.RawConnection(address, 60) as early:
            body = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
            early.send(papi_process.request_bytes("POST", "/v1/chat/completions", body))
            papi = serve(tmp_path / "serve", config, manager, listener)
            assert papi.address() == address
            assert early.read_response()[0] == 200
        with Load(papi, count=20) as load:
            load.more(100)
        assert not load.failures
        papi.stop()
        # A restart: the socket stays the manager's, so nobody is refused.
        with papi_process.RawConnection(address, 60) as between:
            between.send(papi_process.request_bytes("GET", "/healthz"))
            again = serve(tmp_path / "serve", config, manager, listener)
            assert between.read_response()[0] == 200
            again.stop()


def test_031_a_descriptor_that_does_not_listen_is_said(tmp_path, config, manager):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wrong:
        papi = papi_process.serve(tmp_path / "serve", config, env={"NOTIFY_SOCKET": manager.path, "LISTEN_FDS": "1"})
        papi.wait_ready = False
        papi.arguments = ["/bin/sh", "-c", 'export LISTEN_PID=$$; exec "$@"', "sh", *papi.arguments]
        papi.start(pass_fds=(3,), preexec_fn=lambda: os.dup2(wrong.fileno(), 3))
        papi.wait_exit(1)
        assert "descriptor 3" in papi.stderr


def test_031_the_manager_follows_an_upgrade(tmp_path, config, manager):
    """MAINPID comes from the old process, READY from the new one, and no word that the service stops."""
    papi = serve(tmp_path / "serve", config, manager)
    manager.wait("READY")
    with Load(papi, count=10) as load:
        papi.process.send_signal(signal.SIGUSR2)
        pid = int(manager.wait("MAINPID"))
        assert pid != papi.pid
        manager.wait("READY")
        wait_for(lambda: papi.process.poll() is not None, 30, "the old process has ended")
        load.more(50)
    assert not load.failures and "STOPPING=1" not in manager.heard
    os.kill(pid, signal.SIGTERM)
    manager.wait("STOPPING")
    papi.wait_exit(0)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_031_the_unit_is_shut_in():
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=20", str(UNITS / "papi.service")],
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout[-400:] + done.stderr


def test_031_standard_output_that_has_gone(tmp_path, config):
    """`papi serve | head -1`: serves on, and ends well."""
    end, pipe = os.pipe()
    os.close(end)
    papi = papi_process.serve(tmp_path / "serve", config)
    papi.wait_ready = False
    with subprocess.Popen(papi.arguments, env=papi.env, cwd=papi.cwd, stdin=subprocess.DEVNULL, stdout=pipe,
                          stderr=subprocess.PIPE, text=True) as process:
        os.close(pipe)
        try:
            sock = str(tmp_path / "serve" / "data" / "papi.sock")
            wait_for(lambda: os.path.exists(sock), 30, "it serves")
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
                client.connect(sock)
                client.sendall(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
                assert b" 200 " in client.recv(4096)
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        finally:
            process.kill()
        papi_process.assert_no_sanitizer_report(process.stderr.read())
