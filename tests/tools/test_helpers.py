# SPDX-License-Identifier: Apache-2.0
"""The helpers that every API test stands on, tested against each other; and the runner's counting."""

import importlib.machinery
import importlib.util
import json
import os
import pathlib
import socket
import stat
import sys

import papi_process
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Address:
    """What request() and chat() need of a process."""

    def __init__(self, port):
        self.port = port

    def address(self):
        return ("127.0.0.1", self.port)


def test_a_scripted_upstream_answers(upstream):
    status, headers, answer = papi_process.chat(Address(upstream().port), text="hi")
    assert status == 200
    assert headers["content-type"] == "application/json"
    assert answer["choices"][0]["message"]["content"] == "Hello."


def test_a_scripted_upstream_streams(upstream):
    body = {"model": "m", "messages": [], "stream": True}
    status, _, answer = papi_process.request(Address(upstream().port), "POST", "/v1/chat/completions", body)
    events = papi_process.sse_events(answer)
    assert status == 200
    assert events[-1] == "[DONE]"
    assert events[-2]["choices"][0]["finish_reason"] == "stop"


def test_requests_stay_apart_on_one_connection(upstream):
    server = upstream()
    one = papi_process.request_bytes("POST", "/v1/chat/completions", {"messages": []})
    with papi_process.RawConnection(("127.0.0.1", server.port)) as connection:
        connection.send(one + one)
        assert connection.read_response()[0] == 200
        assert connection.read_response()[0] == 200
    assert server.connections == 1


def test_a_silent_upstream_notices_the_peer_leaving(upstream):
    seen = []

    def script(connection):
        seen.append(connection.wait_closed())
    server = upstream(script)
    papi_process.RawConnection(("127.0.0.1", server.port)).close()
    papi_process.wait_for(lambda: seen, what="the end of the script")
    assert seen == [True]


def test_reset_is_seen_as_closed(upstream):
    def script(connection):
        connection.read_exactly(1)
        connection.reset()
    server = upstream(script)
    with papi_process.RawConnection(("127.0.0.1", server.port)) as connection:
        connection.send(b"x")
        assert connection.is_closed()


def test_a_failed_script_is_reported():
    def script(_connection):
        raise ValueError("the script is wrong")
    with pytest.raises(ValueError, match="the script is wrong"):
        with papi_process.ScriptedUpstream(script) as server:
            with papi_process.RawConnection(("127.0.0.1", server.port)) as connection:
                assert connection.is_closed()


def test_the_dead_port_refuses(dead_port):
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", dead_port), timeout=5)


def test_wait_for_gives_up():
    with pytest.raises(AssertionError, match="the moon"):
        papi_process.wait_for(lambda: False, 0.05, "the moon")


@pytest.fixture
def play_papi(tmp_path, monkeypatch):
    """play_papi(python) -> makes a script the program under test."""
    def make(code):
        program = tmp_path / "papi"
        program.write_text(f"#!{sys.executable}\n{code}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PAPI_BIN", str(program))
    return make


LISTENS = """
import signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
print("PAPI x\\nlistening on http://127.0.0.1:4321", flush=True)
signal.sigwait([signal.SIGTERM])
print({at_end!r}, file=sys.stderr, flush=True)
sys.exit({code})
"""


def test_a_process_that_ends_well(play_papi, start_serve):
    play_papi(LISTENS.format(at_end="bye", code=0))
    papi = start_serve({"providers": {}})
    assert papi.url == "http://127.0.0.1:4321"
    papi.stop()


@pytest.mark.parametrize("at_end, code", [("bye", 1), ("ERROR: LeakSanitizer: detected memory leaks", 0),
                                          ("a.c:1: runtime error: shift", 0), ("WARNING: ThreadSanitizer: race", 0)])
def test_a_process_that_ends_badly_fails_the_test(play_papi, tmp_path, at_end, code):
    play_papi(LISTENS.format(at_end=at_end, code=code))
    papi = papi_process.serve(tmp_path / "s", {}).start()
    with pytest.raises(AssertionError):
        papi.stop()


def test_a_process_that_does_not_start_shows_why(play_papi, tmp_path):
    play_papi("import sys; sys.exit('papi.yaml:1:1: wrong')")
    with pytest.raises(AssertionError, match="papi.yaml:1:1: wrong"):
        papi_process.serve(tmp_path / "s", {}).start()


def test_keys_of_the_developer_stay_outside(play_papi, monkeypatch):
    monkeypatch.setenv("GROQ_API_KEY", "real")
    monkeypatch.setenv("PAPI_QUEUE_MAX_WAIT", "1s")
    play_papi("import os, json; print(json.dumps(dict(os.environ)))")
    seen = json.loads(papi_process.run_papi("version", env={"MINE_API_KEY": "test"}).stdout)
    assert "GROQ_API_KEY" not in seen
    assert "PAPI_QUEUE_MAX_WAIT" not in seen
    assert seen["MINE_API_KEY"] == "test"
    assert "detect_leaks=1" in seen["ASAN_OPTIONS"]


@pytest.fixture(scope="module")
def runner():
    """tests/run as a module."""
    loader = importlib.machinery.SourceFileLoader("papi_tests_run", str(ROOT / "tests" / "run"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("papi_tests_run", loader))
    loader.exec_module(module)
    return module


CMOCKA_OUTPUT = """[==========] Running 3 test(s).
[ RUN      ] test_one
[       OK ] test_one
[ RUN      ] test_two
{two}
[ RUN      ] test_three
[       OK ] test_three
[==========] 3 test(s) run.
"""


@pytest.mark.parametrize("two, code, counts", [
    ("[       OK ] test_two", 0, "3 passed, 0 failed, 0 skipped"),
    ("a != b\n[  FAILED  ] test_two", 1, "2 passed, 1 failed, 0 skipped"),
    ("[  SKIPPED ] test_two", 0, "2 passed, 0 failed, 1 skipped"),
    ("[       OK ] test_two", 99, "3 passed, 1 failed, 0 skipped"),
    ("==1==ERROR: AddressSanitizer: SEGV", 99, "2 passed, 1 failed, 0 skipped"),
])
def test_cmocka_is_counted(runner, two, code, counts):
    assert str(runner.count_cmocka("unit", code, CMOCKA_OUTPUT.format(two=two))) == counts


def test_a_program_without_cmocka_counts_as_one(runner):
    assert str(runner.count_cmocka("unit", 0, "fine\n")) == "1 passed, 0 failed, 0 skipped"
    assert str(runner.count_cmocka("unit", None, "killed")) == "0 passed, 1 failed, 0 skipped"


def test_a_command_that_hangs_is_killed_with_what_it_started(runner, tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "INTERRUPT_SECONDS", 0.2)
    pid_file = tmp_path / "pid"
    code, output = runner.run_command(["bash", "-c", f"sleep 600 & echo $! >{pid_file}; echo started; wait"], 1)
    assert code is None
    assert "started" in output and "ended after 1 s" in output
    papi_process.wait_for(lambda: not pathlib.Path(f"/proc/{pid_file.read_text().strip()}/cmdline").exists()
                          or not pathlib.Path(f"/proc/{pid_file.read_text().strip()}/cmdline").read_bytes())


def test_a_suite_that_hangs_tells_what_it_has_done(runner, tmp_path, monkeypatch):
    (tmp_path / "test_a.py").write_text("def test_good(): pass\n\ndef test_hang():\n    import threading\n"
                                        "    threading.Event().wait()\n")
    monkeypatch.setattr(runner, "PYTEST_SECONDS", 3)
    monkeypatch.setattr(runner, "PYTHON", sys.executable)
    monkeypatch.setattr(sys, "argv", ["run", "tools"])
    tally = runner.suite_pytest(tmp_path, runner.parse(), 1)
    assert tally.passed >= 1
    assert tally.failed >= 1


def test_junit_is_counted(runner, tmp_path):
    report = tmp_path / "report.xml"
    report.write_text('<testsuites><testsuite><testcase classname="a" name="b"/><testcase name="c"><failure '
                      'message="no"/></testcase><testcase name="d"><skipped message="why"/></testcase>'
                      '<testcase name="e"><error message="broken"/></testcase></testsuite></testsuites>')
    tally = runner.Tally()
    runner.count_junit(tally, report)
    assert str(tally) == "1 passed, 2 failed, 1 skipped"
    assert tally.skips == [(".d", "why")]


def test_a_stale_program_is_not_run(runner, tmp_path):
    for name in ("kept", "gone"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        os.chmod(tmp_path / name, 0o755)
    runner.drop_stale(tmp_path, {"kept"})
    assert [p.name for p in tmp_path.iterdir()] == ["kept"]
