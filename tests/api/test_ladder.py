# SPDX-License-Identifier: Apache-2.0
"""What happened to a request can be asked for by its id: who was asked, why it failed, who answered."""

import json

import papi_process
from stage import Stage, assert_error


def ladder_of(papi, request_id):
    status, _, body = papi_process.request(papi, "GET", f"/v1/papi/requests/{request_id}")
    assert status == 200, body
    return json.loads(body)


def test_a_ladder_names_each_rung(tmp_path):
    config = {"models": {"aliases": {"way": ["m-broken", "m-full", "m-good"]}}}
    with Stage(tmp_path, {"broken": {"always": "500"}, "full": {"always": "429"}, "good": {}}, **config) as stage:
        status, headers, _ = stage.chat("way")
        assert status == 200
        record = ladder_of(stage.papi, headers["x-request-id"])
        assert record["model"] == "way" and record["status"] == 200 and record["error"] is None
        assert record["attempts"] == int(headers["x-papi-attempts"]) == 3
        rungs = [(rung["provider"], rung["outcome"], rung["status"]) for rung in record["ladder"]]
        assert rungs == [("broken", "server_error", 500), ("full", "rate_limited", 429), ("good", "ok", 200)]
        assert record["ladder"][2]["model"] == "m-good"
        assert record["output_tokens"] > 0


def test_a_failed_request_has_one_too(tmp_path):
    with Stage(tmp_path, {"good": {}, "gone": {"always": "404"}}) as stage:
        status, headers, _ = stage.chat("m-gone")
        assert status >= 400
        record = ladder_of(stage.papi, headers["x-request-id"])
        assert record["status"] == status and record["error"]
        assert [rung["outcome"] for rung in record["ladder"]] == ["model_gone"]
        status, headers, _ = stage.chat("no-such-model")
        record = ladder_of(stage.papi, headers["x-request-id"])
        assert record["ladder"] == [] and record["error"] == "model_not_found"


def test_an_unknown_id_is_said_so(tmp_path):
    with Stage(tmp_path, {"good": {}}) as stage:
        status, headers, body = papi_process.request(stage.papi, "GET", "/v1/papi/requests/req-nothing")
        assert_error(status, headers, body, 404, "not_found", ["req-nothing"])


def test_the_command_shows_it(tmp_path):
    with Stage(tmp_path, {"broken": {"always": "500"}, "good": {}},
               models={"aliases": {"way": ["m-broken", "m-good"]}}) as stage:
        _, headers, _ = stage.chat("way")
        shown = papi_process.run_papi("request", headers["x-request-id"], "--url", stage.papi.url)
        assert shown.returncode == 0, shown
        assert "server_error" in shown.stdout and "broken" in shown.stdout and "good" in shown.stdout
        record = papi_process.run_papi("request", headers["x-request-id"], "--json", "--url", stage.papi.url)
        assert len(json.loads(record.stdout)["ladder"]) == 2
        missing = papi_process.run_papi("request", "req-nothing", "--url", stage.papi.url)
        assert missing.returncode == 1 and "req-nothing" in missing.stderr and missing.stdout == ""
    assert papi_process.run_papi("request").returncode == 2
