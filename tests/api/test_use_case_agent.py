# SPDX-License-Identifier: Apache-2.0
"""One person with an agent: a long session of tool calls and streams whose conversation grows, through free tiers with small limits. No
429 ever reaches the agent; a reload and a restart in its middle are nothing but a retry of its SDK.

Limits are those of free tiers with seconds in place of minutes; the simulator judges with the same ones, exactly.
"""

import json
import os
import pathlib
import shutil
import signal
import sys
import threading

import openai
import pytest

import admin
import papi_process
from papi_process import request, run_papi, wait_for

QUESTIONS = 76  # of two turns each: the tool is called, then its result is told
TIERS = {
    "swift": [{"requests": 4, "per": "second"}],
    "broad": [{"requests": 10, "per": "2s"}, {"tokens": 60000, "per": "second"}],
    "small": [{"requests": 6, "per": "second"}],
    "other": [{"requests": 8, "per": "2s"}],
}
MOCK_WINDOW = {"second": 1000, "2s": 2000}
MODEL = "gpt-oss-120b"
TOOLS = [{"type": "function", "function": {"name": "weather", "description": "The weather of a place.", "parameters": {
    "type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}}}]
TOLD = "Wind from the north-east, four degrees, a little rain after noon."


def their_limits(rows):
    return [{"window_ms": MOCK_WINDOW[row["per"]], **{key: value for key, value in row.items() if key != "per"}} for row in rows]


class Place:
    """The free tiers, and the gateway in front of them, always on the same port and data directory."""

    def __init__(self, folder):
        self.folder = folder
        scripts = [{"provider": name, "limits": their_limits(rows), "models": [{"id": MODEL, "context": 3000 if name == "small" else 131072}]}
                   for name, rows in TIERS.items()]
        self.mock = papi_process.mock(folder / "mock", json.dumps(scripts) + "\n", ["--seed", "1"]).start()
        self.file, self.port, self.papi = folder / "papi.yaml", 0, None
        self.write()
        self.start()

    def write(self, **more):
        self.file.write_text(json.dumps({"providers": {name: papi_process.provider(
            f"{self.mock.url}/{name}/v1", [{"id": MODEL, "context": 3000 if name == "small" else 131072}], limits=rows)
            for name, rows in TIERS.items()}, **more}))

    def start(self):
        arguments = ["serve", "--config", self.file, "--data", self.folder / "data", "--listen", f"127.0.0.1:{self.port}"]
        self.papi = papi_process.PapiProcess(arguments, cwd=self.folder).start()
        self.port = self.papi.port

    def restart(self):
        self.papi.stop()
        self.start()

    def truth(self):
        return json.loads(request(self.mock, "GET", "/_mock/stats")[2])

    def rows(self, query):
        """Recorded requests that answer the query, all pages."""
        found, cursor = [], None
        while True:
            page = admin.get(self.papi, f"/admin/v1/requests?limit=1000&{query}" + (f"&cursor={cursor}" if cursor else ""))
            found += page["data"]
            cursor = page["next_cursor"]
            if cursor is None:
                return found


@pytest.fixture(name="place")
def fixture_place(tmp_path):
    here = Place(tmp_path)
    yield here
    here.papi.stop()
    here.mock.stop()


class Agent:
    """What agents do: ask, run the tool that is called, ask again with all that was said so far."""

    def __init__(self, url):
        self.client = openai.OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=6, timeout=60)
        self.messages = [{"role": "system", "content": "You are an agent that looks up the weather."}]
        self.answers = 0

    def ask(self):
        """One streamed answer, put together as agents do: (text, tool calls)."""
        text, calls, finish = "", {}, None
        with self.client.chat.completions.create(model=MODEL, messages=self.messages, tools=TOOLS, stream=True,
                                                 stream_options={"include_usage": True}) as stream:
            for chunk in stream:
                for choice in chunk.choices:
                    text += choice.delta.content or ""
                    finish = choice.finish_reason or finish
                    for call in choice.delta.tool_calls or []:
                        known = calls.setdefault(call.index, {"id": call.id, "name": call.function.name, "arguments": ""})
                        known["arguments"] += call.function.arguments or ""
        assert finish == ("tool_calls" if calls else "stop"), finish
        self.answers += 1
        return text, list(calls.values())

    def question(self, number):
        self.messages.append({"role": "user", "content": f"And the weather of place {number}?"})
        _, calls = self.ask()
        assert calls, "the tool is called for"
        self.messages.append({"role": "assistant", "content": None, "tool_calls": [
            {"id": call["id"], "type": "function", "function": {"name": call["name"], "arguments": call["arguments"]}} for call in calls]})
        for call in calls:
            json.loads(call["arguments"])
            self.messages.append({"role": "tool", "tool_call_id": call["id"], "content": TOLD})
        text, calls = self.ask()
        assert text and not calls
        self.messages.append({"role": "assistant", "content": text})


def test_hours_of_an_agent(place):
    agent = Agent(place.papi.url)
    restarting = threading.Thread(target=place.restart)
    for number in range(QUESTIONS):
        if number == QUESTIONS // 3:
            place.write(queue={"max_wait": "20s"})
            place.papi.process.send_signal(signal.SIGHUP)
        if number == QUESTIONS // 2:
            restarting.start()
        agent.question(number)
    restarting.join(60)
    assert agent.answers == 2 * QUESTIONS and len(json.dumps(agent.messages)) > 25000
    # Nobody was refused, and each tier did its share.
    wait_for(lambda: len(place.rows("status=200")) >= 2 * QUESTIONS, 20, "all rows")
    assert place.rows("status=429") == []
    rows = place.rows("")
    assert {row["status"] for row in rows} <= {200, 499, 503}, {row["status"] for row in rows}  # 503: the drain's own, tried again
    assert {row["provider"] for row in rows if row["status"] == 200} == set(TIERS)
    # By the providers' own count no limit was ever passed, and the first tier's was used to the last request.
    truth = place.truth()
    assert [limit["most_arrived"] for limit in truth["swift"]["limits"]] == [4]
    for name, told in truth.items():
        assert told["refused_by_limit"] == 0, (name, told)
        for limit in told["limits"]:
            if "requests" in str(limit.get("unit", "requests")):
                assert limit["most_arrived"] <= limit["amount"], (name, limit)
    assert max(row["input_tokens"] for row in rows if row["provider"] == "small") <= 3000


def the_llm_program():
    program = pathlib.Path(sys.executable).with_name("llm")
    if not program.exists():
        pytest.skip("the agent program `llm` is not installed: run `make test`")
    return program


def test_a_real_agent_program(place, tmp_path):
    """`papi launch llm`, with a tool in Python that it runs by itself."""
    folder = tmp_path / "bin"
    folder.mkdir()
    shutil.copy(the_llm_program(), folder / "llm")
    env = {"PATH": f"{folder}:{os.environ['PATH']}", "HOME": str(tmp_path), "XDG_CACHE_HOME": "", "LLM_LOAD_PLUGINS": ""}
    tool = 'import pathlib\ndef weather(place: str = "here") -> str:\n    "The weather."\n' \
        f'    pathlib.Path("{tmp_path}/asked").write_text(place)\n    return "rain"\n'
    done = run_papi("launch", "llm", "--model", MODEL, "--url", place.papi.url, "--", "prompt", "--functions", tool, "What is the weather?",
                    env=env, cwd=tmp_path)
    assert done.returncode == 0 and done.stdout.strip(), done.stderr
    assert (tmp_path / "asked").exists()
    rows = wait_for(lambda: (got := place.rows("status=200"))[1:] and got, 20, "both of its requests")
    assert len(rows) == 2 and {row["model"] for row in rows} == {MODEL}
