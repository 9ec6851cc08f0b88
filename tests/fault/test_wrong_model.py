# SPDX-License-Identifier: Apache-2.0
"""A provider that answers with another model than was asked for has failed, streamed or whole."""

import json

import papi_process
import pytest


def ask(papi, model, stream):
    """(status, head, text) of one answer."""
    body = {"model": model, "messages": [{"role": "user", "content": "Who are you?"}], "stream": stream}
    status, headers, answer = papi_process.request(papi, "POST", "/v1/chat/completions", body)
    if not stream:
        return status, headers, json.loads(answer)["choices"][0]["message"]["content"]
    events = papi_process.sse_events(answer)
    assert events[-1] == "[DONE]"
    return status, headers, "".join(choice["delta"].get("content") or "" for event in events[:-1]
                                    for choice in event["choices"])


@pytest.mark.parametrize("stream", [False, True])
def test_another_model_is_a_failure(start_serve, upstream, stream):
    liar = upstream(papi_process.answer_script("I am another.", model="small-model"))
    honest = upstream(papi_process.answer_script("I am it.", model="big-model-2026-11-01"))
    papi = start_serve({"providers": {
        "liar": papi_process.provider(liar.url, ["big-model", "small-model"]),
        "honest": papi_process.provider(honest.url, ["big-model"])}})
    status, headers, text = ask(papi, "big-model", stream)
    assert status == 200 and text == "I am it."
    assert headers["x-papi-provider"] == "honest" and headers["x-papi-attempts"] == "2"
    # The model that it does serve is answered as before.
    status, headers, text = ask(papi, "small-model", stream)
    assert status == 200 and text == "I am another." and headers["x-papi-provider"] == "liar"


def test_nobody_else_is_there(start_serve, upstream):
    liar = upstream(papi_process.answer_script("I am another.", model="small-model"))
    papi = start_serve({"providers": {"liar": papi_process.provider(liar.url, ["big-model", "small-model"])}})
    status, _, answer = papi_process.chat(papi, "big-model")
    assert status == 502 and "another model" in str(answer)
