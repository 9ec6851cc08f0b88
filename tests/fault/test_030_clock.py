# SPDX-License-Identifier: Apache-2.0
"""Case 30 of the fault list, clocks: the date is set back and forward by an hour, by a day, and the machine's other clocks begin elsewhere.
Requests, waits and windows that roll go by a clock that nobody sets."""

import datetime
import os
import pathlib
import re
import shutil
import struct
import subprocess
import threading

import admin
import papi_process
import pytest
from load import Load
from papi_process import RawConnection, answer_script, provider, request_bytes, wait_for

HERE = pathlib.Path(__file__).resolve().parent
HOUR = 3600


class Clock:
    """The date of one papi, as far from the machine's as it is told."""

    def __init__(self, folder):
        folder.mkdir()
        self.file, library = folder / "seconds", folder / "clock_jump.so"
        compiler = shutil.which("cc") or shutil.which("gcc")
        assert compiler, "a C compiler is needed"
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, HERE / "clock_jump.c"], check=True, timeout=120)
        self.jump(0)
        # A sanitizer's library must come first.
        linked = subprocess.run(["ldd", papi_process.papi_binary()], capture_output=True, text=True, timeout=60, check=False).stdout
        first = re.findall(r"=> (\S*/lib[at]san\S*)", linked)
        self.env = {"LD_PRELOAD": ":".join([*first, str(library)]), "CLOCK_JUMP_FILE": str(self.file)}

    def jump(self, seconds):
        with open(self.file, "r+b" if self.file.exists() else "wb") as file:
            file.write(struct.pack("q", seconds))


@pytest.fixture
def clock(tmp_path):
    return Clock(tmp_path / "clock")


@pytest.fixture
def start(tmp_path, upstream, request):
    def run(limits=(), env=None, **config):
        server = upstream(answer_script())
        more = {"limits": list(limits)} if limits else {}
        papi = papi_process.serve(tmp_path / "serve", {"loops": 2, **config, "providers": {
            "only": provider(server.url, ["m"], concurrency=100, **more)}}, env=env)
        papi.start()
        request.addfinalizer(papi.stop)
        return papi
    return run


def test_030_the_date_is_set_under_load(start, clock):
    """An hour back, an hour forward, a day forward and a day back: nobody fails, and rows have the date that was in force."""
    papi = start(env=clock.env)
    with Load(papi, count=10) as load:
        for hours in (-1, 0, 1, 25, -25, 0):
            clock.jump(hours * HOUR)
            load.more(100)
            papi_process.wait_for(lambda: admin.get(papi, "/admin/v1/status")["uptime_s"] < 600, 5, "it has not run for hours")
    assert not load.failures
    state = admin.get(papi, "/admin/v1/status")
    assert state["store"]["state"] == "ok" and state["store"]["details_dropped"] == 0
    wait_for(lambda: totals(papi) >= load.answers, 20, "every answer is in the totals")
    clock.jump(HOUR)
    before = datetime.datetime.now(datetime.timezone.utc)
    assert papi_process.chat(papi, "m")[0] == 200

    def is_recorded():
        rows = admin.get(papi, "/admin/v1/requests?limit=1")["data"]
        at = datetime.datetime.fromisoformat(rows[0]["at"].replace("Z", "+00:00"))
        return datetime.timedelta(minutes=50) < at - before < datetime.timedelta(minutes=70)
    wait_for(is_recorded, 20, "a row with the date of the gateway: the library is in force")


def totals(papi):
    return sum(row["requests"] for row in admin.get(papi, "/admin/v1/usage?by=day&limit=1000")["data"])


@pytest.mark.parametrize("hours", [-1, 1], ids=["back", "forward"])
def test_030_windows_that_roll_do_not_follow_the_date(start, clock, hours):
    """A window of 30 minutes that is used up stays so when an hour passes on the wall only; one that waits waits no longer."""
    papi = start(limits=[{"requests": 3, "per": "30m"}], env=clock.env)
    for _ in range(3):
        assert papi_process.chat(papi, "m")[0] == 200
    clock.jump(hours * HOUR)
    status, _, answer = papi_process.chat(papi, "m", headers={"x-papi-deadline-ms": "800"})
    assert status == 429, answer
    room = float(re.search(r"Room is expected in ([0-9.]+) s", answer["error"]["message"]).group(1))
    assert 1700 < room <= 1860, answer


def test_030_a_wait_does_not_follow_the_date(start, clock):
    """Who waits some seconds for room is served after these seconds, whatever the date does meanwhile."""
    papi = start(limits=[{"requests": 1, "per": "3s"}], env=clock.env)
    assert papi_process.chat(papi, "m")[0] == 200
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(papi_process.chat(papi, "m")[0]))
    waiting.start()
    for hours in (-1, 1, 0):
        clock.jump(hours * HOUR)
    waiting.join(30)
    assert answers == [200]


def test_030_the_other_clocks_begin_elsewhere(tmp_path, upstream):
    """In a time namespace whose clocks of uptime are ten days ahead: machines that slept, containers that moved."""
    unshare = shutil.which("unshare")
    tried = unshare and subprocess.run([unshare, "--time", "--boottime", "864000", "--monotonic", "432000", "true"], capture_output=True,
                                       timeout=60, check=False)
    if not tried or tried.returncode != 0:
        pytest.skip("no time namespace can be made here")
    papi = papi_process.serve(tmp_path / "serve", {"loops": 2, "providers": {
        "only": provider(upstream(answer_script()).url, ["m"], concurrency=100, limits=[{"requests": 30, "per": "hour"}])}})
    program = papi.arguments
    papi.arguments = [unshare, "--time", "--boottime", "864000", "--monotonic", "432000", *program]
    with papi:
        for _ in range(10):
            assert papi_process.chat(papi, "m")[0] == 200
    # The next start is in the namespace of before: its clocks have gone back by days.
    papi.arguments = program
    with papi_process.PapiProcess(program[1:], cwd=papi.cwd) as again:
        (account,) = admin.get(again, "/v1/papi/capacity")["accounts"]
        assert account["limits"][0]["used"] == 10
        assert papi_process.chat(again, "m")[0] == 200
    assert os.path.exists(papi.cwd)
