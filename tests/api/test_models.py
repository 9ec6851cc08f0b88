# SPDX-License-Identifier: Apache-2.0
"""Names, ladders and filters from outside: what a client may ask for, whom it leads to, and why not."""

import json

import pytest

import papi_process
from papi_process import request
from stage import Stage, assert_error

CHAT = "/v1/chat/completions"
HELLO = [{"role": "user", "content": "Hello!"}]
PICTURE = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]}]
PROVIDERS = {"one": {}, "two": {}, "sees": {}, "tiny": {}, "away": {}, "busy": {"always": "429", "retry_after_ms": 40000}}


def models_of(name):
    return {
        "sees": [{"id": "m-sees", "vision": True, "tools": False}],
        "tiny": [{"id": "m-tiny", "context": 2000, "max_output": 500}, "shared-up"],
        "two": [{"id": "m-two", "upstream": "shared-up"}, {"id": "both"}],
        "one": ["m-one", {"id": "both"}],
    }.get(name, [f"m-{name}"])


@pytest.fixture(name="stage", scope="module")
def fixture_stage(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    scripts = [{"provider": name, **script} for name, script in PROVIDERS.items()]
    with papi_process.mock(folder / "mock", json.dumps(scripts, indent=1) + "\n", ["--seed", "1"]) as mock:
        providers = {name: papi_process.provider(f"{mock.url}/{name}/v1", models_of(name)) for name in PROVIDERS}
        # never asked: what a request may not be sent to must be refused without asking
        providers["away"]["base_url"] = "https://provider.invalid/v1"
        aliases = {"claude-*": "auto:smart", "quick": ["m-one", "auto:fast"], "m-tiny": ["m-tiny"], "pinned": "two/both"}
        with papi_process.serve(folder / "serve", {
                "providers": providers, "queue": {"max_wait": "200ms"}, "models": {"aliases": aliases}}) as papi:
            yield papi


def ask(papi, model="m-one", headers=None, **more):
    body = {"messages": HELLO, **({"model": model} if model else {}), **more}
    return request(papi, "POST", CHAT, body, headers)


def answered_by(papi, *arguments, **more):
    status, headers, body = ask(papi, *arguments, **more)
    assert status == 200, body
    return headers["x-papi-provider"], json.loads(body)["model"], headers.get("x-papi-warning")


# --- names ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name, provider, model", [
    ("m-one", "one", "m-one"), ("one/m-one", "one", "m-one"), ("M-ONE", "one", "m-one"), ("m-one:free", "one", "m-one"),
    ("openai/m-one", "one", "m-one"), ("litellm_proxy/two/both", "two", "both"), ("both", "one", "both"),
    ("pinned", "two", "both"), ("quick", "one", "m-one"), ("two/shared-up", "two", "m-two"), ("m-two", "two", "m-two"),
    ("claude-sonnet-4-5", "one", "m-one"), ("claude-papi-auto", "one", "m-one"), ("auto:vision", "sees", "m-sees"),
    ("auto:code", "one", "m-one"),
])
def test_names(stage, name, provider, model):
    assert answered_by(stage, name) == (provider, model, None)


def test_a_model_goes_before_what_another_provider_calls_one(stage):
    assert answered_by(stage, "shared-up")[0] == "tiny"


def test_an_ambiguous_name_lists_its_meanings(start_serve):
    provider = papi_process.provider
    papi = start_serve({"providers": {
        "a": provider("http://127.0.0.1:1/v1", [{"id": "x", "upstream": "same"}]),
        "b": provider("http://127.0.0.1:1/v1", [{"id": "y", "upstream": "same"}])}})
    assert_error(*ask(papi, "same"), 404, "model_not_found", ["several models", "a/same, b/same"], param="model")
    assert_error(*request(papi, "GET", "/v1/models/same"), 404, "model_not_found", ["a/same, b/same"], param="model")


@pytest.mark.parametrize("name, near", [("m-tinny", "m-tiny"), ("auto:fats", "auto:fast"), ("quik", "quick"), ("one/m-twoo", "m-two")])
def test_near_misses(stage, name, near):
    for got in (ask(stage, name), request(stage, "GET", f"/v1/models/{name}")):
        error = assert_error(*got, 404, "model_not_found", ["Did you mean", near, "/v1/models"], param="model")
        assert f"'{name}'" in error["message"]


# --- filters ----------------------------------------------------------------------------------------------------------
def test_pictures_go_to_who_can_see(stage):
    assert answered_by(stage, "auto", messages=PICTURE)[0] == "sees"
    assert_error(*ask(stage, "m-one", messages=PICTURE), 400, None, ["'m-one'", "images"], param="model")


def test_what_is_missing_is_named(stage):
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    assert_error(*ask(stage, "m-sees", tools=[tool]), 400, None, ["'m-sees'", "tools"], param="model")
    assert_error(*ask(stage, "auto", tools=[tool], messages=PICTURE), 400, None, ["No single provider", "tools", "images"], param="model")


def test_too_long_for_every_context(stage):
    text = [{"role": "user", "content": "word " * 3000}]
    error = assert_error(*ask(stage, "m-tiny", messages=text), 400, "context_length_exceeded",
                         ["maximum context length is 2000 tokens", "reduce the length of the messages"], param="messages")
    assert "rate limit" not in error["message"] and "per minute" not in error["message"], "some clients would wait"
    assert answered_by(stage, "auto", messages=text)[0] != "tiny"
    # a large max_tokens is clamped to what the model can write, and counts no more than that
    assert answered_by(stage, "m-tiny", max_tokens=32000)[0] == "tiny"


# --- who may see the prompt -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("how", [{"headers": {"x-papi-data": "no-training"}}, {"provider": {"data_collection": "deny"}},
                                 {"headers": {"x-papi-data": "any"}, "provider": {"data_collection": "deny"}}], ids=str)
def test_no_training(stage, how):
    assert_error(*ask(stage, "m-away", **how), 400, None, ["'m-away'", "trains on prompts", "x-papi-data"], param="model")
    assert answered_by(stage, "m-one", **how)[0] == "one", "what stays on this machine is seen by nobody else"


def test_data_header_is_checked(stage):
    assert_error(*ask(stage, headers={"x-papi-data": "maybe"}), 400, None, ["x-papi-data", "no-training"])
    assert answered_by(stage, headers={"x-papi-data": "any"})[0] == "one"


# --- OpenRouter's routing ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("provider, answers", [
    ({"order": ["two"]}, "two"), ({"order": ["two", "one"]}, "two"), ({"order": ["nobody", "two"]}, "two"), ({"only": ["two"]}, "two"),
    ({"only": ["TWO"]}, "two"), ({"ignore": ["one"]}, "two"), ({"order": ["two"], "allow_fallbacks": False}, "two"),
    ({"allow_fallbacks": False}, "one"), ({"sort": "price", "quantizations": ["fp8"]}, "one"), ({"require_parameters": True}, "one"), (None, "one"),
], ids=str)
def test_provider(stage, provider, answers):
    name, model, warning = answered_by(stage, "both", provider=provider)
    assert (name, model) == (answers, "both")
    assert warning == ("unknown in provider.order 'nobody'" if "nobody" in str(provider) else None)


@pytest.mark.parametrize("provider, param, words", [
    ({"only": ["twoo"]}, "provider.only", ["'twoo'", "'two'"]), ({"only": ["tiny"]}, "provider", ["'both'"]),
    ({"ignore": ["one", "two"]}, "provider", ["'both'"]), ({"order": ["tiny"], "allow_fallbacks": False}, "provider", ["'both'"]),
], ids=str)
def test_provider_that_leaves_nobody(stage, provider, param, words):
    assert_error(*ask(stage, "both", provider=provider), 400, None, words, param=param)


def test_models_are_tried_in_order(stage):
    """The second name when the first one's providers have no room, and the third is no name at all."""
    name, model, warning = answered_by(stage, "m-busy", models=["m-two", "no-such\u00e9"])
    assert (name, model) == ("two", "m-two")
    assert warning == "unknown in models 'no-such??'"
    assert answered_by(stage, None, models=["nothing", "m-two"])[:2] == ("two", "m-two")
    assert_error(*ask(stage, None, models=["nothing", "nil"]), 404, "model_not_found", ["'nothing'"], param="model")
    assert_error(*ask(stage, None, models=[]), 400, None, ["'model' is required"], param="model")


def test_wishes_are_not_sent_on(upstream, start_serve):
    """Not even to a provider that takes unknown members."""
    seen = []

    def script(connection):
        got = connection.read_request()
        while got is not None:
            seen.append(json.loads(got[1]))
            seen.append(got[0])
            connection.respond(200, papi_process.completion())
            got = connection.read_request()

    papi = start_serve({"providers": {"up": papi_process.provider(upstream(script).url, quirks={"keep_extras": True})}})
    status, _, _ = ask(papi, "test-model", headers={"x-papi-data": "any"}, models=["auto"], provider={"order": ["up"]}, top_k=3)
    assert status == 200
    assert seen[0]["top_k"] == 3 and not {"models", "provider"} & set(seen[0])
    assert "x-papi-data" not in seen[1]


# --- the list ---------------------------------------------------------------------------------------------------------
def test_list(stage):
    models = {}
    for model in json.loads(request(stage, "GET", "/v1/models?limit=1000")[2])["data"]:
        assert model["id"] not in models
        models[model["id"]] = model
    assert list(models)[:6] == ["auto", "auto:fast", "auto:smart", "auto:long", "auto:vision", "auto:code"]
    assert list(models)[6:10] == ["quick", "m-tiny", "pinned", "claude-papi-auto"], "aliases; patterns are no names"
    assert [name for name in models if name.startswith("claude")] == ["claude-papi-auto"]
    assert models["m-tiny"]["context_length"] == models["m-tiny"]["max_input_tokens"] == 2000
    assert models["m-tiny"]["max_tokens"] == 500 and models["m-tiny"]["owned_by"] == "tiny"
    assert models["both"]["owned_by"] == "papi" and models["both"]["providers"] == 2
    assert "vision" in models["m-sees"]["capabilities"] and "tools" not in models["m-sees"]["capabilities"]
    assert "vision" in models["auto:vision"]["capabilities"] and models["auto:vision"]["providers"] == 1
    assert "context_length" not in models["m-one"], "unknown is not 0"
    one = json.loads(request(stage, "GET", "/v1/models/two%2Fboth")[2])
    assert one["id"] == "two/both" and one["owned_by"] == "two" and one["providers"] == 1


def test_providers_are_those_that_can_be_asked_now(tmp_path):
    with Stage(tmp_path, {"good": {"always": "429", "retry_after_ms": 60000}}, queue={"max_wait": "1ms"}) as stage:
        before = json.loads(request(stage.papi, "GET", "/v1/models/m-good")[2])
        assert before["providers"] == 1 and stage.chat()[0] == 429
        after = json.loads(request(stage.papi, "GET", "/v1/models/m-good")[2])
        assert after == {**before, "providers": 0}


# --- before it runs ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("target, words", [
    ("m-goof", ["papi.yaml:3:23: error", "'m-goof'", "did you mean 'm-good'?"]),
    ("nothing-like-it", ["papi.yaml:3:23: error", "alias 'a'", "which no provider serves"]),
    ("other", ["papi.yaml:3:37: error", "'a' leads back to alias 'a'"]),
])
def test_alias_that_leads_nowhere(tmp_path, target, words):
    file = tmp_path / "papi.yaml"
    file.write_text("providers:\n  p: {base_url: 'http://127.0.0.1:1/v1', models: [m-good]}\n"
                    f"models: {{aliases: {{a: {target}, other: a}}}}\n")
    for command in (["check", "--config", file], ["serve", "--config", file, "--data", tmp_path / "data"]):
        done = papi_process.run_papi(*command)
        assert done.returncode == 1
        for word in words:
            assert word in done.stderr, done.stderr
    done = papi_process.run_papi("check", "--json", "--config", file)
    answer = json.loads(done.stdout)
    assert done.returncode == 1 and answer["ok"] is False and answer["errors"] == len(answer["messages"]) == 1
    assert answer["messages"][0]["line"] == 3
