# SPDX-License-Identifier: Apache-2.0
"""An open-source project: its CI has a base URL and one key with a quota of a day; jobs run side by side, are counted together, and learn
when to come back."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time

import openai
import pytest

import admin
import papi_process
from papi_process import request, run_papi, wait_for

QUOTA = 12
DAY_MS = 24 * 3600 * 1000
# What such a project has in its repository: official SDK, settings from the environment, as CI services give them.
PROJECT_TEST = '''
import openai, pytest

@pytest.mark.parametrize("number", range(12))
def test_it_answers(number):
    answer = openai.OpenAI().chat.completions.create(model="auto", messages=[{"role": "user", "content": f"case {number}"}])
    assert answer.choices[0].message.content
'''
PERIODS = ("minute", "hour", "day")


def far_from_midnight():
    """The quota is one of a day, UTC: a run that straddles midnight would see two."""
    left = 86400 - time.time() % 86400
    if left < 30:
        wait_for(lambda: time.time() % 86400 < 3600, 40, "the next day")


def key_row(papi, key):
    status, _, body = request(papi, "GET", "/v1/papi/limits", headers={"authorization": f"Bearer {key}"})
    assert status == 200
    (row,) = [row for row in json.loads(body)["limits"] if row["limit"] == "requests_per_day"]
    return row


def jobs(folder, papi, key):
    """`pytest -n 3` of the project, as its CI calls it."""
    (folder / "test_project.py").write_text(PROJECT_TEST)
    env = papi_process.clean_environment({"OPENAI_BASE_URL": f"{papi.url}/v1", "OPENAI_API_KEY": key, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})
    return subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "xdist", "-n", "3", "-p", "no:cacheprovider", "test_project.py"],
                          cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False)


def a_day_passes(folder):
    """What the store of a stopped gateway holds becomes a day older: tomorrow, without waiting for it."""
    with sqlite3.connect(folder / "data" / "papi.db") as db:
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type='table'")}
        older = [name for name in tables if "at" in {column[1] for column in db.execute(f"PRAGMA table_info({name})")}]
        assert {"request", "attempt"} <= set(older)
        for name in older:
            db.execute(f"UPDATE {name} SET at = at - {DAY_MS}")
    db.close()


def test_a_day_of_ci(tmp_path):
    far_from_midnight()
    project = tmp_path / "project"
    project.mkdir()
    with papi_process.mock(tmp_path / "mock", "healthy") as mock:
        config = {"auth": "keys", "providers": {"lab": papi_process.provider(f"{mock.url}/lab/v1", ["m"])}}
        with papi_process.serve(tmp_path / "serve", config) as papi:
            data = admin.socket_path(papi).parent
            made = json.loads(run_papi("client", "add", "ci", "--requests-per-day", QUOTA, "--json", "--data", data).stdout)
            key = made["key"]
            done = jobs(project, papi, key)
            assert done.returncode == 0 and "12 passed" in done.stdout, done.stdout + done.stderr
            row = key_row(papi, key)
            assert (row["used"], row["remaining"]) == (QUOTA, 0)

            # Over the quota: at once, once, in words, with the time.
            began = time.monotonic()
            with pytest.raises(openai.RateLimitError) as refused:
                openai.OpenAI(base_url=f"{papi.url}/v1", api_key=key).chat.completions.create(
                    model="auto", messages=[{"role": "user", "content": "one more"}])
            assert time.monotonic() - began < 5  # the SDK was told not to try again
            message = refused.value.message
            assert f"{QUOTA} requests a day" in message and re.search(r"\(at \d{4}-\d\d-\d\dT00:00:00\.\d{3}Z\)", message), message
            assert refused.value.response.headers["x-should-retry"] == "false"
            listed = wait_for(lambda: [row for row in json.loads(run_papi(
                "requests", "--failed", "--client", made["id"], "--json", "--data", data).stdout)["data"]], 20, "the refusal in the list")
            assert [row["status"] for row in listed] == [429]

            # Another key is counted by itself.
            other = json.loads(run_papi("client", "add", "demo-site", "--requests-per-day", 5, "--json", "--data", data).stdout)["key"]
            assert papi_process.chat(papi, "auto", headers={"authorization": f"Bearer {other}"})[0] == 200
            assert key_row(papi, other)["used"] == 1
        # A restart forgets nothing; the next day does.
        with papi_process.serve(tmp_path / "serve", config) as papi:
            assert key_row(papi, key)["remaining"] == 0
            papi.process.send_signal(signal.SIGTERM)
            papi.wait_exit()
        a_day_passes(tmp_path / "serve")
        with papi_process.serve(tmp_path / "serve", config) as papi:
            assert key_row(papi, key)["used"] == 0
            assert papi_process.chat(papi, "auto", headers={"authorization": f"Bearer {key}"})[0] == 200
            assert key_row(papi, key)["remaining"] == QUOTA - 1


def test_jobs_side_by_side_share_one_quota(tmp_path):
    """Thirty jobs begin together with room for twelve: exactly twelve pass, and the provider was asked twelve times."""
    far_from_midnight()
    with papi_process.mock(tmp_path / "mock", "healthy") as mock:
        config = {"auth": "keys", "loops": 2, "providers": {"lab": papi_process.provider(f"{mock.url}/lab/v1", ["m"])}}
        with papi_process.serve(tmp_path / "serve", config) as papi:
            data = admin.socket_path(papi).parent
            key = json.loads(run_papi("client", "add", "ci", "--requests-per-day", QUOTA, "--json", "--data", data).stdout)["key"]
            commands = ["curl", "-s", "-o", os.devnull, "-w", "%{http_code}", f"{papi.url}/v1/chat/completions", "-H", f"authorization: Bearer {key}",
                        "-H", "content-type: application/json", "-d", '{"model": "auto", "messages": [{"role": "user", "content": "job"}]}']
            running = [subprocess.Popen(commands, stdout=subprocess.PIPE, text=True) for _ in range(30)]
            codes = [job.communicate(timeout=60)[0] for job in running]
            assert (codes.count("200"), codes.count("429")) == (QUOTA, 30 - QUOTA)
            assert json.loads(request(mock, "GET", "/_mock/stats")[2])["lab"]["requests"] == QUOTA
