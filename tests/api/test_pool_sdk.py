# SPDX-License-Identifier: Apache-2.0
"""The official clients, unmodified, in front of a pool: a provider that is full for the day, one that refuses, one that serves."""

import array
import base64
import json
import re
import subprocess

import openai
import pytest

import papi_process
from pool import Pool

EMBED = {"id": "bge-m3", "kind": "embed"}
DAY = [{"requests": 1, "per": "day", "zone": "UTC"}]
ROWS = {"one": {"models": ["m"], "limits": DAY}, "refuses": {"models": ["m", EMBED]}, "two": {"models": ["m", EMBED]}}


@pytest.fixture(name="pool", scope="module")
def fixture_pool(tmp_path_factory):
    scripts = {"one": {}, "refuses": {"always": "429", "retry_after_ms": 3600000}, "two": {"limits": [{"requests": 1000, "per": "minute"}]}}
    with Pool(tmp_path_factory.mktemp("pool"), scripts, ROWS, queue={"max_wait": "200ms"}) as running:
        assert running.chat("one/m").status == 200
        yield running


@pytest.fixture(name="client")
def fixture_client(pool):
    with openai.OpenAI(base_url=pool.papi.url + "/v1", api_key="any", max_retries=0) as client:
        yield client


def test_models(client):
    listed = {model.id: model for model in client.models.list()}
    assert {"auto", "auto:fast", "auto:smart", "m", "bge-m3"} <= set(listed)
    for name, model in listed.items():
        assert client.models.retrieve(name) == model
    assert client.models.retrieve("two/m").id == "two/m"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("no-such-model")


def test_embeddings(client):
    texts = ["one", "two", "one"]
    floats = client.embeddings.create(model="bge-m3", input=texts, encoding_format="float")
    coded = client.embeddings.create(model="bge-m3", input=texts, encoding_format="base64")
    plain = client.embeddings.create(model="bge-m3", input=texts)
    for one, other, third in zip(floats.data, coded.data, plain.data):
        numbers = array.array("f", one.embedding).tobytes()
        assert base64.b64decode(other.embedding) == numbers == array.array("f", third.embedding).tobytes()
    assert [item.index for item in floats.data] == [0, 1, 2]
    assert floats.data[0].embedding == floats.data[2].embedding != floats.data[1].embedding
    assert floats.usage.prompt_tokens == floats.usage.total_tokens > 0
    alone = client.embeddings.create(model="bge-m3", input="two", encoding_format="float")
    assert alone.data[0].embedding == floats.data[1].embedding
    assert len(client.embeddings.create(model="bge-m3", input="two", dimensions=16).data[0].embedding) == 16


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("name", ["auto", "auto:fast", "auto:smart", "auto:long", "auto:code", "m"])
def test_auto(client, name, stream):
    raw = client.chat.completions.with_raw_response.create(model=name, messages=[{"role": "user", "content": "Hello!"}], stream=stream)
    assert raw.headers["x-papi-provider"] == "two" and raw.headers["x-papi-model"] == "m"
    answer = raw.parse()
    if stream:
        parts = list(answer)
        assert {part.model for part in parts} == {"m"} and any(part.choices and part.choices[0].delta.content for part in parts)
    else:
        assert answer.model == "m" and answer.choices[0].message.content


def test_a_refusal_tells_the_client_when(client):
    with pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(model="one/m", messages=[{"role": "user", "content": "Hello!"}])
    headers = caught.value.response.headers
    assert headers["x-should-retry"] == "false" and re.fullmatch(r"\d+m[\d.]+s", headers["x-ratelimit-reset-requests"]), headers


def test_node(node, pool):
    program, folder = node
    env = papi_process.clean_environment({"PAPI_URL": pool.papi.url + "/v1", "GOOD_TEXT": ""})
    ended = subprocess.run([program, "pool.mjs"], cwd=folder, env=env, capture_output=True, text=True, timeout=100, check=False)
    results = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("{")]
    assert [result for result in results if not result["ok"]] == [], ended.stderr
    assert len(results) == 6, ended.stderr
