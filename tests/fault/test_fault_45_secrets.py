# SPDX-License-Identifier: Apache-2.0
"""Fault 45: secrets in error bodies, headers, traces, crash dumps.

Keys are planted in every place where an instance takes one, providers repeat them in every place where they can, and afterwards
nothing that PAPI wrote or answered may hold one: raw, in base64, in hexadecimal, turned around, or in halves.
"""

import base64
import json
import pathlib
import re

import pytest

import admin
import papi_process

PLANTED = {
    "environment": "gsk_envQw8rTz2LmNx4VbKp7Hs5Jd",
    "dotenv": "mstDotRf6YhUj9IkOl3PzXc1VbNm",
    "config": "labCfgWe5RtYu8IoPa2SdFg7HjKl",
    "vault": "csk-vltZx3CvBn6MqWe9RtYu2IoPl",
    "import": "nvapi-impGh4JkLz7XcVb1NmQw5Er",
    "paused": "sk-or-pauTy6UiOp9AsDf3GhJk2Lz",
    "refused": "hf_refBn5MqWe8RtYu1IoPa4SdFg",
    "client": "sk-papi-cliKj7HgFd4SaPo1IuYtReWq",
    "master": "9f" * 31 + "e7",
}


def forms(secret):
    """All texts that must not occur. Halves are long enough that they are nobody else's."""
    raw = secret.encode()
    half = len(raw) // 2
    encoded = base64.b64encode(raw).rstrip(b"=")
    yield from (raw, raw[::-1], raw[:half], raw[half:], raw[:half][::-1], raw[half:][::-1])
    yield from (encoded[:-1], base64.urlsafe_b64encode(raw).rstrip(b"=")[:-1])
    # base64 of a longer text that holds it, at each of the three offsets
    for offset in (1, 2):
        shifted = base64.b64encode(b"\0" * offset + raw).rstrip(b"=")
        yield shifted[4:-2]
    yield from (raw.hex().encode(), raw.hex().upper().encode())


def assert_clean(where, text):
    if isinstance(text, str):
        text = text.encode("utf-8", "replace")
    for name, secret in PLANTED.items():
        for form in forms(secret):
            at = text.find(form)
            assert at < 0, f"{where} holds the key of {name!r}: ...{text[max(0, at - 60):at + 60]!r}"


def echo(connection):
    """A provider that repeats the key it was asked with wherever it can, a different failure for each request."""
    turn = 0
    while True:
        request = connection.read_request()
        if request is None:
            return
        key = request[0].get("authorization", "").removeprefix("Bearer ")
        bodies = [
            (401, {"error": {"message": f"Incorrect API key provided: {key}. You can find yours at https://x/?key={key}",
                             "type": "invalid_request_error", "code": "invalid_api_key", "param": key}}),
            (429, {"error": {"message": f"Rate limit reached for key {key[:10]}...{key[-10:]}", "code": key}}),
            (400, {"error": {"message": base64.b64encode(key.encode()).decode(), "key": key}}),
            (500, f"<html>Traceback: headers={{'Authorization': 'Bearer {key}'}}</html>"),
            (403, {"error": key, "detail": [key.encode().hex(), key[::-1]]}),
            (302, "moved"),
        ]
        status, body = bodies[turn % len(bodies)]
        connection.respond(status, body, {"x-request-id": key, "set-cookie": f"k={key}", "www-authenticate": key,
                                          "location": f"http://127.0.0.1:9/?api_key={key}",
                                          "x-ratelimit-limit-requests": key, "retry-after": "0"})
        turn += 1


def test_forms_find_what_they_are_for():
    """The test itself can fail."""
    key = PLANTED["vault"]
    for text in (f"a {key} b", key[::-1], key[:len(key) // 2], base64.b64encode(key.encode()).decode(),
                 base64.b64encode(b"x" + key.encode() + b"yz").decode(), key.encode().hex()):
        with pytest.raises(AssertionError):
            assert_clean("the sample", text)


def ask_everything(papi, answers):
    """Every look that an instance offers, and some requests that fail."""
    for model in ("test-model", "m2", "m3", "m4", "m5", "nothing"):
        for stream in (False, True):
            status, fields, body = papi_process.request(
                papi, "POST", "/v1/chat/completions",
                {"model": model, "stream": stream, "messages": [{"role": "user", "content": "hi"}]},
                {"authorization": f"Bearer {PLANTED['client']}", "x-papi-deadline-ms": "1500"})
            answers.append((f"{model} {status}", repr(fields).encode() + body))
    for path in ("/v1/models", "/v1/papi/explain?model=test-model", "/v1/papi/capacity", "/v1/papi/limits",
                 "/metrics", "/healthz", "/readyz", "/openapi.json", "/", f"/v1/nothing?api_key={PLANTED['client']}"):
        status, fields, body = papi_process.request(papi, "GET", path,
                                                    headers={"authorization": f"Bearer {PLANTED['client']}"})
        answers.append((path, repr(fields).encode() + body))
    for path in ("status", "providers", "providers/groq", "providers/lab", "models", "capacity", "metrics", "requests",
                 "usage?by=hour", "clients", "explain?model=test-model"):
        status, fields, body = admin.ask(papi, "GET", f"/admin/v1/{path}")
        answers.append((path, json.dumps(body) + repr(fields)))
        if path == "requests" and status == 200:
            for row in body["data"]:
                answers.append(("one request", json.dumps(admin.get(papi, f"/admin/v1/requests/{row['id']}"))))
    for body in ({"provider": "huggingface", "key": PLANTED["refused"], "account": "not/allowed"},
                 {"provider": "huggingface", "key": [PLANTED["refused"]]},
                 {"provider": "groq", "key": PLANTED["refused"]},
                 {"provider": "nobody", "key": PLANTED["refused"]}):
        answers.append(("a refused key", json.dumps(admin.ask(papi, "POST", "/admin/v1/providers", body)[2])))
    answers.append(("a broken body", json.dumps(
        admin.ask(papi, "POST", "/admin/v1/providers", f'{{"provider": "groq", "key": "{PLANTED["refused"]}"')[2])))
    answers.append(("a refused import", json.dumps(admin.ask(
        papi, "POST", "/admin/v1/providers/import",
        {"format": "json", "text": f'{{"X": "{PLANTED["refused"]}'})[2])))


@pytest.mark.fault(45)
@pytest.mark.parametrize("log_format", ["text", "json"])
def test_planted_keys_are_found_nowhere(start_serve, upstream, tmp_path, log_format):
    url = upstream(echo).url
    folder = tmp_path / "serve0"
    folder.mkdir()
    (folder / ".env").write_text(f"MISTRAL_API_KEY={PLANTED['dotenv']}\n")
    config = {"keyless": "off", "local_servers": "off", "log": {"level": "debug", "format": log_format}, "providers": {
        "groq": papi_process.provider(url), "mistral": papi_process.provider(url, ("m2",)),
        "lab": papi_process.provider(url, ("m3", "test-model"), keys=[{"key": PLANTED["config"]}]),
        "cerebras": papi_process.provider(url, ("m4",)), "nvidia": papi_process.provider(url, ("m5",)),
        "openrouter": papi_process.provider(url, ("m6",))}}
    papi = start_serve(config, env={"GROQ_API_KEY": PLANTED["environment"], "PAPI_VAULT_KEY": PLANTED["master"]})
    answers = []
    for provider, name in (("cerebras", "vault"), ("openrouter", "paused")):
        status, _, body = admin.ask(papi, "POST", "/admin/v1/providers", {"provider": provider, "key": PLANTED[name]})
        assert status == 201, body
        answers.append((f"adding {provider}", json.dumps(body)))
    answers.append(("pausing", json.dumps(admin.ask(papi, "POST", "/admin/v1/providers/openrouter/pause")[2])))
    answers.append(("importing", json.dumps(admin.ask(
        papi, "POST", "/admin/v1/providers/import", {"text": f"NVIDIA_API_KEY={PLANTED['import']}\n"})[2])))
    states = {row["id"]: row for row in admin.get(papi, "/admin/v1/providers")["data"]}
    assert {states[name]["accounts"][0]["source"] for name in ("groq", "mistral", "lab", "cerebras", "nvidia")} == {
        "environment", ".env", "config", "vault"}  # all are planted
    for _ in range(2):
        ask_everything(papi, answers)
    data = pathlib.Path(papi.arguments[papi.arguments.index("--data") + 1])
    for words in (("provider", "list"), ("provider", "list", "--json"), ("status",), ("requests",), ("capacity",)):
        done = papi_process.run_papi(*words, *(() if words[0] == "provider" else ("--data", data)))
        answers.append((" ".join(words), done.stdout + done.stderr))
    assert (data / "papi.db").exists()
    files = {file: file.read_bytes() for file in data.rglob("*") if file.is_file()}  # while it runs: WAL and journal too
    papi.stop()
    files.update({file: file.read_bytes() for file in data.rglob("*") if file.is_file()})
    log = papi.stderr
    assert "drain.end" in log
    for where, text in answers:
        assert_clean(where, text)
    for file, content in files.items():
        assert_clean(file.name, content)
    # the one warning that a literal key in the configuration earns names its line, not the key
    assert_clean("the log", log)
    assert_clean("the start screen", papi.stdout)


@pytest.mark.fault(45)
def test_no_core_dump(start_serve, upstream):
    papi = start_serve({"providers": {"lab": papi_process.provider(upstream().url)}})
    limits = pathlib.Path(f"/proc/{papi.pid}/limits").read_text()
    assert re.search(r"Max core file size\s+0\s+0", limits)
