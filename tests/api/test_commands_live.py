# SPDX-License-Identifier: Apache-2.0
"""The owner's commands against a real instance: what they show is what happened."""

import json
import signal
import subprocess

import papi_process
import pytest
from papi_process import run_papi


@pytest.fixture(name="live", scope="module")
def fixture_live(tmp_path_factory):
    """(papi, data directory): a simulator with a model of no catalog, and one request that failed over."""
    folder = tmp_path_factory.mktemp("live")
    with papi_process.mock(folder / "mock", "healthy") as mock:
        status, _, _ = papi_process.request(mock, "POST", "/_mock/script", {"provider": "first", "always": "503"})
        assert status == 200
        providers = {"first": papi_process.provider(f"{mock.url}/first/v1", ["größer-7b"]),
                     "second": papi_process.provider(f"{mock.url}/second/v1", ["größer-7b", "gpt-oss-120b"])}
        with papi_process.serve(folder / "serve", {"providers": providers}) as papi:
            yield papi, folder / "serve" / "data"


def listed(data, *more):
    return json.loads(run_papi("requests", "--json", "--data", data, *more).stdout)["data"]


def wait_for_request(data, request_id, *more):
    """Records are written in batches, a moment after the answer."""
    return papi_process.wait_for(lambda: [row for row in listed(data, *more) if row["id"] == request_id], 30, "the request's record")[0]


def test_requests_and_their_ladder(live):
    papi, data = live
    status, headers, _ = papi_process.chat(papi, "größer-7b")
    assert status == 200 and headers["x-papi-model"] == "gr%C3%B6%C3%9Fer-7b"  # fields hold ASCII only
    row = wait_for_request(data, headers["x-request-id"])
    assert (row["model"], row["provider"], row["status"], row["attempts"]) == ("größer-7b", "second", 200, 2)
    text = run_papi("request", headers["x-request-id"], "--data", data).stdout
    assert "asked for größer-7b  status 200" in text and "2 attempts" in text
    assert text.index("first ") < text.index("second ") and " 503 " in text
    assert json.loads(run_papi("request", headers["x-request-id"], "--data", data, "--json").stdout)["id"] == headers["x-request-id"]


def test_requests_that_failed(live):
    papi, data = live
    status, headers, _ = papi_process.chat(papi, "nobody-has-this")
    assert status == 404
    wait_for_request(data, headers["x-request-id"], "--failed")
    assert all(row["status"] >= 400 for row in listed(data, "--failed"))
    assert all(row["model"] == "größer-7b" for row in listed(data, "--model", "größer-7b"))
    assert len(listed(data, "--limit", "1")) == 1 and listed(data, "--client", "cl_nobody") == []
    done = run_papi("requests", "--client", "nobody", "--data", data)
    assert done.returncode == 1 and "papi client list" in done.stderr


def test_follow(live):
    papi, data = live
    first = papi_process.chat(papi, "gpt-oss-120b")[1]["x-request-id"]
    wait_for_request(data, first)
    process = subprocess.Popen([papi_process.papi_binary(), "requests", "--follow", "--json", "--limit", "1", "--data", data], text=True,
                               env=papi_process.clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with process:
        assert json.loads(process.stdout.readline())["id"] == first
        sent = [papi_process.chat(papi, "gpt-oss-120b")[1]["x-request-id"] for _ in range(5)]
        seen = []
        while not set(sent) <= set(seen):
            line = process.stdout.readline()
            assert line, process.stderr.read()
            seen.append(json.loads(line)["id"])
        assert len(seen) == len(set(seen))
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0 and process.stderr.read() == ""


def test_status(live):
    papi, data = live
    text = run_papi("status", "--data", data).stdout
    for part in (f"process {papi.pid}", f"127.0.0.1:{papi.port}", str(data), "store       ok", "first ", "second "):
        assert part in text, text
    told = json.loads(run_papi("status", "--data", data, "--json").stdout)
    assert told["pid"] == papi.pid and told["store"]["state"] == "ok"


def test_a_model_of_the_instance_alone(live):
    _, data = live
    text = run_papi("model", "show", "größer-7b", "--data", data).stdout
    assert "second/default as größer-7b" in text and "of this instance alone" in text
    assert json.loads(run_papi("model", "show", "größer-7b", "--data", data, "--json").stdout)["id"] == "größer-7b"
    known = run_papi("model", "show", "gpt-oss-120b", "--data", data).stdout
    assert "second/default as gpt-oss-120b" in known and "listed at" in known
    missing = run_papi("model", "show", "größer-8b", "--data", data)
    assert missing.returncode == 1 and "the catalog has no model 'größer-8b'" in missing.stderr
    assert "größer-7b" in run_papi("model", "list", "--data", data).stdout


def test_owners_see_accounts(live):
    _, data = live
    told = json.loads(run_papi("explain", "--model", "gpt-oss-120b", "--data", data, "--json").stdout)
    assert [row["account"] for row in told["candidates"]] == ["default"]
    assert "second/default" in run_papi("capacity", "--data", data).stdout


def test_reload(live):
    papi, data = live
    file = data.parent / "papi.yaml"
    before = file.read_text()
    version = json.loads(run_papi("status", "--json", "--data", data).stdout)["config_version"]
    assert run_papi("reload", "--data", data).stdout == f"the configuration is read anew: version {version + 1}\n"
    file.write_text("lisen: 1\n")
    wrong = run_papi("reload", "--data", data)
    file.write_text(before)
    assert wrong.returncode == 1 and "papi.yaml:1:1" in wrong.stderr and "lisen" in wrong.stderr
    assert papi_process.chat(papi, "gpt-oss-120b")[0] == 200


def test_chat_by_the_socket(live):
    _, data = live
    done = run_papi("chat", "--data", data, "--model", "größer-7b", "hello")
    assert done.returncode == 0 and done.stdout.strip()


def test_completion_knows_the_instance(live):
    _, data = live
    assert "größer-7b" in run_papi("complete", "--", "chat", "--data", data, "--model", "gr").stdout
