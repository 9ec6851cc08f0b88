# SPDX-License-Identifier: Apache-2.0
"""A class: thirty students with a key each on one address, one of them floods; the teacher rotates, revokes and looks who used what.

Nothing that could be billed is ever asked: a key that only bills stands in the environment, another provider is called paid in the file,
and the simulator that plays both must have seen no request.
"""

import concurrent.futures
import json
import subprocess
import time
import urllib.parse

import openai
import pytest

import admin
import papi_process
from outside import Outside, own_address
from papi_process import run_papi, wait_for

STUDENTS = [f"student-{number:02}" for number in range(1, 31)]
LIMITS = ["--requests-per-minute", "6", "--tokens-per-day", "20000", "--concurrency", "2"]
CONFIG = """
listen: 0.0.0.0:0
auth: keys
insecure_http: true
audience: group
providers:
  lab: {{base_url: "{mock}/lab/v1", models: [gpt-oss-120b], data_use: no-training, limits: [{{requests: 80, per: 5s}}]}}
  club: {{base_url: "{mock}/club/v1", models: [gpt-oss-20b], data_use: no-training, limits: [{{requests: 80, per: 5s}}]}}
  faculty: {{base_url: "{mock}/faculty/v1", models: [gpt-oss-120b], data_use: no-training, tier: paid, keys: [env:FACULTY_KEY], billing: paid}}
"""
LAB_LIMITS = [{"requests": 80, "window_ms": 5000}]


class Teacher:
    """Who runs the instance, on the machine it runs on."""

    def __init__(self, papi):
        self.papi = papi

    def run(self, *words):
        done = run_papi(*words, "--data", admin.socket_path(self.papi).parent)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def json(self, *words):
        return json.loads(self.run(*words, "--json"))

    def add(self, name):
        return self.json("client", "add", name, *LIMITS)["key"]

    def usage(self, name):
        """The sums of one student, by curl on the socket as the guide shows."""
        client = urllib.parse.quote(self.json("client", "show", name)["id"])
        done = subprocess.run(["curl", "-fsS", "--unix-socket", admin.socket_path(self.papi), f"http://papi/admin/v1/usage?by=day&client={client}"],
                              capture_output=True, text=True, timeout=20, check=True)
        return json.loads(done.stdout)["data"]


@pytest.fixture(name="school", scope="module")
def fixture_school(tmp_path_factory):
    """The running instance: (teacher, base URL that students are given, key of each, truth of the simulator by provider)."""
    folder = tmp_path_factory.mktemp("school")
    scripts = json.dumps([{"provider": "lab", "limits": LAB_LIMITS}, {"provider": "club", "limits": LAB_LIMITS}]) + "\n"
    with papi_process.mock(folder / "mock", scripts) as mock, \
            Outside(folder / "outside", mock, {"api.openai.com": "openai", "api.anthropic.com": "anthropic"}) as outside:
        env = {**outside.env, "OPENAI_API_KEY": "sk-proj-" + "a1" * 20, "ANTHROPIC_API_KEY": "sk-ant-" + "b2" * 20, "FACULTY_KEY": "costs-money"}
        (folder / "papi.yaml").write_text(CONFIG.format(mock=mock.url))
        arguments = ["serve", "--config", folder / "papi.yaml", "--data", folder / "data"]
        with papi_process.PapiProcess(arguments, env=env, cwd=folder) as papi:
            teacher = Teacher(papi)
            with concurrent.futures.ThreadPoolExecutor(3) as pool:
                keys = dict(zip(STUDENTS, pool.map(teacher.add, STUDENTS)))
            base = f"http://{own_address() or '127.0.0.1'}:{papi.port}/v1"
            yield teacher, base, keys, lambda name: json.loads(papi_process.request(mock, "GET", "/_mock/stats")[2]).get(name, {"requests": 0})


def ask(base, key, model="auto", **more):
    """One answer as a student's program gets it; SDK errors come as they are."""
    with openai.OpenAI(base_url=base, api_key=key, max_retries=0, timeout=30) as client:
        return client.chat.completions.create(model=model, messages=[{"role": "user", "content": "What is a monad?"}], **more)


def test_paid_keys_are_shown_and_left_alone(school):
    teacher, _, keys, _ = school
    assert "openai (OPENAI_API_KEY) key found, not used, since it only bills" in teacher.papi.stdout
    assert "anthropic (ANTHROPIC_API_KEY)" in teacher.papi.stdout
    assert len(set(keys.values())) == 30


def test_one_floods_and_the_others_are_answered(school):
    teacher, base, keys, truth = school
    flooder, others = STUDENTS[0], STUDENTS[5:]

    def flood(_):
        try:
            return ask(base, keys[flooder])
        except openai.RateLimitError as refused:
            return refused
    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        flooding = [pool.submit(flood, number) for number in range(40)]
        answers = list(pool.map(lambda name: ask(base, keys[name], stream=False), others))
        outcomes = [future.result() for future in flooding]
    assert len(answers) == 25 and all(answer.choices[0].message.content for answer in answers)
    refused = [outcome for outcome in outcomes if isinstance(outcome, openai.RateLimitError)]
    assert 1 <= len(outcomes) - len(refused) <= 6
    for refusal in refused:
        assert "6 requests a minute" in refusal.message or "2 requests at once" in refusal.message, refusal.message
    # Who wants to know asks for his own limits.
    headers = {"authorization": f"Bearer {keys[flooder]}"}
    status, _, body = papi_process.request(teacher.papi, "GET", "/v1/papi/limits", headers=headers)
    row = next(row for row in json.loads(body)["limits"] if row["limit"] == "requests_per_minute")
    assert status == 200 and row["used"] == len(outcomes) - len(refused)
    for name in ("lab", "club"):
        assert truth(name).get("refused_by_limit", 0) == 0


def test_the_teacher_sees_who_used_what(school):
    teacher, base, keys, _ = school
    quiet = STUDENTS[1]
    for _ in range(2):
        ask(base, keys[quiet])
    with pytest.raises(openai.NotFoundError):
        ask(base, keys[quiet], model="gpt-99")
    rows = wait_for(lambda: (got := teacher.json("requests", "--client", quiet)["data"])[2:] and got, 20, "three rows")
    assert sorted(row["status"] for row in rows) == [200, 200, 404] and {row["client"] for row in rows} == {teacher.json("client", "show", quiet)["id"]}
    table = teacher.run("requests", "--client", quiet)
    assert table.count(quiet) == 3, table
    sums = wait_for(lambda: [row for row in teacher.usage(quiet) if row["provider"]], 20, "sums")
    assert sum(row["requests"] for row in sums) == 2 and sum(row["input_tokens"] for row in sums) > 0
    assert "What is a monad" not in teacher.run("requests", "--client", quiet, "--json")


def test_lost_left_and_late_keys(school):
    teacher, base, keys, _ = school
    lost, left = STUDENTS[2], STUDENTS[3]
    fresh = teacher.json("client", "rotate", lost)["key"]
    with pytest.raises(openai.AuthenticationError, match="papi client"):
        ask(base, keys[lost])
    assert ask(base, fresh).choices
    teacher.run("client", "revoke", left)
    with pytest.raises(openai.AuthenticationError, match="was revoked"):
        ask(base, keys[left])
    guest = teacher.json("client", "add", "guest", "--expires", "2s")["key"]
    assert ask(base, guest).choices

    def late():
        try:
            ask(base, guest)
        except openai.AuthenticationError as refused:
            return refused
        return None
    assert "has expired" in wait_for(late, 10, "the end of a key").message
    with pytest.raises(openai.AuthenticationError):
        ask(base, "sk-a-key-of-somebody-else")
    table = teacher.run("client", "list")
    assert table.count("student-") == 30 and "revoked" in table and "expired" in table and "sk-papi" not in table


def test_nothing_that_bills_was_ever_asked(school):
    """Also where the free ones have no room, and where somebody names the model that only the paid provider has room for."""
    teacher, base, keys, truth = school
    began = time.monotonic()
    names = iter(STUDENTS[5:])
    refused = None
    while refused is None and time.monotonic() - began < 8:
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            batch = [(name, pool.submit(ask, base, keys[name], "gpt-oss-120b")) for name in (next(names, None) for _ in range(8)) if name]
        if not batch:
            break
        refused = next((future.exception() for _, future in batch if future.exception()), None)
    assert refused is None or isinstance(refused, openai.RateLimitError)
    assert truth("lab")["requests"] > 20
    for name in ("openai", "anthropic", "faculty"):
        assert truth(name)["requests"] == 0
    assert not any(row["provider"] in ("openai", "anthropic", "faculty") for row in teacher.json("requests", "--limit", "1000")["data"])
