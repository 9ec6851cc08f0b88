# SPDX-License-Identifier: Apache-2.0
"""Case 30 of the fault list, the log: a disk that is full, a reader that does not read and a reader that has gone neither stop nor slow
requests; what was lost is counted and said."""

import json
import os
import re
import shlex
import signal
import subprocess

import admin
import papi_process
import pytest
from faults import metrics
from papi_process import answer_script, provider, wait_for


def answers(connection):
    """A provider that fails every request: each is a line of the log."""
    while connection.read_request() is not None:
        connection.send(b"HTTP/1.1 500 Oops\r\ncontent-length: 2\r\n\r\n{}")


@pytest.fixture
def start(upstream, tmp_path):
    """papi serve whose log goes to `file`, before a provider that fails."""
    server = upstream(answers)

    def run(file, **log):
        config = {"loops": 1, "providers": {"only": provider(server.url)}, "log": {"level": "debug", "file": str(file), **log}}
        return papi_process.serve(tmp_path / "serve", config)
    return run


def lost(papi):
    return metrics(papi).get("papi_log_lines_lost_total", 0)


def fail_some(papi, count=5):
    for _ in range(count):
        assert papi_process.chat(papi)[0] in (502, 503, 429)


def test_030_log_file_is_reopened_by_usr1(start, tmp_path):
    file = tmp_path / "papi.log"
    with start(file) as papi:
        fail_some(papi)
        wait_for(lambda: file.exists() and "attempt.failed" in file.read_text(), what="a line")
        os.rename(file, tmp_path / "papi.log.1")
        papi.process.send_signal(signal.SIGUSR1)
        wait_for(file.exists, what="the new file")
        assert os.stat(file).st_mode & 0o777 == 0o640
        papi.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "reload.done" in file.read_text(), what="a line in the new file")
        assert "attempt.failed" not in papi.stderr and "reload.done" not in (tmp_path / "papi.log.1").read_text()


def test_030_log_disk_full_then_room(start, tmp_path):
    """/dev/full answers every write as a full disk does."""
    file = tmp_path / "papi.log"
    os.symlink("/dev/full", file)
    with start(file) as papi:
        fail_some(papi)
        wait_for(lambda: lost(papi) >= 1, what="lost lines are counted")
        file.unlink()
        papi.process.send_signal(signal.SIGUSR1)
        wait_for(lambda: file.exists() and " log.lost lines=" in file.read_text(), what="the line about lost ones")
    said = sum(int(n) for n in re.findall(r" log\.lost lines=(\d+)", file.read_text()))
    assert said >= 1
    assert "drain.end" in file.read_text()


def test_030_log_as_json(start, tmp_path):
    file = tmp_path / "papi.log"
    with start(file, format="json") as papi:
        fail_some(papi)
        wait_for(lambda: file.exists() and "attempt.failed" in file.read_text(), what="a line")
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert any(row["event"] == "attempt.failed" and row["provider"] == "only" for row in rows)


def test_030_log_file_that_cannot_be_opened_is_an_error_of_the_start(start, tmp_path):
    papi = start(tmp_path / "missing" / "papi.log")
    papi.wait_ready = False
    papi.start()
    papi.wait_exit(1)
    assert "the log file" in papi.stderr and "No such file" in papi.stderr


@pytest.mark.parametrize("reads", [True, False], ids=["gone", "asleep"])
def test_030_nobody_reads_standard_error(upstream, tmp_path, reads):
    """`papi serve 2>&1 | head`: the reader goes away, or stops reading with a full pipe."""
    server = upstream(answer_script())
    papi = papi_process.serve(tmp_path / "serve", {"loops": 1, "providers": {"only": provider(server.url)},
                                                   "log": {"level": "debug"}, "limits": {"header_timeout": "1s"}})
    end, pipe = os.pipe()
    os.set_blocking(pipe, False)
    filler = 0
    if not reads:
        try:
            while True:
                filler += os.write(pipe, b"x" * 4096)
        except BlockingIOError:
            pass
    os.set_blocking(pipe, True)
    with RedirectedErrors(papi, pipe) as running:
        os.close(pipe)
        if reads:
            os.close(end)
        for _ in range(100):
            running.process.send_signal(signal.SIGHUP)
            assert papi_process.chat(running)[0] == 200
        if not reads:
            assert filler > 0
        wait_for(lambda: lost(running) >= 1 or not reads, 30, "lost lines are counted")
    if not reads:
        os.close(end)


class RedirectedErrors:
    """A papi whose standard error is `pipe`."""

    def __init__(self, papi, pipe):
        self.papi, self.pipe = papi, pipe

    def __enter__(self):
        self.papi.start(stderr=self.pipe)
        return self.papi

    def __exit__(self, kind, *_):
        if kind is None:
            self.papi.stop()
        else:
            self.papi.kill()


def is_serving(papi):
    """The socket's file is there a moment before anybody listens."""
    try:
        return admin.ask(papi, "GET", "/admin/v1/status")[0] == 200
    except (FileNotFoundError, ConnectionRefusedError):
        return False


@pytest.mark.parametrize("lines", [1, 0], ids=["head -1", "head -0"])
def test_030_nobody_reads_standard_output(tmp_path, upstream, lines):
    """`papi serve | head -1`: the start screen has lost its reader; what is served goes on, a reload and the end too."""
    papi = papi_process.serve(tmp_path / "serve", {"loops": 2, "providers": {"only": provider(upstream(answer_script()).url, ["m"])}})
    command = " ".join(shlex.quote(text) for text in papi.arguments) + f" & echo $! >pid; wait $!; echo $? >code"
    with subprocess.Popen(["/bin/bash", "-c", f"( {command} ) | head -{lines} >first"], cwd=papi.cwd, env=papi.env,
                          stderr=subprocess.PIPE, text=True) as shell:
        try:
            wait_for(lambda: is_serving(papi), 30, "it serves")
            body = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
            assert admin.ask(papi, "POST", "/v1/chat/completions", body)[0] == 200
            assert admin.ask(papi, "POST", "/admin/v1/reload")[0] == 200
            assert admin.ask(papi, "POST", "/v1/chat/completions", body)[0] == 200
        finally:
            os.kill(int((tmp_path / "serve" / "pid").read_text()), signal.SIGTERM)
        _, errors = shell.communicate(timeout=60)
    papi_process.assert_no_sanitizer_report(errors)
    assert (tmp_path / "serve" / "code").read_text().strip() == "0", errors
    assert len((tmp_path / "serve" / "first").read_text().splitlines()) == lines
