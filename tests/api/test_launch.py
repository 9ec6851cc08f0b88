# SPDX-License-Identifier: Apache-2.0
"""papi launch: agents that are little scripts on PATH tell what they were given, and ask this instance for an answer."""

import json
import stat
import sys

import pytest
from papi_process import answer_script, provider, run_papi

AGENT = """#!{python}
import json, os, sys, urllib.request
names = ("OPENAI_API_BASE", "OPENAI_API_KEY", "PAPI_API_KEY", "OPENCODE_CONFIG_CONTENT", "LLM_USER_PATH")
told = {{"arguments": sys.argv[1:], "environment": {{name: os.environ[name] for name in names if name in os.environ}}}}
if "OPENAI_API_BASE" in os.environ:
    body = json.dumps({{"model": "auto", "messages": [{{"role": "user", "content": "hi"}}]}}).encode()
    request = urllib.request.Request(os.environ["OPENAI_API_BASE"] + "/chat/completions", body, {{
        "content-type": "application/json", "authorization": "Bearer " + os.environ["OPENAI_API_KEY"]}})
    with urllib.request.urlopen(request, timeout=20) as answer:
        told["answer"] = json.load(answer)["choices"][0]["message"]["content"]
print(json.dumps(told))
sys.exit(7)
"""


@pytest.fixture
def instance(start_serve, upstream):
    return start_serve({"providers": {"only": provider(upstream(answer_script("Good answer.")).url)}})


@pytest.fixture
def path(tmp_path):
    """A PATH with an empty folder first; path.add(name, text) puts a program there."""
    class Path:
        folder = tmp_path / "bin"
        text = f"{tmp_path / 'nowhere'}::{folder}:/usr/bin:/bin"

        def add(self, name, text):
            file = self.folder / name
            file.write_text(text)
            file.chmod(0o755)
    Path.folder.mkdir()
    return Path()


def launch(path, instance, *arguments, **env):
    return run_papi("launch", *arguments, env={"PATH": path.text, "PAPI_URL": instance.url, **env}, cwd=path.folder.parent)


def test_aider_sees_its_environment_and_gets_an_answer(path, instance):
    path.add("aider", AGENT.format(python=sys.executable))
    done = launch(path, instance, "aider", "--", "--yes", "--model", "x")
    assert done.returncode == 7, done.stderr  # the agent's own exit code
    told = json.loads(done.stdout)
    assert told["arguments"] == ["--model", "openai/auto", "--no-show-model-warnings", "--yes", "--model", "x"]
    assert told["environment"] == {"OPENAI_API_BASE": f"{instance.url}/v1", "OPENAI_API_KEY": "papi"}
    assert told["answer"] == "Good answer."
    assert done.stderr == ""


def test_the_users_key_and_model(path, instance):
    path.add("aider", AGENT.format(python=sys.executable))
    done = launch(path, instance, "aider", "--model", "test-model", PAPI_API_KEY="sk-papi-mine", OPENAI_API_KEY="sk-of-openai")
    told = json.loads(done.stdout)
    assert told["arguments"][:2] == ["--model", "openai/test-model"]
    assert told["environment"]["OPENAI_API_KEY"] == "sk-papi-mine"


def test_opencode_gets_a_provider(path, instance):
    path.add("opencode", AGENT.format(python=sys.executable))
    told = json.loads(launch(path, instance, "opencode").stdout)
    assert told["arguments"] == []
    config = json.loads(told["environment"]["OPENCODE_CONFIG_CONTENT"])
    assert config["model"] == "papi/auto"
    options = config["provider"]["papi"]["options"]
    assert options == {"baseURL": f"{instance.url}/v1", "apiKey": "{env:PAPI_API_KEY}"}
    assert told["environment"]["PAPI_API_KEY"] == "papi"


@pytest.mark.parametrize("variable, below", [("XDG_CACHE_HOME", "papi/llm"), ("HOME", ".cache/papi/llm")])
def test_llm_gets_a_folder_of_its_own(path, instance, tmp_path, variable, below):
    path.add("llm", AGENT.format(python=sys.executable))
    home = tmp_path / "home"
    home.mkdir()
    env = {"XDG_CACHE_HOME": "relative", "HOME": "/nowhere", variable: str(home)}
    for _ in range(2):  # what is there already is no error
        told = json.loads(launch(path, instance, "llm", **env).stdout)
        folder = home / below
        assert told["environment"]["LLM_USER_PATH"] == str(folder)
        assert (folder / "default_model.txt").read_text() == "papi\n"
        assert f'api_base: "{instance.url}/v1"' in (folder / "extra-openai-models.yaml").read_text()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "extra-openai-models.yaml").stat().st_mode) == 0o600


def test_llm_without_a_home(path, instance):
    path.add("llm", "#!/bin/sh\necho started\n")
    done = launch(path, instance, "llm", XDG_CACHE_HOME="", HOME="")
    assert (done.returncode, done.stdout) == (1, "")
    assert "set HOME or XDG_CACHE_HOME" in done.stderr


def test_signals_are_as_a_shell_would_give_them(path, instance):
    """SIGPIPE is bit 12: were it ignored, every pipe that the agent's tools make would behave differently."""
    path.add("aider", "#!/bin/sh\ngrep SigIgn /proc/self/status\nls -l /proc/self/fd | wc -l\n")
    lines = launch(path, instance, "aider").stdout.splitlines()
    assert int(lines[0].split()[1], 16) & (1 << 12) == 0
    assert int(lines[1]) <= 6  # the total, 0, 1, 2 and the folder itself: no socket is left open


def test_print_env_starts_nothing_and_needs_nobody(path, dead_port):
    path.add("aider", "#!/bin/sh\necho started\n")
    done = run_papi("launch", "aider", "--print-env", "--url", f"http://127.0.0.1:{dead_port}", env={"PATH": path.text})
    assert done.returncode == 0 and done.stderr == ""
    assert f"export OPENAI_API_BASE='http://127.0.0.1:{dead_port}/v1'\n" in done.stdout


@pytest.mark.parametrize("agent, endpoint", [("claude", "/v1/messages"), ("codex", "/v1/responses")])
def test_agents_whose_wire_is_not_served(path, instance, agent, endpoint):
    """Once the wire is served this test has to go; until then an agent that would only fail is not started."""
    path.add(agent, "#!/bin/sh\necho started\n")
    done = launch(path, instance, agent)
    assert (done.returncode, done.stdout) == (1, "")
    assert endpoint in done.stderr and "does not serve yet" in done.stderr
    printed = launch(path, instance, agent, "--print-env")
    assert printed.returncode == 0 and instance.url in printed.stdout
    assert printed.stdout.startswith("# ") and "does not serve yet" in printed.stdout.splitlines()[0]


def test_not_installed(path, instance):
    done = launch(path, instance, "aider")
    assert done.returncode == 1
    assert "aider is not installed" in done.stderr and "https://aider.chat" in done.stderr


@pytest.mark.parametrize("make", ["mkdir", "no_mode"])
def test_what_is_no_program_is_passed_over(path, instance, make):
    if make == "mkdir":
        (path.folder / "aider").mkdir()
    else:
        path.add("aider", "#!/bin/sh\necho started\n")
        (path.folder / "aider").chmod(0o600)
    done = launch(path, instance, "aider")
    assert done.returncode == 1
    assert "started" not in done.stdout
    assert "aider" in done.stderr


def test_nobody_answers(path, dead_port):
    path.add("aider", "#!/bin/sh\necho started\n")
    done = run_papi("launch", "aider", "--url", f"http://127.0.0.1:{dead_port}", env={"PATH": path.text})
    assert (done.returncode, done.stdout) == (1, "")
    assert "no PAPI is running at" in done.stderr and "papi serve" in done.stderr


def test_somebody_else_answers(path, upstream):
    path.add("aider", "#!/bin/sh\necho started\n")

    def script(connection):
        while connection.read_request() is not None:
            connection.respond(404, {"error": "no such page"})
    server = upstream(script)
    done = run_papi("launch", "aider", "--url", server.url, env={"PATH": path.text})
    assert (done.returncode, done.stdout) == (1, "")
    assert "is no PAPI: it answers 404 at /healthz" in done.stderr
