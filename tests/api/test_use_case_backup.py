# SPDX-License-Identifier: Apache-2.0
"""A program that pays for its answers and keeps the free pool as a backup: the paid provider first, within what it may cost; the pool when
it is used up, overloaded or gone; the paid one again as soon as it is back."""

import json
import time

import openai
import pytest

import papi_process
from papi_process import request, run_papi, wait_for

WINDOW_S = 2
CONFIG = """
providers:
  openai:
    base_url: "{paid}/openai/v1"
    keys: [env:OPENAI_API_KEY]
    tier: paid
    models: [gpt-4o-mini]
    limits: [{{requests: 4, per: 2s}}]     # the most that may be spent
  lab: {{base_url: "{free}/lab/v1", models: [gpt-oss-120b]}}
  club: {{base_url: "{free}/club/v1", models: [gpt-oss-20b]}}
models:
  aliases:
    backup: {{first: openai/gpt-4o-mini, then: auto}}
"""


class Program:
    """The user's own: one base URL, one model name, official SDK; it never looks at who answers, we do."""

    def __init__(self, papi):
        self.client = openai.OpenAI(base_url=f"{papi.url}/v1", api_key="any", max_retries=0, timeout=20)

    def ask(self, stream=False, model="backup"):
        """(provider, model of the answer)"""
        raw = self.client.chat.completions.with_raw_response.create(
            model=model, stream=stream, messages=[{"role": "user", "content": "Summarise this."}])
        answer = raw.parse()
        if stream:
            chunks = list(answer)
            assert any(chunk.choices and chunk.choices[0].delta.content for chunk in chunks)
            return raw.headers["x-papi-provider"], chunks[0].model
        assert answer.choices[0].message.content
        return raw.headers["x-papi-provider"], answer.model


@pytest.fixture(name="place")
def fixture_place(tmp_path):
    """(program, starts the paid provider's simulator anew, papi, free simulator)"""
    with papi_process.mock(tmp_path / "free", "healthy") as free:
        paid = papi_process.mock(tmp_path / "paid", "healthy").start()
        started = [paid]

        def again():
            process = papi_process.PapiProcess(["mock", "--listen", f"127.0.0.1:{paid.port}", "--scenario", "healthy"])
            started.append(process.start())
        config = CONFIG.format(paid=paid.url, free=free.url)
        with papi_process.serve(tmp_path / "serve", config, env={"OPENAI_API_KEY": "sk-proj-" + "a1" * 20}) as papi:
            yield Program(papi), started, again, papi
        for process in started:
            process.stop()


def paid_script(started, **script):
    status, _, body = request(started[-1], "POST", "/_mock/script", {"provider": "openai", **script})
    assert status == 200, body


def test_degraded_service_instead_of_none(place):
    program, started, again, papi = place
    # Well: the paid one, and nobody else is billed for it.
    assert program.ask() == ("openai", "gpt-4o-mini") and program.ask(stream=True) == ("openai", "gpt-4o-mini")
    # What it may cost is spent: the pool, at once and not after waiting for the window; then the paid one again.
    began = time.monotonic()
    providers = [program.ask()[0] for _ in range(6)]
    assert providers[:2] == ["openai", "openai"] and set(providers[2:]) <= {"lab", "club"}, providers
    assert time.monotonic() - began < WINDOW_S
    wait_for(lambda: program.ask()[0] == "openai", 10, "the next window")
    # Overloaded: it says for how long.
    paid_script(started, always={"status": 503, "headers": {"retry-after": "1"}, "body": {"error": {"message": "overloaded"}}})
    assert {program.ask(stream=stream)[0] for stream in (False, True, False)} <= {"lab", "club"}
    paid_script(started, always="none")
    wait_for(lambda: program.ask()[0] == "openai", 9, "the end of its overload, earlier than the usual rest of 10 s")
    # Gone, then back.
    started[-1].stop()
    assert {program.ask(stream=stream) for stream in (False, True, False)} <= {("lab", "gpt-oss-120b"), ("club", "gpt-oss-20b")}
    again()
    wait_for(lambda: program.ask()[0] == "openai", 15, "its return")
    # The free pool alone never leads to what is paid, nor does the model's bare name.
    assert program.ask(model="auto")[0] in ("lab", "club")
    with pytest.raises(openai.NotFoundError, match="openai/gpt-4o-mini"):
        program.ask(model="gpt-4o-mini")
    told = run_papi("requests", "--provider", "openai", "--json", "--data", papi.arguments[papi.arguments.index("--data") + 1])
    assert all(row["model"] == "backup" for row in json.loads(told.stdout)["data"])


def test_it_breaks_off_and_the_program_asks_again(place):
    """After the first token there is no other provider: an honest error, and the next question is answered."""
    program, started, _, _ = place
    paid_script(started, faults=["cut_mid_stream"], tokens=40)
    with pytest.raises(openai.APIError):
        program.ask(stream=True)
    assert program.ask(stream=True)[0] in ("openai", "lab", "club")


def test_a_cap_on_money_is_refused_in_words(tmp_path):
    """Until amounts of money can be counted, nobody may believe that they are."""
    (tmp_path / "papi.yaml").write_text("providers:\n  openai: {tier: paid, keys: [env:K], models: [gpt-4o-mini], budget: {usd: 5, per: month}}\n")
    done = run_papi("check", "--config", tmp_path / "papi.yaml", env={"K": "sk-proj-1"})
    assert done.returncode == 1 and "papi.yaml:2:" in done.stderr and "budget" in done.stderr and "not supported" in done.stderr, done.stderr
