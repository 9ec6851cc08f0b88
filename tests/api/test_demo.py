# SPDX-License-Identifier: Apache-2.0
"""`papi serve --demo`: the simulated pool behind whatever is real, without a network.

Real providers are hidden behind a proxy that refuses, so that nothing outside this machine is asked.
"""

import json

import openai
import pytest

from papi_process import PapiProcess, closed_port, request

CHAT = "/v1/chat/completions"
KEYS = {"GROQ_API_KEY": "gsk_played", "GEMINI_API_KEY": "AIza-played", "OPENROUTER_API_KEY": "sk-or-played"}
PLAYED = {"demo-swift", "demo-broad", "demo-market", "demo-mind", "demo-trial"}


@pytest.fixture
def no_network():
    holder, port = closed_port()
    yield {"HTTPS_PROXY": f"http://127.0.0.1:{port}"}
    holder.close()


def start(tmp_path, env):
    return PapiProcess(["serve", "--demo", "--data", tmp_path / "data", "--listen", "127.0.0.1:0"], env=env, cwd=tmp_path)


def test_nothing_but_the_demo(tmp_path):
    with start(tmp_path, {}) as papi:
        screen = "\n".join(papi.stdout_lines)
        assert "none but the demo" in screen and "answers are made up: demo-swift" in screen
        _, _, body = request(papi, "GET", "/v1/models")
        served = {row["id"] for row in json.loads(body)["data"]}
        assert {"auto", "gpt-oss-120b", "gpt-oss-20b", "gemma-3-27b", "llama-3.3-70b", "qwen3-8b"} <= served
        for model in ("auto", "gpt-oss-120b", "demo-mind/qwen3-8b"):
            asked = {"model": model, "messages": [{"role": "user", "content": "Hello!"}]}
            status, fields, body = request(papi, "POST", CHAT, asked)
            assert status == 200 and fields["x-papi-provider"] in PLAYED, body
            assert json.loads(body)["choices"][0]["message"]["content"]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_behind_real_ones_that_cannot_be_reached(tmp_path, no_network, stream):
    """Three keys, no network, one official SDK call: the answer comes from the demo."""
    with start(tmp_path, {**KEYS, **no_network}) as papi:
        screen = "\n".join(papi.stdout_lines)
        assert "3 with a key" in screen and "Demo" in screen
        with openai.OpenAI(base_url=f"{papi.url}/v1", api_key="any", timeout=60, max_retries=0) as client:
            raw = client.chat.completions.with_raw_response.create(
                model="auto", messages=[{"role": "user", "content": "Hello!"}], stream=stream)
            assert raw.headers["x-papi-provider"] in PLAYED
            answer = raw.parse()
            text = "".join(c.choices[0].delta.content or "" for c in answer if c.choices) if stream else (
                answer.choices[0].message.content)
            assert text


def test_a_provider_of_that_name_is_the_users(tmp_path):
    (tmp_path / "papi.yaml").write_text(json.dumps({"providers": {"demo-mind": {
        "base_url": "http://127.0.0.1:1/v1", "models": ["own"]}}}))
    arguments = ["serve", "--demo", "--config", tmp_path / "papi.yaml", "--data", tmp_path / "data", "--listen", "127.0.0.1:0"]
    with PapiProcess(arguments, cwd=tmp_path) as papi:
        _, _, body = request(papi, "GET", "/v1/models")
        served = {row["id"] for row in json.loads(body)["data"]}
        assert "own" in served and "gemma-3-27b" in served
        assert "and 4 more" not in "\n".join(papi.stdout_lines)
