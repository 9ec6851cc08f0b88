# SPDX-License-Identifier: Apache-2.0
"""A real model answers through PAPI: the official client in front, llama.cpp behind, and worse providers before it."""

import json

import openai
import papi_process
import pytest
from llama_server import MODEL
from pool import Pool

QUESTION = [{"role": "system", "content": "You are a helpful assistant. Answer briefly."},
            {"role": "user", "content": "What is the capital of France?"}]
ANSWER_TOKENS = 24


def client_of(url):
    return openai.OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0, timeout=110)


def ask(client):
    """A whole answer, checked for what a caller relies on."""
    answer = client.chat.completions.create(model=MODEL, messages=QUESTION, max_tokens=ANSWER_TOKENS, temperature=0,
                                            seed=1)
    assert answer.model == MODEL
    assert len(answer.choices) == 1
    assert answer.choices[0].finish_reason in ("stop", "length")
    assert 0 < answer.usage.completion_tokens <= ANSWER_TOKENS
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    text = answer.choices[0].message.content
    assert text.strip()
    return text


def ask_streamed(client):
    """The same answer as a stream: pieces in order, one finish reason, usage last."""
    pieces, finishes, usage = [], [], None
    stream = client.chat.completions.create(model=MODEL, messages=QUESTION, max_tokens=ANSWER_TOKENS, temperature=0,
                                            seed=1, stream=True, stream_options={"include_usage": True})
    for chunk in stream:
        assert chunk.model == MODEL
        assert usage is None, "nothing may follow the usage chunk"
        if chunk.usage is not None:
            assert chunk.choices == []
            usage = chunk.usage
            continue
        choice = chunk.choices[0]
        assert not finishes, "nothing may follow the finish reason but usage"
        if choice.delta.content:
            pieces.append(choice.delta.content)
        if choice.finish_reason:
            finishes.append(choice.finish_reason)
    assert finishes in (["stop"], ["length"])
    assert 0 < usage.completion_tokens <= ANSWER_TOKENS
    assert len(pieces) > 1, "a stream comes in pieces"
    return "".join(pieces)


def test_llama_itself(llama):
    """Without PAPI: what the tests below compare with, and proof that the model knows its answer."""
    client = client_of(llama.url)
    text = ask(client)
    assert "Paris" in text
    assert ask_streamed(client) == text


def config(*providers):
    """papi.yaml with the providers as candidates in this order."""
    return {"providers": dict(providers)}


def silent(upstream):
    """A provider that accepts and says nothing, given one second for its first byte."""
    stalling = upstream(papi_process.silent_script)
    limits = {"timeouts": {"first_token": "1s", "first_byte": "1s"}}
    return stalling, ("silent", papi_process.provider(stalling.url, [MODEL], **limits))


def dead(port):
    return ("dead", papi_process.provider(f"http://127.0.0.1:{port}/v1", [MODEL]))


def real(llama):
    return ("real", papi_process.provider(f"{llama.url}/v1", [MODEL]))


def test_answer_through_papi(llama, start_serve):
    papi = start_serve(config(real(llama)))
    assert "Paris" in ask(client_of(papi.url))


def test_stream_through_papi_has_the_same_text(llama, start_serve):
    papi = start_serve(config(real(llama)))
    direct = ask(client_of(llama.url))
    assert ask_streamed(client_of(papi.url)) == direct


def test_model_is_listed(llama, start_serve):
    papi = start_serve(config(real(llama)))
    assert MODEL in [model.id for model in client_of(papi.url).models.list()]


@pytest.mark.parametrize("asking", [ask, ask_streamed])
def test_a_dead_provider_before_it(llama, start_serve, dead_port, asking):
    papi = start_serve(config(dead(dead_port), real(llama)))
    assert "Paris" in asking(client_of(papi.url))


@pytest.mark.parametrize("asking", [ask, ask_streamed])
def test_a_stalling_provider_before_it(llama, start_serve, upstream, asking):
    """It accepts and stays silent; after its time for the first byte the next one answers."""
    stalling, row = silent(upstream)
    papi = start_serve(config(row, real(llama)))
    assert "Paris" in asking(client_of(papi.url))
    assert stalling.connections >= 1


def test_both_before_it(llama, start_serve, upstream, dead_port):
    stalling, row = silent(upstream)
    papi = start_serve(config(dead(dead_port), row, real(llama)))
    client = client_of(papi.url)
    assert "Paris" in ask_streamed(client)
    assert "Paris" in ask(client)
    assert stalling.connections >= 1


FAILURES = {"spent": {"always": "429_day"}, "refused": {"always": "401"}, "mute": {"always": "stall_before_head"},
            "torn": {"always": "cut_after_head"}, "hollow": {"always": "empty_200"}}


@pytest.mark.parametrize("asking", [ask, ask_streamed])
def test_the_last_rung_of_a_ladder(llama, tmp_path, asking):
    """Five providers fail in five different ways; the real model answers, and the ladder tells each of them."""
    row = papi_process.provider("", [MODEL], timeouts={"first_token": "1s", "first_byte": "1s"})
    del row["base_url"]
    providers = {name: row for name in FAILURES}
    providers["real"] = papi_process.provider(f"{llama.url}/v1", [MODEL])
    with Pool(tmp_path, FAILURES, providers, routing={"attempts": 8},
              models={"aliases": {"ladder": [f"{name}/{MODEL}" for name in providers]}}) as pool:
        answer = client_of(pool.papi.url).chat.completions.with_raw_response.create(
            model="ladder", messages=QUESTION, max_tokens=ANSWER_TOKENS, temperature=0, seed=1)
        assert answer.headers["x-papi-provider"] == "real" and int(answer.headers["x-papi-attempts"]) == 6
        assert "Paris" in answer.parse().choices[0].message.content
        told = papi_process.run_papi("request", answer.headers["x-request-id"], "--url", pool.papi.url, "--json")
        outcomes = {rung["provider"]: rung["outcome"] for rung in json.loads(told.stdout)["ladder"]}
        assert list(outcomes) == list(providers) and outcomes["real"] == "ok"
        assert len(set(outcomes.values())) == 6, outcomes
    with Pool(tmp_path / "again", FAILURES, providers, routing={"attempts": 8}) as pool:
        assert "Paris" in asking(client_of(pool.papi.url))
