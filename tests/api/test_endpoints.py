# SPDX-License-Identifier: Apache-2.0
"""Endpoints that ask no provider, and the forms of paths that clients use."""

import json
import re

import pytest

import papi_process
from papi_process import RawConnection, request, request_bytes, wait_for
from stage import GOOD_TEXT, Stage, assert_error

CHAT = "/v1/chat/completions"
AUTO = ["auto", "auto:fast", "auto:smart", "auto:long", "auto:code"]  # auto:vision: nobody here can see
BODY = {"model": "m-good", "messages": [{"role": "user", "content": "x"}]}


@pytest.fixture(name="stage", scope="module")
def fixture_stage(tmp_path_factory):
    with Stage(tmp_path_factory.mktemp("endpoints"), {"good": {"text": GOOD_TEXT}, "bad": {"always": "500"}, "drip": {"gap_ms": 30}},
               models={"aliases": {"small": ["m-good"], "gpt-*": ["m-good"]}}) as stage:
        yield stage
        stage.assert_alive()


def get(stage, path, headers=None):
    return request(stage.papi, "GET", path, headers=headers)


# --- models -----------------------------------------------------------------------------------------------------------
def check_model(model):
    """What OpenAI's and Anthropic's clients read, in one object (wire 2.1)."""
    assert model["object"] == "model" and model["type"] == "model"
    assert isinstance(model["created"], int) and isinstance(model["owned_by"], str)
    assert model["display_name"] and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", model["created_at"])
    assert isinstance(model["capabilities"], list) and "stream" in model["capabilities"]
    assert isinstance(model["providers"], int) and model["providers"] >= 0 and model["kind"] == "chat"


def test_models(stage):
    status, headers, body = get(stage, "/v1/models")
    answer = json.loads(body)
    assert status == 200 and headers["content-type"].startswith("application/json")
    assert answer["object"] == "list" and answer["has_more"] is False
    ids = [model["id"] for model in answer["data"]]
    assert ids == [*AUTO, "small", "claude-papi-auto", "m-good", "m-bad", "m-drip"]
    assert answer["first_id"] == ids[0] and answer["last_id"] == ids[-1]
    for model in answer["data"]:
        check_model(model)


@pytest.mark.parametrize("name", ["m-good", "auto", "small", "good/m-good", "good%2Fm-good", "openai/m-good", "m-good:latest", "gpt-anything"])
def test_one_model(stage, name):
    status, _, body = get(stage, f"/v1/models/{name}")
    assert status == 200, body
    model = json.loads(body)
    assert model["id"] == name.replace("%2F", "/")
    check_model(model)


def test_one_model_is_as_in_the_list(stage):
    listed = {model["id"]: model for model in json.loads(get(stage, "/v1/models")[2])["data"]}
    for name, model in listed.items():
        assert json.loads(get(stage, f"/v1/models/{name}")[2]) == model


@pytest.mark.parametrize("name", ["nothing", "good/nothing", "m-good%00", "%ff%fe", "%zz", "m-good%2", "%", "a" * 2000, "m-good/x"])
def test_no_such_model(stage, name):
    assert_error(*get(stage, f"/v1/models/{name}"), 404, "model_not_found", ["/v1/models"], param="model")


@pytest.mark.parametrize("name", ["m-good", "auto", "small", "good/m-good", "openai/m-good", "m-good:latest", "gpt-4o"])
def test_names_that_can_be_asked(stage, name):
    status, _, answer = papi_process.chat(stage.papi, name)
    assert status == 200
    if name != "auto":
        assert answer["model"] == "m-good", "the unified id that answered"


# --- probes -----------------------------------------------------------------------------------------------------------
def test_healthz(stage):
    for method in ("GET", "HEAD"):
        status, headers, body = request(stage.papi, method, "/healthz")
        assert status == 200 and headers["content-type"].startswith("text/plain")
        assert body == (b"ok\n" if method == "GET" else b"")


def test_readyz(stage):
    assert get(stage, "/readyz")[0] == 200


def test_nobody_to_ask(start_serve):
    """Alive but not ready; says what to do."""
    papi = start_serve({})
    assert request(papi, "GET", "/healthz")[0] == 200
    status, _, body = request(papi, "GET", "/readyz")
    assert status == 503 and b"provider" in body
    status, headers, body = request(papi, "POST", CHAT, BODY)
    assert_error(status, headers, body, 503, "service_unavailable", ["papi.yaml", "papi check"])
    models = json.loads(request(papi, "GET", "/v1/models")[2])
    assert models == {"object": "list", "data": [], "has_more": False, "first_id": None, "last_id": None}


def test_not_ready_while_every_provider_rests(tmp_path):
    with Stage(tmp_path, {"good": {"faults": ["429"], "retry_form": "ms", "retry_after_ms": 60000}}, queue={"max_wait": "1ms"}) as stage:
        assert get(stage, "/readyz")[0] == 200
        assert stage.chat()[0] == 429
        assert get(stage, "/readyz")[0] == 503
        assert get(stage, "/healthz")[0] == 200


def test_root(stage):
    status, headers, body = get(stage, "/")
    assert status == 200 and headers["content-type"].startswith("text/plain") and b"/v1" in body
    assert request(stage.papi, "HEAD", "/")[0] == 200
    for method in ("GET", "HEAD"):
        assert request(stage.papi, method, "/api/hello")[0] == 200


# --- metrics ----------------------------------------------------------------------------------------------------------
SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (\S+)')


def parse(text):
    """Prometheus text format 0.0.4, strictly: HELP and TYPE before the samples of a name, each name in one group."""
    types, helps, samples, current = {}, {}, {}, None
    assert text.endswith("\n")
    for line in text.splitlines():
        if line.startswith("# HELP "):
            _, _, name, words = line.split(" ", 3)
            assert name not in helps and words
            helps[name] = words
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name in helps and name not in types and kind in ("counter", "gauge", "histogram")
            types[name] = kind
            current = name
        else:
            match = SAMPLE.fullmatch(line)
            assert match, line
            name, labels, value = match.groups()
            base = name
            if types[current] == "histogram":
                base = re.sub("_(bucket|sum|count)$", "", name)
            assert base == current, f"{name} stands under {current}"
            key = (name, labels or "")
            assert key not in samples, f"{key} twice"
            samples[key] = float(value)
    return types, samples


def metrics(stage):
    status, headers, body = get(stage, "/metrics")
    assert status == 200 and headers["content-type"].startswith("text/plain; version=0.0.4")
    return parse(body.decode())


def test_metrics_parse(stage):
    stage.assert_alive()
    types, samples = metrics(stage)
    assert types["papi_requests_total"] == "counter" and types["papi_request_seconds"] == "histogram"
    for name, kind in types.items():
        assert name.startswith("papi_")
        assert (kind == "counter") == name.endswith("_total")
        if kind == "histogram":
            check_histogram(name, samples)


def check_histogram(name, samples):
    buckets = [(re.search(r'le="([^"]+)"', labels).group(1), value) for (key, labels), value in samples.items()
               if key == f"{name}_bucket"]
    assert buckets and buckets[-1][0] == "+Inf"
    edges = [float(edge) for edge, _ in buckets]
    counts = [value for _, value in buckets]
    assert edges == sorted(edges) and len(set(edges)) == len(edges)
    assert counts == sorted(counts), "buckets are cumulative"
    assert counts[-1] == samples[(f"{name}_count", "")]
    assert samples[(f"{name}_sum", "")] >= 0


def test_metrics_count(stage):
    """What happened between two looks, and nothing else."""
    def value(samples, name, labels=""):
        return samples.get((name, labels), 0)
    _, before = metrics(stage)
    stage.chat()
    stage.chat(stream=None)
    stage.chat(model="m-nothing")
    get(stage, "/v1/nothing")
    _, after = metrics(stage)

    def grown(name, labels=""):
        return value(after, name, labels) - value(before, name, labels)
    assert grown("papi_attempts_total", 'outcome="ok"') == 2
    assert grown("papi_requests_total", 'class="4xx"') == 2
    assert grown("papi_requests_total", 'class="2xx"') == 3, "two chats and the look before"
    assert grown("papi_output_tokens_total") == 18
    assert grown("papi_input_tokens_total") > 0
    assert grown("papi_wait_seconds_count") == 2
    assert value(after, "papi_rejected_total", 'error="unknown_url"') >= 1 or any(
        "unknown" in labels for name, labels in after if name == "papi_rejected_total")


def test_metrics_gauges(stage):
    """Open connections and requests are seen while they are open, and are gone afterwards."""
    wait_for(lambda: metrics(stage)[1][("papi_client_connections", "")] == 1, what="only this connection")
    lines = [RawConnection(stage.papi.address()) for _ in range(5)]
    for line in lines:
        line.send(request_bytes("POST", CHAT, {**BODY, "model": "m-drip", "stream": True}))
        line.read_until(b"data: ")
    _, samples = metrics(stage)
    assert samples[("papi_client_connections", "")] == 6
    assert samples[("papi_requests_open", "")] >= 5
    for line in lines:
        line.close()
    wait_for(lambda: metrics(stage)[1][("papi_client_connections", "")] == 1, what="only this connection again")
    assert metrics(stage)[1][("papi_requests_open", "")] == 1, "the one that looks"


def test_metrics_name_no_client_text(stage):
    """Labels come from our own tables: what a client sends never becomes one."""
    papi_process.chat(stage.papi, "evil-model-name")
    get(stage, "/evil-path")
    assert b"evil" not in get(stage, "/metrics")[2]


# --- paths ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", [
    "/v1/chat/completions", "/chat/completions", "/v1/v1/chat/completions", "/v1/chat/completions/", "/v1//chat/completions",
    "//v1/chat/completions", "//v1///chat//completions//", "/api/v1/chat/completions", "/api/v1/v1/chat/completions",
    "/v1/chat/completions?a=b", "/v1/chat/completions/?a=b", "/v1/v1/v1/chat/completions", "/chat/completions/",
])
def test_path_variants(stage, path):
    status, _, body = request(stage.papi, "POST", path, BODY)
    assert status == 200, body
    assert json.loads(body)["choices"][0]["message"]["content"] == GOOD_TEXT


@pytest.mark.parametrize("path", ["/models", "/v1/models/", "/v1/v1/models", "/api/v1/models", "//models//", "/v1/models?limit=5"])
def test_path_variants_of_models(stage, path):
    status, headers, body = get(stage, path)
    assert status == 200 and json.loads(body)["object"] == "list"
    assert "location" not in headers


@pytest.mark.parametrize("path", ["/V1/chat/completions", "/v1/Chat/Completions", "/v2/chat/completions", "/v1/chat/completions/..",
                                  "/v1/./chat/completions", "/x/v1/chat/completions", "/v1/chat/completions;a=b", "/v1chat/completions",
                                  "/api/v2/chat/completions", "/v1/chat\\completions"])
def test_paths_that_are_others(stage, path):
    """Neither guessed nor redirected: a redirect would turn POST into GET."""
    status, headers, _ = request(stage.papi, "POST", path, BODY)
    assert status in (400, 404) and "location" not in headers


def test_ids_are_unique(stage):
    ids = {get(stage, "/healthz")[1]["x-request-id"] for _ in range(50)}
    assert len(ids) == 50
    assert all(re.fullmatch(r"[a-z0-9-]{8,40}", value) for value in ids)
