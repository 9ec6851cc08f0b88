# SPDX-License-Identifier: Apache-2.0
"""A prototype builder: no key, no configuration, an answer within five commands; then an .env, and more models, while what runs goes on."""

import contextlib
import threading

import openai
import pytest

import papi_process
from outside import Outside, forwards
from papi_process import run_papi

HOSTS = {"api.groq.com": "groq", "integrate.api.nvidia.com": "nvidia"}
DOTENV = 'export GROQ_API_KEY="gsk_' + "Zq7" * 12 + '"\nNVIDIA_API_KEY=nvapi-' + "Kp3" * 12 + "\nSOMETHING_ELSE=1\n"


class Builder:
    """A person in an empty folder, who counts the commands it takes."""

    def __init__(self, folder, env):
        self.folder, self.commands = folder, 0
        self.env = {"HOME": str(folder), "XDG_CONFIG_HOME": "", "XDG_DATA_HOME": "", "PAPI_DATA": "", **env}

    def serve(self, *arguments):
        self.commands += 1
        return papi_process.PapiProcess(["serve", "--listen", "127.0.0.1:0", *arguments], env=self.env, cwd=self.folder)

    def run(self, *words):
        """A command as it is typed: it finds the running PAPI by itself."""
        self.commands += 1
        done = run_papi(*words, env=self.env, cwd=self.folder)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(name="stage")
def fixture_stage(tmp_path):
    """The simulator, and the providers' own addresses led there."""
    with papi_process.mock(tmp_path / "mock", "healthy") as mock, Outside(tmp_path / "outside", mock, HOSTS) as outside:
        home = tmp_path / "home"
        home.mkdir()
        yield mock, Builder(home, outside.env)


def names(client):
    return {model.id for model in client.models.list()}


def ask(client, model="auto"):
    raw = client.chat.completions.with_raw_response.create(model=model, messages=[{"role": "user", "content": "Say hello."}])
    assert raw.parse().choices[0].message.content
    return raw.headers["x-papi-provider"]


@contextlib.contextmanager
def long_answer(client):
    """A stream that is read by somebody else while the block runs; it must end as if nothing had happened."""
    began, ended, seen = threading.Event(), threading.Event(), []

    def read():
        for chunk in client.chat.completions.create(model="auto", stream=True, messages=[{"role": "user", "content": "Tell me a lot."}]):
            seen.append(chunk)
            began.set()
        ended.set()
    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    assert began.wait(20)
    yield
    assert ended.wait(20) and seen[-1].choices[0].finish_reason == "stop"
    reader.join(20)


def test_a_demo_then_an_env_file(stage):
    """serve, chat, import, chat: four commands, and a program that runs all the while."""
    _, builder = stage
    with builder.serve("--demo") as papi:
        assert "Demo" in papi.stdout and "Try it" in papi.stdout
        assert builder.run("chat", "Say hello.").strip()
        with openai.OpenAI(base_url=f"{papi.url}/v1", api_key="any", max_retries=0) as client:
            before = names(client)
            assert ask(client).startswith("demo-")
            (builder.folder / "collected.env").write_text(DOTENV)
            (builder.folder / "collected.env").chmod(0o600)
            with long_answer(client):
                told = builder.run("provider", "import", "collected.env")
            assert "groq" in told and "nvidia" in told and "2 keys" in told and "Zq7" not in told
            more = names(client) - before
            assert len(more) >= 10, more
            assert ask(client) in ("groq", "nvidia")  # the demo stands behind real ones
            assert ask(client, "groq/gpt-oss-120b") == "groq"
        assert builder.run("chat", "Say hello.").strip()
        assert builder.commands <= 5


def test_a_local_server_then_a_dotenv(stage, upstream):
    """Ollama runs already; a .env that is put into the folder counts from the next reload."""
    mock, builder = stage
    ollama = upstream(forwards(mock, lambda _: "ollama"))
    papi_process.request(mock, "POST", "/_mock/script", {"provider": "ollama", "models": ["tiny:latest"], "gap_ms": 20, "tokens": 60})
    builder.env |= {"PAPI_LOCAL_SERVERS": "auto", "PAPI_LOCAL_PORTS": f"ollama_local={ollama.port},llamacpp=1,lmstudio=1,vllm=1"}
    with builder.serve() as papi:
        assert f"ollama_local :{ollama.port}" in papi.stdout
        assert builder.run("chat", "Say hello.").strip()
        with openai.OpenAI(base_url=f"{papi.url}/v1", api_key="any", max_retries=0) as client:
            assert ask(client) == "ollama_local"
            before = names(client)
            (builder.folder / ".env").write_text(DOTENV)
            (builder.folder / ".env").chmod(0o600)
            with long_answer(client):
                builder.run("reload")
            assert len(names(client) - before) >= 10
            assert ask(client, "nvidia/" + next(name for name in sorted(names(client)) if name.startswith("nemotron"))) == "nvidia"
        told = builder.run("status")
        assert "groq" in told and "nvidia" in told
        assert builder.commands <= 5


def test_nothing_at_hand_says_what_to_do(tmp_path):
    """Neither key nor server: the refusal, the start screen and `papi doctor` name the same way on."""
    builder = Builder(tmp_path, {})
    with builder.serve() as papi:
        assert "none yet" in papi.stdout and "set OPENROUTER_API_KEY" in papi.stdout
        done = run_papi("chat", "Say hello.", env=builder.env, cwd=builder.folder)
        assert done.returncode == 1 and "papi provider add" in done.stderr, done.stderr
