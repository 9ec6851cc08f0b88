# SPDX-License-Identifier: Apache-2.0
"""A pool that nobody configured: keys of the environment and of .env, keyless providers, audience, data use; and the names by
which a pool is asked. No request leaves this machine: who would be asked is what explain says.
"""

import json

import pytest

from papi_process import PapiProcess, request, run_papi, serve
from pool import Pool

GROQ, GEMINI, MISTRAL = "gsk_abcdefghijklmnop1234", "AIzaSyabcdefgh12345", "mistralkey1234567890"
THREE = {"GROQ_API_KEY": GROQ, "GEMINI_API_KEY": GEMINI, "MISTRAL_API_KEY": MISTRAL}


def start(folder, env, dotenv=None):
    """`papi serve` without a configuration file."""
    folder.mkdir(parents=True, exist_ok=True)
    if dotenv is not None:
        (folder / ".env").write_text(dotenv)
    return PapiProcess(["serve", "--data", folder / "data", "--listen", "127.0.0.1:0"],
                       env={"HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "none"), **env}, cwd=folder)


def models(papi):
    return {model["id"]: model for model in json.loads(request(papi, "GET", "/v1/models")[2])["data"]}


def explain(papi, model="auto", **more):
    body = {"model": model, "messages": [{"role": "user", "content": "x"}], **more}
    status, _, answer = request(papi, "POST", "/v1/papi/explain", body)
    return status, json.loads(answer)


def providers(papi, model="auto", **more):
    status, answer = explain(papi, model, **more)
    assert status == 200, answer
    return {row["provider"] for row in answer["candidates"] if row["in"]}


def accounts(papi):
    return {row["provider"] for row in json.loads(request(papi, "GET", "/v1/papi/capacity")[2])["accounts"]}


# --- keys -------------------------------------------------------------------------------------------------------------
def test_three_keys_make_a_pool(tmp_path):
    with start(tmp_path, {**THREE, "PAPI_KEYLESS": "off"}) as papi:
        for words in ("3 with a key", "GROQ_API_KEY", "GEMINI_API_KEY", "MISTRAL_API_KEY", "trained on", "Get more"):
            assert words in papi.stdout, papi.stdout
        for key in (GROQ, GEMINI, MISTRAL):
            assert key not in papi.stdout + papi.stderr and key[-8:] not in papi.stdout
        assert accounts(papi) == {"groq", "google", "mistral"} == providers(papi)
        listed = models(papi)
        assert {"auto", "auto:fast", "auto:smart", "gpt-oss-120b"} <= set(listed)
        assert all(model["providers"] >= 1 for model in listed.values())
        assert providers(papi, "gpt-oss-120b") == {"groq"}
        served = run_papi("model", "list", "--url", papi.url)
        assert served.returncode == 0 and "gpt-oss-120b" in served.stdout
        capacity = run_papi("capacity", "--url", papi.url)
        assert capacity.returncode == 0 and all(name in capacity.stdout for name in ("groq", "google", "mistral"))
        told = run_papi("explain", "--model", "gpt-oss-120b", "--url", papi.url)
        assert told.returncode == 0 and "groq" in told.stdout


def test_without_any_key_it_says_what_to_do(tmp_path):
    with start(tmp_path, {"PAPI_KEYLESS": "off"}) as papi:
        assert "none yet" in papi.stdout and "API_KEY" in papi.stdout
        status, _, body = request(papi, "POST", "/v1/chat/completions", {"model": "auto", "messages": [{"role": "user", "content": "x"}]})
        assert status == 503 and b"key" in body.lower(), body
        assert request(papi, "GET", "/readyz")[0] == 503


def test_a_key_in_a_dotenv(tmp_path):
    text = f"# mine\nexport GROQ_API_KEY='{GROQ}'\nMISTRAL_API_KEY=your-key-here\nHTTP_PROXY=http://127.0.0.1:1\n"
    with start(tmp_path, {"PAPI_KEYLESS": "off"}, text) as papi:
        assert accounts(papi) == {"groq"}
        assert ".env" in papi.stdout and GROQ not in papi.stdout + papi.stderr
        assert "MISTRAL_API_KEY" in papi.stdout + papi.stderr  # the placeholder is not left out silently
    with start(tmp_path / "off", {"PAPI_KEYLESS": "off", "PAPI_DOTENV": "off"}, text) as papi:
        assert accounts(papi) == set()


def test_the_environment_wins_over_dotenv_and_commas_divide(tmp_path):
    with start(tmp_path, {"PAPI_KEYLESS": "off", "GROQ_API_KEY": f"{GROQ},{GROQ}x, ,{GROQ}y"}, "GROQ_API_KEY=gsk_other000000000\n") as papi:
        rows = json.loads(request(papi, "GET", "/v1/papi/capacity")[2])["accounts"]
        assert [(row["provider"], row["account"], row["keys"]) for row in rows] == [("groq", "default", 3)]


def test_keys_that_bill_are_shown_and_not_used(tmp_path):
    with start(tmp_path, {"PAPI_KEYLESS": "off", "OPENAI_API_KEY": "sk-abcdefghijkl0000", "ANTHROPIC_API_KEY": "sk-ant-abcdefgh0000"}) as papi:
        for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "Not used", "only bills"):
            assert name in papi.stdout, papi.stdout
        assert accounts(papi) == set()


def test_both_names_of_one_provider_and_a_second_part_that_is_missing(tmp_path):
    env = {"PAPI_KEYLESS": "off", "GOOGLE_API_KEY": GEMINI, "CLOUDFLARE_API_TOKEN": "cf-abcdefgh0000"}
    with start(tmp_path, env) as papi:
        assert accounts(papi) == {"google"}
        assert "CLOUDFLARE_ACCOUNT_ID" in papi.stdout
    with start(tmp_path / "both", {**env, "CLOUDFLARE_ACCOUNT_ID": "0123456789abcdef"}) as papi:
        assert accounts(papi) == {"google", "cloudflare"}


# --- who may be used --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("keyless", ["safe", "all", "off"])
def test_keyless(tmp_path, keyless):
    with start(tmp_path, {"PAPI_KEYLESS": keyless}) as papi:
        found = accounts(papi)
        assert ("ovhcloud" in found) == (keyless != "off")
        assert ({"kilo", "llm7"} <= found) == (keyless == "all"), found
        assert "Keyless" in papi.stdout


def test_nobody_who_may_train_is_among_them(tmp_path):
    with start(tmp_path, {"PAPI_KEYLESS": "all", "PAPI_ROUTING_DATA_USE": "no-training"}) as papi:
        for name in accounts(papi):
            shown = json.loads(run_papi("provider", "show", name, "--json").stdout)
            assert shown["terms"]["trains on prompts"] == "no", shown


def test_no_training_drops_those_that_may(tmp_path):
    with start(tmp_path, {**THREE, "PAPI_KEYLESS": "off", "PAPI_ROUTING_DATA_USE": "no-training"}) as papi:
        assert accounts(papi) == set()  # two of them train, of the third nothing is known
        assert "no-training" in papi.stdout or "train" in papi.stdout


@pytest.mark.parametrize("audience", ["group", "public"])
def test_audience(tmp_path, audience):
    with start(tmp_path, {**THREE, "PAPI_KEYLESS": "all", "PAPI_AUDIENCE": audience}) as papi:
        found = accounts(papi)
        assert "google" not in found, found  # it trains; who serves others defaults to no-training
        with start(tmp_path / "self", {**THREE, "PAPI_KEYLESS": "all"}) as own:
            assert found < accounts(own)


def test_a_question_may_forbid_training(tmp_path):
    rows = {"trainer": {"models": ["m"], "data_use": "trains"}, "quiet": {"models": ["m"], "data_use": "no-training"}}
    with Pool(tmp_path, {"trainer": {}, "quiet": {}}, rows) as pool:
        assert pool.chat().provider == "trainer"
        assert pool.chat(headers={"x-papi-data": "no-training"}).provider == "quiet"
        assert pool.chat(provider={"data_collection": "deny"}).provider == "quiet"


# --- names ------------------------------------------------------------------------------------------------------------
@pytest.fixture(name="known", scope="module")
def fixture_known(tmp_path_factory):
    env = {**THREE, "PAPI_KEYLESS": "off"}
    config = {"models": {"aliases": {"gpt-4o-mini": ["gpt-oss-120b", "auto"], "backup": {"first": "mistral/mistral-large-2512", "then": "auto"},
                                     "claude-*": "auto:smart", "claude-haiku-*": "auto:fast"}}}
    with serve(tmp_path_factory.mktemp("known"), config, env=env) as papi:
        yield papi


def first(papi, model, **more):
    status, answer = explain(papi, model, **more)
    assert status == 200, answer
    return next(((row["provider"], row["model"]) for row in answer["candidates"] if row["chosen"]), None)


@pytest.mark.parametrize("name, provider, model", [
    ("gpt-4o-mini", "groq", "gpt-oss-120b"), ("gpt-oss-120b", "groq", "gpt-oss-120b"), ("openai/gpt-oss-120b", "groq", "gpt-oss-120b"),
    ("groq/gpt-oss-120b", "groq", "gpt-oss-120b"), ("groq/openai/gpt-oss-120b", "groq", "gpt-oss-120b"),
    ("GPT-OSS-120B", "groq", "gpt-oss-120b"), ("gpt-oss-120b:latest", "groq", "gpt-oss-120b"), ("gpt-oss-120b:free", "groq", "gpt-oss-120b"),
    ("gemini/gemini-2.5-flash", "google", "gemini-2.5-flash"), ("backup", "mistral", "mistral-large-2512")])
def test_names(known, name, provider, model):
    assert first(known, name) == (provider, model)


@pytest.mark.parametrize("name", ["auto", "auto:fast", "auto:smart", "auto:long", "auto:vision", "auto:code", "claude-papi-auto"])
def test_every_auto_leads_to_chat_models(known, name):
    status, answer = explain(known, name)
    rows = answer["candidates"]
    listed = models(known)
    assert status == 200 and len(rows) > 3 and sum(row["chosen"] for row in rows) == 1
    assert all(listed[row["model"]]["kind"].startswith("chat") for row in rows)
    if name == "auto:vision":
        assert all("vision" in listed[row["model"]]["capabilities"] for row in rows if row["in"])


def test_the_longest_pattern_wins(known):
    assert first(known, "claude-haiku-4-5") == first(known, "auto:fast")
    assert first(known, "claude-opus-4-5") == first(known, "auto:smart")


def test_openrouters_members(known):
    assert first(known, "gpt-oss-120b", provider={"ignore": ["groq"]}, models=["mistral-large-2512"]) == ("mistral", "mistral-large-2512")
    assert first(known, "auto", provider={"order": ["mistral"]})[0] == "mistral"
    assert providers(known, "auto", provider={"only": ["groq"]}) == {"groq"}
    status, answer = explain(known, "auto", provider={"only": ["grok"]})
    assert status == 400 and "groq" in answer["error"]["message"], answer


def test_a_name_nobody_knows(known):
    status, answer = explain(known, "gpt-oss-12b")
    assert status == 404 and answer["error"]["code"] == "model_not_found" and "gpt-oss-120b" in answer["error"]["message"]
    status, answer = explain(known, "groq/mistral-large-2512")
    assert status == 404 and "mistral" in answer["error"]["message"], answer


PICTURE = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,aaaa"}}]}]


def test_what_a_model_cannot_do(known):
    status, _, body = request(known, "POST", "/v1/chat/completions", {"model": "gpt-oss-120b", "messages": PICTURE})
    assert status == 400 and b"vision" in body or b"image" in body, body
    status, _, body = request(known, "POST", "/v1/chat/completions", {"model": "mistral-embed", "messages": [{"role": "user", "content": "x"}]})
    assert status == 400 and b"embed" in body, body
    status, _, body = request(known, "POST", "/v1/embeddings", {"model": "gpt-oss-120b", "input": "x"})
    assert status == 400, body


def test_a_prompt_too_long_for_everybody(known):
    status, _, body = request(known, "POST", "/v1/chat/completions", {"model": "gpt-oss-120b", "messages": [{"role": "user", "content": "word " * 200000}]})
    error = json.loads(body)["error"]
    assert status == 400 and error["code"] == "context_length_exceeded" and "131072" in error["message"], error


def test_more_than_a_minutes_tokens_goes_to_who_takes_them(known):
    """20,000 tokens fit the model's context, and no window of that provider: the pool has others."""
    assert first(known, "gpt-oss-120b") == ("groq", "gpt-oss-120b")
    rows = explain(known, "gpt-4o-mini", messages=[{"role": "user", "content": "word " * 20000}])[1]["candidates"]
    assert next(row for row in rows if row["chosen"])["provider"] != "groq"


def test_embedding_models_do_not_claim_to_chat(known):
    listed = models(known)["mistral-embed"]
    assert listed["kind"] == "embedding" and listed["capabilities"] == []
