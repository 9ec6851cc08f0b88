# SPDX-License-Identifier: Apache-2.0
"""Starting without a configuration: servers of this machine, what the start screen tells, what is never read or shown."""

import json
import os
import pathlib
import time

import pytest

from papi_process import PapiProcess, chat, provider, request, run_papi, serve

TAGS = {"models": [{"name": "tiny:latest", "digest": "x", "details": {"family": "llama"}},
                   {"name": "all-minilm", "digest": "y", "details": {"family": "bert"}},
                   {"name": "big:cloud", "digest": "z", "remote_host": "https://ollama.com:443"}]}
ANSWER = {"id": "a", "object": "chat.completion", "created": 1, "model": "tiny:latest",
          "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi."}, "finish_reason": "stop"}],
          "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}


def playing(answers):
    """A script that answers each path with a status and a body; anything else with 404."""
    def script(connection):
        asked = connection.read_request()
        if asked is None:
            return
        path = connection.request_line.split()[1]
        status, body = answers.get(path, (404, {"error": "not found"}))
        connection.respond(status, body)
    return script


OLLAMA = {"/api/version": (200, {"version": "0.9.1"}), "/api/tags": (200, TAGS), "/v1/chat/completions": (200, ANSWER)}


def start(folder, env, extra=()):
    """`papi serve` without a configuration file."""
    folder.mkdir(parents=True, exist_ok=True)
    return PapiProcess(["serve", "--data", folder / "data", "--listen", "127.0.0.1:0", *extra],
                       env={"HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "none"), **env}, cwd=folder)


def test_what_bills_is_named_by_an_alias(tmp_path, upstream):
    """The catalog knows no models of it: the alias is taken at its word, and nothing else reaches it."""
    paid = upstream(playing({"/v1/chat/completions": (200, {**ANSWER, "model": "gpt-4o-mini"})}))
    config = {"providers": {"openai": {"base_url": f"http://127.0.0.1:{paid.port}/v1", "keys": ["env:SPEND"], "tier": "paid"}},
              "models": {"aliases": {"backup": ["openai/gpt-4o-mini"]}}}
    with serve(tmp_path, config, env={"SPEND": "sk-spend"}) as papi:
        status, headers, _ = chat(papi, "backup")
        assert status == 200 and headers["x-papi-provider"] == "openai" and headers["x-papi-model"] == "gpt-4o-mini"
        assert chat(papi, "auto")[0] >= 400
    assert paid.connections == 1


def test_a_section_that_serves_nothing_is_told(tmp_path):
    (tmp_path / "papi.yaml").write_text('keyless: off\nproviders:\n  ollama_local: {base_url: "http://127.0.0.1:1/v1"}\n'
                                        "  ovhcloud: {enabled: yes}\n  openai: {keys: [env:SPEND]}\n"
                                        "models: {aliases: {one: [gemini-2.5-flash, auto]}}\n")
    told = run_papi("check", "--config", tmp_path / "papi.yaml", env={"SPEND": "sk-spend"}).stderr
    assert "papi.yaml:3:1: warning: provider 'ollama_local' serves nothing" in told
    assert told.count("serves nothing") == 1  # also when the pool is built anew without what idles
    assert "papi.yaml:6:26: warning: alias 'one': 'gemini-2.5-flash' is left out" in told
    assert "papi.yaml:4:1: warning: provider 'ovhcloud' is not used: works without a key" in told
    assert "papi.yaml:5:1: warning: provider 'openai' is not used: key found, not used, since it only bills" in told


def test_hints_obey_the_audience(tmp_path):
    with start(tmp_path / "self", {}) as papi:
        assert "OPENROUTER_API_KEY" in papi.stdout
    with start(tmp_path / "group", {"PAPI_AUDIENCE": "group"}) as papi:
        assert "OPENROUTER_API_KEY" not in papi.stdout


def looking_at(**ports):
    return {"PAPI_LOCAL_SERVERS": "auto", "PAPI_LOCAL_PORTS": ",".join(f"{k}={v}" for k, v in ports.items())}


def test_a_server_of_this_machine_answers(tmp_path, upstream):
    ollama = upstream(playing(OLLAMA))
    with start(tmp_path, looking_at(ollama_local=ollama.port)) as papi:
        status, headers, answer = chat(papi, "tiny:latest")
        assert status == 200 and answer["choices"][0]["message"]["content"] == "Hi.", answer
        assert headers["x-papi-provider"] == "ollama_local"
        assert chat(papi, "auto")[0] == 200
        models = [m["id"] for m in json.loads(request(papi, "GET", "/v1/models")[2])["data"]]
        assert "tiny:latest" in models and "big:cloud" not in models
        assert f"ollama_local :{ollama.port} (2 models)" in papi.stdout
        assert "stay on this machine" in papi.stdout


def test_what_is_not_recognised_gets_no_prompt(tmp_path, upstream):
    stranger = upstream(playing({"/v1/models": (200, {"data": [{"id": "m", "owned_by": "somebody"}]}),
                                 "/api/version": (200, "hello"), "/v1/chat/completions": (200, ANSWER)}))
    ports = dict.fromkeys(("ollama_local", "llamacpp", "lmstudio", "vllm"), stranger.port)
    with start(tmp_path, looking_at(**ports)) as papi:
        assert chat(papi, "m")[0] == 503
        assert "none yet" in papi.stdout


def test_another_papi_is_never_used(tmp_path, upstream):
    """A single provider's id is owned_by in its list: without its own sign, it would look like that server."""
    vllm = upstream(playing({"/v1/chat/completions": (200, ANSWER)}))
    first_config = {"providers": {"vllm": provider(f"http://127.0.0.1:{vllm.port}/v1", ["tiny:latest"])}}
    with serve(tmp_path / "first", first_config) as first:
        listed = json.loads(request(first, "GET", "/v1/models")[2])["data"]
        assert any(m["owned_by"] == "vllm" for m in listed)
        headers = request(first, "GET", "/v1/models", headers={"x-papi-hop": "probe"})[1]
        assert headers["x-papi-hop"]
        assert "x-papi-hop" not in request(first, "GET", "/v1/models")[1]
        ports = dict.fromkeys(("ollama_local", "llamacpp", "lmstudio", "vllm"), first.port)
        with start(tmp_path / "second", looking_at(**ports)) as second:
            assert "none yet" in second.stdout
            assert chat(second, "tiny:latest")[0] == 503


def test_a_server_named_in_the_file_is_as_it_says_there(tmp_path, upstream):
    ollama = upstream(playing(OLLAMA))
    mine = {"mine": provider(f"http://127.0.0.1:{ollama.port}/v1", ["renamed"])}
    with serve(tmp_path, {"providers": mine}, env=looking_at(ollama_local=ollama.port)) as papi:
        models = [m["id"] for m in json.loads(request(papi, "GET", "/v1/models")[2])["data"]]
        assert "renamed" in models and "tiny:latest" not in models


@pytest.mark.parametrize("setting", ["off", "auto"])
def test_looking_can_be_switched_off(tmp_path, upstream, setting):
    ollama = upstream(playing(OLLAMA))
    env = {**looking_at(ollama_local=ollama.port), "PAPI_LOCAL_SERVERS": setting}
    with start(tmp_path, env) as papi:
        assert ("ollama_local" in papi.stdout) == (setting == "auto")


def test_a_silent_port_delays_the_start_by_a_moment_only(tmp_path, upstream):
    silent = upstream(lambda connection: connection.read_to_end())
    began = time.monotonic()
    with start(tmp_path, looking_at(llamacpp=silent.port)) as papi:
        assert time.monotonic() - began < 20
        assert "none yet" in papi.stdout


def test_a_papi_yaml_in_the_folder_is_only_mentioned(tmp_path):
    folder = tmp_path / "cloned"
    folder.mkdir()
    (folder / "papi.yaml").write_text("providers: {evil: {base_url: http://127.0.0.1:1, models: [m]}}\n")
    with start(folder, {}) as papi:
        assert "papi.yaml in this folder is not read by itself" in papi.stdout
        assert "evil" not in papi.stdout


def test_settings_in_a_dotenv_are_not_taken(tmp_path):
    (tmp_path / ".env").write_text("PAPI_LISTEN=127.0.0.1:1\nPAPI_CONFIG=/nowhere\nPAPI_LOG_LEVEL=nonsense\n")
    done = run_papi("check", "--json", cwd=tmp_path, env={"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)})
    told = json.loads(done.stdout)
    assert done.returncode == 0 and told["ok"] and told["listen"] == "127.0.0.1:7274", done.stdout


def test_a_dotenv_that_is_a_pipe_does_not_stop_the_start(tmp_path):
    os.mkfifo(tmp_path / ".env")
    env = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    done = run_papi("check", cwd=tmp_path, env=env)
    assert done.returncode == 0 and "not a regular file" in done.stderr, done.stderr
    done = run_papi("check", cwd=tmp_path, env={**env, "PAPI_DOTENV": "off"})
    assert done.stderr == ""


# --- papi check -------------------------------------------------------------------------------------------------------
def check(folder, text, **env):
    file = pathlib.Path(folder) / "papi.yaml"
    file.write_text(text)
    done = run_papi("check", "--json", "--config", file, cwd=folder, env=env)
    return done.returncode, json.loads(done.stdout), done


def test_check_tells_where_keys_stand_and_never_what_they_are(tmp_path):
    (tmp_path / "lab.key").write_text("sk-from-a-file\n")
    code, told, done = check(
        tmp_path, "audience: group\nkeyless: off\nproxy: http://user:secret-word@127.0.0.1:3128\n"
        "providers:\n"
        "  lab:\n"
        "    base_url: http://127.0.0.1:1\n"
        "    models: [m]\n"
        "    keys: [env:LAB_KEY, {key: file:lab.key, account: two}]\n"
        "    limits: [{requests: 60, per: minute, burst: 5}]\n", LAB_KEY=" sk-from-a-variable")
    assert code == 0 and told["ok"]
    assert (told["audience"], told["data_use"], told["keyless"], told["proxy"]) == ("group", "no-training", "off", True)
    assert [(k["provider"], k["account"], k["source"]) for k in told["keys"]] == [
        ("lab", "default", "papi.yaml:8"), ("lab", "two", "papi.yaml:8")]
    assert ["spaces or line ends" in m["text"] for m in told["messages"]] == [True]
    for secret in ("sk-from", "secret-word"):
        assert secret not in done.stdout + done.stderr


@pytest.mark.parametrize("text, words", [
    ("providers: {lab: {base_url: http://127.0.0.1:1, models: [m], limits: [{requests: 5}]}}\n", "needs a window"),
    ("providers: {lab: {base_url: http://127.0.0.1:1, models: [m], tier: paid, billing: free}}\n", "one of them is wrong"),
    ("providers: {lab: {models: [m]}}\n", "Another one needs base_url and models"),
    ("providers: {lab: {base_url: http://127.0.0.1:1, models: [m], keys: ['sk my secret']}}\n", "spaces"),
    ("proxy: ftp://user:my-secret@x\n", "must start with"),
    ("audience: everyone\n", "must be self, group or public"),
], ids=repr)
def test_check_points_at_what_is_wrong(tmp_path, text, words):
    code, told, done = check(tmp_path, text)
    assert code == 1 and not told["ok"] and told["errors"] == 1
    (message,) = told["messages"]
    assert words in message["text"] and message["line"] == 1 and message["file"].endswith("papi.yaml")
    assert "secret" not in done.stdout + done.stderr
    plain = run_papi("check", "--config", tmp_path / "papi.yaml")
    assert f"papi.yaml:1:{message['column']}: error: " in plain.stderr
