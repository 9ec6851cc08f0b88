# SPDX-License-Identifier: Apache-2.0
"""papi provider test: every verdict from scripted providers, and what must never happen: a key in the output, quota spent
unasked, a command that does not end, a good key called bad."""

import json
import threading

import pytest
from papi_process import chunk_event, closed_port, completion, provider, run_papi

COLUMNS = 100
KEY = "sk-test-0123456789abcdef"
REFUSED = {"error": {"message": f"Incorrect API key provided: {KEY}.", "code": "invalid_api_key"}}


class Listing:
    """Answers with one thing, or by path; keeps what it was asked and who was there at the same time."""

    def __init__(self, *answer, by_path=None):
        self.answer, self.by_path = answer, by_path or {}
        self.asked, self.heads, self.bodies = [], [], []
        self.here = self.most = 0
        self.lock = threading.Lock()

    def __call__(self, connection):
        while (got := connection.read_request()) is not None:
            with self.lock:
                self.here += 1
                self.most = max(self.most, self.here)
                method, path, _ = connection.request_line.split(" ")
                self.asked.append(f"{method} {path}")
                self.heads.append(got[0])
                self.bodies.append(got[1])
            answer = self.by_path.get(path, self.answer)
            with self.lock:
                self.here -= 1
            if callable(answer[0]):
                answer[0](connection)
                return
            connection.respond(*answer)


def models(*ids):
    return {"object": "list", "data": [{"id": name, "object": "model"} for name in ids]}


def html(status):
    return status, "<!DOCTYPE html><title>Just a moment...</title>", {"content-type": "text/html"}


@pytest.fixture
def tried(tmp_path, upstream):
    """tried({id: script}, *arguments, ...) -> (CompletedProcess, rows by provider); the key is nowhere in the output."""
    def run(scripts, *arguments, env=None, settings=None, **more):
        file = tmp_path / "papi.yaml"
        providers = {}
        for name, script in scripts.items():
            url = script if isinstance(script, str) else upstream(script).url
            providers[name] = {"base_url": url, "keys": [{"key": "env:TEST_KEY"}], **more}
            if name.startswith("lab"):
                providers[name] = {**provider(url), **providers[name]}
        file.write_text(json.dumps({"keyless": "off", "providers": providers, **(settings or {})}))
        done = run_papi("provider", "test", *arguments, "--config", file, "--json", cwd=tmp_path,
                        env={"TEST_KEY": KEY, **(env or {})})
        assert KEY not in done.stdout + done.stderr
        assert "0123456789abcdef" not in done.stdout + done.stderr
        return done, {row["provider"]: row for row in json.loads(done.stdout)["tests"]} if done.stdout else {}
    return run


def test_every_verdict(tried):
    holder, port = closed_port()
    with holder:
        scripts = {
            "groq": Listing(200, models("openai/gpt-oss-20b", "openai/gpt-oss-120b")),
            "mistral": Listing(401, REFUSED),
            "lab-open": Listing(200, models("test-model")),
            "lab-poor": Listing(402, {"error": {"message": "Insufficient Balance"}}),
            "lab-forbidden": Listing(403, {"error": {"message": "no"}}),
            "lab-region": Listing(403, {"error": {"message": "x", "code": "unsupported_country_region_territory"}}),
            "lab-limited": Listing(429, {"error": {"message": "Too many requests"}}),
            "lab-closed": f"http://127.0.0.1:{port}/v1",
            "lab-nowhere": "https://no-such-host.invalid/v1",
            "lab-challenge": Listing(*html(403)),
            "lab-challenge-401": Listing(*html(401)),
            "lab-portal": Listing(*html(200)),
            "lab-elsewhere": Listing(302, "", {"location": f"http://127.0.0.1:1/{KEY}"}),
            "lab-junk": Listing((lambda connection: connection.send(b"\x00\x01 what?\r\n\r\n")),),
            "lab-empty": Listing(200, ""),
            "lab-reset": Listing((lambda connection: connection.reset()),),
            "lab-half": Listing((lambda connection: connection.send(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{")),),
            "lab-path": Listing(404, {"detail": "Not Found"}),
        }
        done, rows = tried(scripts)
    expected = {
        "groq": "ok", "mistral": "bad key", "lab-open": "reachable", "lab-poor": "no credit", "lab-forbidden": "forbidden",
        "lab-region": "region", "lab-limited": "rate limited", "lab-closed": "unreachable", "lab-nowhere": "unreachable",
        "lab-challenge": "unknown", "lab-challenge-401": "unknown", "lab-portal": "unknown", "lab-elsewhere": "unknown",
        "lab-junk": "unknown", "lab-empty": "unknown", "lab-reset": "unreachable", "lab-half": "unknown", "lab-path": "unknown"}
    assert {name: row["verdict"] for name, row in rows.items()} == expected
    assert list(rows) == list(expected)  # in the order of the file
    passed = {"ok", "reachable", "rate limited"}
    assert {name for name, row in rows.items() if not row["failed"]} == {n for n, v in expected.items() if v in passed}
    assert done.returncode == 1
    assert json.loads(done.stdout)["failed"] == sum(verdict not in passed for verdict in expected.values())
    groq = rows["groq"]
    assert groq["models"] == 2 and groq["status"] == 200 and groq["latency_ms"] < 10000 and groq["asked"] == "GET /models"
    assert "qwen/qwen3.8-27b" in groq["missing"] and "openai/gpt-oss-20b" not in groq["missing"]
    assert rows["lab-open"]["missing"] == [] and rows["lab-open"]["notes"]
    assert rows["lab-closed"]["says"] == "connection refused" and "status" not in rows["lab-closed"]
    assert "name" in rows["lab-nowhere"]["says"]
    assert rows["mistral"]["says"] == "Incorrect API key provided: (key)"
    assert "base_url" in rows["lab-path"]["says"]


def test_what_is_sent(tried):
    script = Listing(200, models("test-model"))
    done, rows = tried({"lab": script}, user_agent="agent/7")
    assert done.returncode == 0 and rows["lab"]["verdict"] == "reachable"
    assert script.asked == ["GET /v1/models"]
    head = script.heads[0]
    assert head["authorization"] == f"Bearer {KEY}" and head["user-agent"] == "agent/7"
    assert head["accept-encoding"] == "identity" and "content-length" not in head and "content-type" not in head


@pytest.mark.parametrize("name, field, keyed, anonymous", [
    ("aihorde", "apikey", KEY, None), ("opencode_zen", "authorization", f"Bearer {KEY}", "Bearer public"),
    ("kilo", "authorization", f"Bearer {KEY}", "")])
def test_the_head_field_of_a_key(tmp_path, upstream, name, field, keyed, anonymous):
    script = Listing(200, models())
    url = upstream(script).url
    file = tmp_path / "papi.yaml"
    for keys, sent in (([{"key": "env:TEST_KEY"}], keyed), ([], anonymous)):
        if sent is None:
            continue
        file.write_text(json.dumps({"providers": {name: {"base_url": url, "keys": keys}}}))
        done = run_papi("provider", "test", name, "--config", file, "--json", cwd=tmp_path,
                        env={"TEST_KEY": KEY, "PAPI_KEYLESS": "all"})
        assert json.loads(done.stdout)["tests"][0]["verdict"] == "reachable", done.stdout
        assert script.heads[-1].get(field, "") == sent
        assert {"apikey", "authorization"} - {field} - set(script.heads[-1])


def test_a_key_goes_to_no_other_address_than_its_own(tried):
    """The catalog names a URL of its own for these; at an address of the configuration that URL is not asked."""
    scripts = {"cohere": Listing(200, models()), "huggingface": Listing(200, models())}
    done, rows = tried(scripts)
    assert done.returncode == 0, done.stdout
    assert {row["verdict"] for row in rows.values()} == {"reachable"}
    assert all(script.asked == ["GET /v1/models"] for script in scripts.values())


def test_what_costs_is_not_asked_unasked(tried):
    """The catalog's probe of these is a chat."""
    scripts = {name: Listing(200, models("x")) for name in ("cerebras", "nvidia", "zai")}
    done, rows = tried(scripts)
    assert done.returncode == 0 and {row["verdict"] for row in rows.values()} == {"reachable"}
    assert all(script.asked == ["GET /v1/models"] for script in scripts.values())
    assert "public" in rows["nvidia"]["notes"][0]
    assert "quota" not in done.stderr


def test_chat(tried):
    good = Listing(by_path={"/v1/models": (200, models("test-model")), "/v1/chat/completions": (200, completion("x"))})
    poor = Listing(by_path={"/v1/models": (200, models("test-model")),
                            "/v1/chat/completions": (402, {"error": {"message": "Insufficient Balance"}})})
    bad = Listing(401, REFUSED)
    done, rows = tried({"lab-good": good, "lab-poor": poor, "lab-bad": bad}, "--chat")
    assert "quota" in done.stderr
    assert {name: row["verdict"] for name, row in rows.items()} == {"lab-good": "ok", "lab-poor": "no credit", "lab-bad": "bad key"}
    assert rows["lab-good"]["asked"] == "a chat" and rows["lab-good"]["models"] == 1
    assert good.asked == ["GET /v1/models", "POST /v1/chat/completions"]
    sent = json.loads(good.bodies[1])
    assert sent["model"] == "test-model" and 1 in (sent.get("max_tokens"), sent.get("max_completion_tokens"))
    assert not sent.get("stream") and good.heads[1]["authorization"] == f"Bearer {KEY}"
    assert bad.asked == ["GET /v1/models"]  # it has said enough


def test_chat_of_a_strange_kind(tried):
    script = Listing(by_path={"/v1/models": (200, models("test-model")), "/v1/chat/completions": (200, chunk_event()["id"])})
    done, rows = tried({"lab": script}, "--chat")
    assert (done.returncode, rows["lab"]["verdict"]) == (1, "unknown")


def test_what_bills_is_never_asked_for_a_chat(tried):
    scripts = {name: Listing(200, models("x")) for name in ("lab-paid", "openai")}
    _, rows = tried(scripts, "--chat", tier="paid")
    assert [script.asked for script in scripts.values()] == [["GET /v1/models"]] * 2
    assert all("free" in row["notes"][-1] for row in rows.values())


def test_a_key_that_is_not_used_is_tried_too(tried):
    script = Listing(401, REFUSED)
    _, rows = tried({"openai": script}, "--chat")  # it only bills: serve does not use it
    assert rows["openai"]["verdict"] == "bad key"


def test_keys_of_one_provider_one_after_another(tmp_path, upstream):
    script = Listing(200, models())
    file = tmp_path / "papi.yaml"
    keys = [{"key": f"env:TEST_KEY_{n}", "account": f"a{n}"} for n in range(6)]
    file.write_text(json.dumps({"keyless": "off", "providers": {"groq": {"base_url": upstream(script).url, "keys": keys}}}))
    done = run_papi("provider", "test", "--config", file, "--json", cwd=tmp_path,
                    env={f"TEST_KEY_{n}": f"key-number-{n}" for n in range(6)})
    rows = json.loads(done.stdout)["tests"]
    assert [row["account"] for row in rows] == [f"a{n}" for n in range(6)]
    assert [head["authorization"] for head in script.heads] == [f"Bearer key-number-{n}" for n in range(6)]
    assert script.most == 1 and done.returncode == 0
    assert "key-number" not in done.stdout


def endless(connection):
    """A list without an end, as fast as it is read."""
    connection.send("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{\"data\":[{\"id\":\"a\"}")
    piece = b",{\"id\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}" * 1000
    for _ in range(2000):
        connection.send(piece)


def test_large_answers(tried):
    many = [f"model-{n}" for n in range(30000)]
    done, rows = tried({"groq": Listing(200, models(*many)), "mistral": Listing(endless),
                        "lab-noise": Listing((lambda connection: connection.send(
                            b"HTTP/1.1 200 OK\r\n\r\n" + b"a" * 8_000_000)),)})
    assert rows["groq"]["verdict"] == "ok" and rows["groq"]["models"] == 20000
    assert rows["mistral"]["verdict"] == "ok" and "longer" in rows["mistral"]["says"] and "models" not in rows["mistral"]
    assert rows["lab-noise"]["verdict"] == "unknown" and done.returncode == 1


def test_slow_ones_have_ten_seconds_together(tried):
    """All are slow in their own way, and the command still ends after ten seconds."""
    def mute(connection):
        connection.wait_closed()

    def head_only(connection):
        connection.send("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{\"data\":[")
        connection.wait_closed()

    def drip(connection):
        connection.send("HTTP/1.1 200 OK\r\n")
        while not connection.wait_closed(0.2):
            connection.send("x-drip: 1\r\n")
    done, rows = tried({"lab-mute": Listing(mute), "lab-head": Listing(head_only), "lab-drip": Listing(drip),
                        "lab-quick": Listing(200, models("test-model"))})
    assert {name: row["verdict"] for name, row in rows.items()} == {
        "lab-mute": "unreachable", "lab-head": "unknown", "lab-drip": "unreachable", "lab-quick": "reachable"}
    assert "in time" in rows["lab-mute"]["says"] and "did not end" in rows["lab-head"]["says"]
    assert done.returncode == 1


def test_local_servers(tmp_path, upstream):
    vllm = Listing(200, {"data": [{"id": "m", "owned_by": "vllm"}]})
    port = upstream(vllm).port
    file = tmp_path / "papi.yaml"
    file.write_text("keyless: off\nlocal_servers: auto\n")
    done = run_papi("provider", "test", "--config", file, "--json", cwd=tmp_path,
                    env={"PAPI_LOCAL_SERVERS": "auto", "PAPI_LOCAL_PORTS": f"vllm={port}"})
    row, = json.loads(done.stdout)["tests"]
    assert (row["provider"], row["verdict"], row["models"], row["notes"]) == ("vllm", "reachable", 1, [])
    assert "account" not in row and done.returncode == 0


def test_the_table(tmp_path, upstream):
    long = "x" * 300
    file = tmp_path / "papi.yaml"
    file.write_text(json.dumps({"keyless": "off", "providers": {
        "groq": {"base_url": upstream(Listing(200, models())).url, "keys": [{"key": "env:TEST_KEY", "account": "a" * 40}]},
        "a-provider-with-a-very-long-name": provider(
            upstream(Listing(401, {"error": {"message": f"{long} {KEY} \x1b[31mred {long}"}})).url,
            [f"{'very/long/' * 8}model-{n}" for n in range(20)], keys=[{"key": "env:TEST_KEY"}]),
        "many": provider(upstream(Listing(200, models("other"))).url, [f"{'very-long-' * 9}{n}" for n in range(20)])}}))
    done = run_papi("provider", "test", "--config", file, cwd=tmp_path, env={"TEST_KEY": KEY})
    lines = done.stdout.splitlines()
    assert done.returncode == 1 and max(map(len, lines)) <= COLUMNS, max(lines, key=len)
    assert lines[0].split() == ["PROVIDER", "ACCOUNT", "VERDICT", "MS", "MODELS", "ASKED"]
    assert lines[-1] == "3 tested, 1 failed"
    assert KEY not in done.stdout and "\x1b" not in done.stdout and "and 12 more" in done.stdout


@pytest.mark.parametrize("arguments, code, words", [
    (("grok",), 2, "did you mean 'groq'"),
    (("groq", "qqqqqqqqqqqqqqqq"), 2, "there is no provider 'qqqqqqqqqqqqqqqq'"),
    (("--jsn",), 2, "--json"),
    (("--config",), 2, "--config"),
    ((), 1, "nothing to test")])
def test_wrong_use(tmp_path, arguments, code, words):
    done = run_papi("provider", "test", *arguments, cwd=tmp_path, env={"PAPI_KEYLESS": "off", "XDG_CONFIG_HOME": str(tmp_path)})
    assert (done.returncode, done.stdout) == (code, "")
    assert words in done.stderr


@pytest.mark.parametrize("arguments", [("list", "--chat"), ("show", "groq", "--config", "x")])
def test_options_of_test_are_of_test(arguments):
    done = run_papi("provider", *arguments)
    assert done.returncode == 2 and "unknown option" in done.stderr


def test_one_without_a_key_is_not_asked(tmp_path):
    done = run_papi("provider", "test", "mistral", "--json", cwd=tmp_path, env={"XDG_CONFIG_HOME": str(tmp_path)})
    row, = json.loads(done.stdout)["tests"]
    assert (row["verdict"], row["failed"], done.returncode) == ("not asked", True, 1)
    assert "MISTRAL_API_KEY" in row["says"]


def test_a_wrong_configuration_is_told(tmp_path):
    file = tmp_path / "papi.yaml"
    file.write_text("providers: {lab: {base_url: 'http://127.0.0.1:1', models: [m], nonsense: 1}}\n")
    done = run_papi("provider", "test", "--config", file, cwd=tmp_path)
    assert done.returncode == 1 and done.stdout == ""
    assert "papi.yaml:1:" in done.stderr and "papi check" in done.stderr
