# SPDX-License-Identifier: Apache-2.0
"""papi provider and papi model: the built-in catalog for people and for scripts, and what an instance serves now."""

import json
import re

import pytest
from papi_process import answer_script, provider, run_papi

COLUMNS = 100


def rows(*arguments, env=None, **named):
    done = run_papi(*arguments, **named, env={"COLUMNS": str(COLUMNS), **(env or {})})
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= COLUMNS, max(lines, key=len)
    return lines


def test_every_provider_and_model_can_be_shown(dead_port):
    url = f"http://127.0.0.1:{dead_port}"
    listed = json.loads(run_papi("provider", "list", "--json").stdout)["providers"]
    assert len(rows("provider", "list")) == len(listed) + 3  # a heading, an empty line, a note
    for row in listed[::5]:
        shown = json.loads(run_papi("provider", "show", row["id"], "--json").stdout)
        assert {name: shown[name] for name in row} == row
        assert shown["evidence"]["source"]
        assert all(limit["evidence"]["source"] and limit["scope"] for limit in shown["limits"])
        text = rows("provider", "show", row["id"])
        assert text[0].endswith(f"({row['id']})")
    models = json.loads(run_papi("model", "list", "--json", "--url", url).stdout)["models"]
    assert "providers_now" not in models[0]
    assert len(rows("model", "list", "--url", url)) == len(models) + 3  # a heading, an empty line, a note
    for row in models[::20]:
        shown = json.loads(run_papi("model", "show", row["id"], "--json", "--url", url).stdout)
        assert {name: shown[name] for name in row} == row
        assert sum(route["free"] for route in shown["routes"]) == row["free_at"]


def test_what_is_asked_first_is_there():
    text = "\n".join(rows("provider", "show", "groq"))
    for words in ("GROQ_API_KEY", "https://console.groq.com/keys", "30 requests a minute; rolling, by model", "signals", "trains on prompts: "):
        assert words in text, words


def test_models_served_now(start_serve, upstream):
    server = upstream(answer_script("Good answer."))
    papi = start_serve({"providers": {"a": provider(server.url, ["gpt-oss-120b"]), "b": provider(server.url, ["gpt-oss-120b", "our-own"])}})
    lines = rows("model", "list", "--url", papi.url)
    assert lines[0].split() == ["MODEL", "KIND", "CONTEXT", "FREE", "AT", "NOW"]
    by_name = {line.split()[0]: line.split() for line in lines[1:] if line}
    assert by_name["gpt-oss-120b"][-1] == "2"
    assert by_name["gpt-oss-20b"][-1] == "0"
    assert by_name["our-own"][1:] == ["not", "in", "the", "catalog", "-", "-", "1"]
    assert by_name["auto"][1:-1] == ["chosen", "by", "PAPI", "-", "-"]
    assert lines[-1].startswith("NOW counts")
    shown = run_papi("model", "show", "gpt-oss-120b", "--json", env={"PAPI_URL": papi.url})
    assert json.loads(shown.stdout)["providers_now"] == 2 and shown.stderr == ""


def test_providers_of_the_running_instance(start_serve, upstream):
    """How each one fares, with its accounts; without an instance, or when it is wished, what the catalog knows."""
    server = upstream(answer_script("Good answer."))
    papi = start_serve({"providers": {"lab": {**provider(server.url, ["our-own"]), "keys": [{"key": "env:LAB", "account": "work"}]}}}, env={"LAB": "sk-lab-1"})
    data = papi.cwd / "data"
    lines = rows("provider", "list", "--data", data)
    assert lines[0].split() == ["PROVIDER", "STATE", "ACCOUNTS", "MODELS", "TRAINS", "WHY"]
    by_name = {line.split()[0]: line for line in lines[1:] if line}
    assert re.split(r"  +", by_name["lab"])[1:4] == ["available", "work (config)", "1"]
    assert "no_key" in by_name["groq"] and by_name["groq"].endswith("set GROQ_API_KEY")
    assert "sk-lab" not in "".join(lines)
    assert {row["id"]: row["state"] for row in json.loads(run_papi("provider", "list", "--data", data, "--json").stdout)["data"]}["lab"] == "available"
    assert run_papi("provider", "pause", "lab", "--data", data).returncode == 0
    assert re.split(r"  +", next(line for line in rows("provider", "list", "--data", data) if line.startswith("lab ")))[1] == "paused"
    catalog = run_papi("provider", "list", "--catalog", "--data", data)
    assert catalog.stdout == run_papi("provider", "list").stdout and catalog.stdout.startswith("PROVIDER") and catalog.stderr == ""
    gone = run_papi("provider", "list", "--data", data / "nothing")
    assert (gone.returncode, gone.stdout) == (0, catalog.stdout) and "no PAPI is running" in gone.stderr
    foreign = run_papi("provider", "list", "--url", papi.url)
    assert (foreign.returncode, foreign.stdout) == (0, catalog.stdout) and foreign.stderr.startswith("papi: ")


def test_without_an_instance_the_catalog_is_shown(dead_port):
    done = run_papi("model", "show", "gpt-oss-120b", "--url", f"http://127.0.0.1:{dead_port}")
    assert done.returncode == 0 and "groq/openai/gpt-oss-120b" in done.stdout
    assert "no PAPI is running" in done.stderr


def test_somebody_else_answers(upstream):
    def script(connection):
        while connection.read_request() is not None:
            connection.respond(200, b"<html>")
    done = run_papi("model", "list", "--url", upstream(script).url)
    assert done.returncode == 0 and "does not tell what it serves" in done.stderr and "NOW" not in done.stdout


@pytest.mark.parametrize("arguments, code, words", [
    (("provider", "show", "grok"), 1, "did you mean 'groq'?"),
    (("provider", "show", "zzzzzzzz"), 1, "`papi provider list` lists them"),
    (("model", "show", "gpt-oss-12b"), 1, "did you mean 'gpt-oss-120b'?"),
    (("model", "show", "?"), 1, "`papi model list` lists them"),
    (("provider",), 2, "Usage: papi provider COMMAND"),
    (("provider", "list", "groq"), 2, "papi provider list"),
    (("provider", "show"), 2, "papi provider show PROVIDER"),
    (("model", "lits"), 2, "did you mean 'model list'?"),
    (("model", "list", "--url", "x"), 2, "--url x must start with"),
])
def test_mistakes(arguments, code, words):
    done = run_papi(*arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert words in done.stderr


@pytest.mark.parametrize("name, words", [("github_models", "dropped from the catalog on 2026-07-30: "), ("together", "dropped from the catalog: ")])
def test_dropped_providers_say_why(name, words):
    done = run_papi("provider", "show", name)
    assert done.returncode == 1 and words in done.stderr
