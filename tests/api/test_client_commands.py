# SPDX-License-Identifier: Apache-2.0
"""`papi client` and `papi admin token` against a running instance."""

import json
import re
import subprocess

import pytest

import papi_process

KEY = re.compile(r"^sk-papi-(admin-)?[0-9A-Za-z]{49}$", re.MULTILINE)


@pytest.fixture(name="run")
def run_command(tmp_path):
    """run("client", "list"): (exit code, stdout, stderr) of a command beside a gateway in keys mode."""
    with papi_process.serve(tmp_path, {"auth": "keys", "loops": 1}) as papi:
        def run(*words):
            done = subprocess.run(
                [papi_process.papi_binary(), *words, "--data", tmp_path / "data"], capture_output=True, text=True,
                check=False, timeout=60, env=papi_process.clean_environment(None))
            papi_process.assert_no_sanitizer_report(done.stderr)
            return done.returncode, done.stdout, done.stderr
        run.papi = papi
        yield run


def models(run, key):
    status, _, _ = papi_process.request(run.papi, "GET", "/v1/models", headers={"authorization": f"Bearer {key}"})
    return status


def test_a_clients_life(run):
    code, out, err = run("client", "add", "Anna B", "--requests-per-day", "200", "--models", "gpt-*, auto", "--expires", "90d")
    assert code == 0 and "200 requests a day" in out and "gpt-*, auto" in out and "once" in err
    first = KEY.search(out)[0]
    assert models(run, first) == 200
    code, out, _ = run("client", "limit", "Anna B", "--requests-per-day", "0", "--concurrency", "2", "--models", "all", "--expires", "0s")
    assert code == 0 and "2 requests at once" in out
    assert not any(word in out for word in ("a day", "gpt-", "expires", first))
    code, out, _ = run("client", "rotate", "Anna B", "--grace", "7d")
    second = KEY.search(out)[0]
    assert code == 0 and models(run, first) == 200 and models(run, second) == 200
    code, out, _ = run("client", "revoke", "Anna B")
    assert code == 0 and "revoked" in out and models(run, first) == 401 and models(run, second) == 401
    code, out, _ = run("client", "show", "Anna B", "--json")
    assert code == 0 and json.loads(out)["revoked_at"] is not None and "key" not in json.loads(out)
    code, out, _ = run("client", "rotate", "Anna B")
    assert code == 1 and not KEY.search(out)
    assert run("client", "revoke", "Anna B", "--forget")[0] == 0
    code, out, err = run("client", "list")
    assert code == 0 and out == "" and "papi client add" in err


def test_lists_in_a_table_and_as_json(run):
    for name in ("one", "two"):
        assert run("client", "add", name, "--tokens-per-month", "5000")[0] == 0
    code, out, _ = run("client", "list")
    assert code == 0 and out.count("5000 tok/month") == 2 and out.count("active") == 2 and "sk-papi" not in out
    code, out, _ = run("client", "list", "--json")
    assert code == 0 and [row["name"] for row in json.loads(out)["data"]] == ["one", "two"]


def test_admin_tokens(run):
    code, out, _ = run("admin", "token", "add", "ops")
    assert code == 0
    token = KEY.search(out)[0]
    assert token.startswith("sk-papi-admin-")
    headers = {"authorization": f"Bearer {token}"}
    assert papi_process.request(run.papi, "GET", "/admin/v1/status", headers=headers)[0] == 200
    run("client", "add", "someone")
    code, out, _ = run("admin", "token", "list")
    assert code == 0 and "ops" in out and "someone" not in out
    assert run("admin", "token", "revoke", "ops")[0] == 0
    assert papi_process.request(run.papi, "GET", "/admin/v1/status", headers=headers)[0] == 401


@pytest.mark.parametrize("words, code", [
    (["client", "add"], 2), (["client", "add", "z", "--requests-per-day", "-1"], 2), (["client", "add", "x" * 65], 1),
    (["client", "add", "z", "--data-use", "sell"], 2), (["client", "show", "nobody"], 1), (["client", "rotate", "nobody"], 1),
    (["client", "limit", "z"], 2), (["client", "show", "z" * 2000], 2), (["client", "show", ""], 2), (["client", "revoke", ""], 2), (["client", "add", ""], 1),
    (["client", "add", "z", "--requests-per-day", str(2**63 - 1)], 1), (["client", "add", "z", "--expires", "-1d"], 2),
    (["client", "add", "z", "--expires", "2020-01-01"], 2), (["admin", "token", "list", "x"], 2), (["admin", "token", "add"], 2), (["admin", "token", "make", "x"], 2)])
def test_refuses_what_makes_no_sense(run, words, code):
    got, out, err = run(*words)
    assert got == code and out == "" and err.startswith("papi: "), (got, out, err)


def test_requests_are_listed_by_the_clients_name(run):
    made = {name: json.loads(run("client", "add", name, "--json")[1]) for name in ("anna", "ben")}
    for row in made.values():
        papi_process.chat(run.papi, "nothing", headers={"authorization": f"Bearer {row['key']}"})

    def listed():
        return [line for line in run("requests")[1].splitlines() if "anna" in line or "ben" in line]
    papi_process.wait_for(lambda: len(listed()) == 2, 20, "both rows")
    for asked in ("anna", made["anna"]["id"]):
        out = run("requests", "--client", asked)[1]
        assert "anna" in out and "ben" not in out and made["anna"]["id"] not in out
    code, out, err = run("requests", "--client", "carl")
    assert code == 1 and out == "" and "papi client list" in err
    # Who was forgotten is still known by the id.
    run("client", "revoke", "ben", "--forget")
    assert made["ben"]["id"] in run("requests", "--client", made["ben"]["id"])[1]


def test_says_how_to_get_in(run, tmp_path):
    """The wrong key, none, one of a client, and a client that has two of its name."""
    def listed(key=None):
        env = papi_process.clean_environment({"PAPI_API_KEY": key} if key else None)
        done = subprocess.run([papi_process.papi_binary(), "client", "list", "--url", run.papi.url], capture_output=True, text=True, check=False,
                              timeout=60, env=env)
        assert (done.returncode, done.stdout) == (1, "")
        return done.stderr
    assert "$PAPI_API_KEY, which is not set" in listed()
    assert "$PAPI_API_KEY, which is set to another" in listed("sk-papi-nobody")
    client = KEY.search(run("client", "add", "ben")[1])[0]
    assert "admin token" in listed(client)
    run("client", "add", "ben")
    code, _, err = run("client", "limit", "ben", "--concurrency", "1")
    assert code == 1 and "Several clients have that name" in err and "`papi client list`" in err
    code, _, err = run("client", "limit", "nobody", "--concurrency", "1")
    assert code == 1 and "`papi client list`" in err
    done = papi_process.run_papi("client", "list", "--data", tmp_path / "papi.yaml")
    assert done.returncode == 1 and "papi.yaml/papi.sock (not in a directory)" in done.stderr
