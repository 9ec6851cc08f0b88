# SPDX-License-Identifier: Apache-2.0
"""A provider that refuses one member of a request, or says that the same may be tried again, is asked once more: no client
learns of it but by a warning, and no request is asked for ever."""

import json

import pytest
from faults import GOOD, ask, assert_good, assert_refused, outcomes, stream_text
from papi_process import completion, provider

# As Mistral (bare and wrapped), Google, Hugging Face, OpenAI and Groq word it.
REFUSALS = {
    "mistral": (422, {"detail": [{"type": "extra_forbidden", "loc": ["body", "logit_bias"],
                                  "msg": "Extra inputs are not permitted", "input": {}}]}),
    "wrapped": (422, {"object": "error", "message": {"detail": [
        {"type": "extra_forbidden", "loc": ["body", "logit_bias"], "msg": "Extra inputs are not permitted"}]},
        "type": "invalid_request_error", "param": None, "code": None}),
    "google": (400, [{"error": {"code": 400, "status": "INVALID_ARGUMENT", "message":
                                'Invalid JSON payload received. Unknown name "logit_bias": Cannot find field.'}}]),
    "huggingface": (400, {"error": {"message": "Unsupported parameters", "param": "logit_bias"},
                          "error_type": "UNSUPPORTED_OPENAI_PARAMS"}),
    "openai": (400, {"error": {"message": "Unsupported parameter: 'logit_bias' is not supported with this model.",
                               "type": "invalid_request_error", "param": "logit_bias", "code": "unsupported_parameter"}}),
    "groq": (400, {"error": {"message": "`logit_bias` is not supported with this model",
                             "type": "invalid_request_error"}}),
}
TOOL_USE_FAILED = (400, {"error": {
    "message": "Failed to call a function. Please adjust your prompt. See 'failed_generation' for more details.",
    "type": "invalid_request_error", "code": "tool_use_failed", "failed_generation": "<function=f{"}})
CLIENTS_OWN = (400, {"error": {"message": "Invalid value: 'robot'.", "type": "invalid_request_error",
                               "param": "messages[0].role", "code": "invalid_value"}})
BIAS = {"logit_bias": {"50256": -100}}


class Picky:
    """Answers well, but refuses what `refuse(request, n)` gives a (status, body) for; n counts from 0."""

    def __init__(self, refuse):
        self.refuse = refuse
        self.requests = []

    def __call__(self, connection):
        while (got := connection.read_request()) is not None:
            request = json.loads(got[1])
            refusal = self.refuse(request, len(self.requests))
            self.requests.append(request)
            if refusal is not None:
                connection.respond(*refusal)
            elif request.get("stream"):
                connection.respond(200, stream_text(), {"content-type": "text/event-stream"})
            else:
                connection.respond(200, completion(GOOD, request["model"]))

    def members(self, name):
        """For each request, whether it had that member."""
        return [name in request for request in self.requests]


def without(name, refusal):
    return Picky(lambda request, n: refusal if name in request else None)


def one(start_serve, upstream, script, **settings):
    return start_serve({"loops": 1, "providers": {"only": provider(upstream(script).url)}, **settings})


@pytest.mark.fault(41)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("words", REFUSALS)
def test_a_refused_member_is_left_out_and_remembered(start_serve, upstream, words, stream):
    script = without("logit_bias", REFUSALS[words])
    papi = one(start_serve, upstream, script)
    first = ask(papi, stream=stream, **BIAS, seed=7)
    assert_good(first)
    assert first.attempts == 2
    assert first.headers["x-papi-warning"] == "dropped: logit_bias"
    second = ask(papi, stream=stream, **BIAS, seed=7)
    assert_good(second)
    assert second.attempts == 1
    assert second.headers["x-papi-warning"] == "dropped: logit_bias"
    assert "x-papi-warning" not in ask(papi, stream=stream, seed=7).headers
    assert script.members("logit_bias") == [True, False, False, False]
    assert script.members("seed") == [True] * 4
    assert outcomes(papi) == {"unsupported_parameter": 1, "ok": 3}


def test_members_are_learned_one_by_one(start_serve, upstream):
    names = ["logit_bias", "seed", "top_p", "presence_penalty", "frequency_penalty"]
    sent = dict(zip(names, ({"50256": -100}, 7, 0.5, 0.5, 0.5)))

    def refuse(request, _):
        unknown = [name for name in names if name in request]
        return (400, {"error": {"message": f"Unrecognized request argument supplied: {unknown[0]}"}}) if unknown else None
    script = Picky(refuse)
    papi = one(start_serve, upstream, script, routing={"attempts": 3})
    # One more a request: of the two refusals of a request the first is proven by the second.
    for known in range(4):
        answer = ask(papi, **sent)
        assert answer.status == 400, answer.body
        assert len(script.requests) == 2 * (known + 1), answer.body
    # Four are known from the start, the fifth is left out by the request itself, and there is no room to remember it.
    for turn in range(1, 3):
        answer = ask(papi, **sent)
        assert_good(answer)
        assert answer.attempts == 2
        assert len(script.requests) == 8 + 2 * turn
        assert sorted(answer.headers["x-papi-warning"].removeprefix("dropped: ").split(", ")) == sorted(names)


def test_a_member_of_messages(start_serve, upstream):
    script = Picky(lambda request, _: (400, {"error": {"message": "'messages.0' : property 'name' is unsupported"}})
                   if "name" in request["messages"][0] else None)
    papi = one(start_serve, upstream, script)
    messages = [{"role": "user", "content": "hi", "name": "bob"}]
    for attempts in (2, 1):
        answer = ask(papi, messages=messages)
        assert_good(answer)
        assert (answer.attempts, answer.headers["x-papi-warning"]) == (attempts, "dropped: messages.name")
    assert len(script.requests) == 3


@pytest.mark.parametrize("refusal", [
    (400, {"error": {"message": "Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) "
                                "value is supported.", "param": "temperature", "code": "unsupported_value"}})])
def test_a_refused_value_is_not_held_against_others(start_serve, upstream, refusal):
    script = Picky(lambda request, _: refusal if request.get("temperature", 1) != 1 else None)
    papi = one(start_serve, upstream, script)
    for _ in range(2):
        answer = ask(papi, temperature=0.2)
        assert_good(answer)
        assert (answer.attempts, answer.headers["x-papi-warning"]) == (2, "dropped: temperature")
    answer = ask(papi, temperature=1)
    assert_good(answer)
    assert "x-papi-warning" not in answer.headers
    assert script.members("temperature") == [True, False, True, False, True]


@pytest.mark.fault(41)
@pytest.mark.parametrize("stream", [False, True])
def test_it_never_loops(start_serve, upstream, stream):
    """It goes on refusing the member that is not there any more: twice, then its words go back, and nothing is learned."""
    script = Picky(lambda request, _: REFUSALS["openai"])
    papi = one(start_serve, upstream, script, routing={"attempts": 9})
    for turn in range(1, 3):
        answer = ask(papi, stream=stream, **BIAS)
        assert_refused(answer, 400, "unsupported_parameter")
        assert len(script.requests) == 2 * turn
    assert script.members("logit_bias") == [True, False, True, False]


@pytest.mark.parametrize("name", ["model", "messages", "tools", "stream"])
def test_what_makes_the_request_is_not_left_out(start_serve, upstream, name):
    script = Picky(lambda request, _: (400, {"error": {
        "message": f"Unsupported parameter: '{name}' is not supported with this model.", "param": name}}))
    papi = one(start_serve, upstream, script)
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    assert ask(papi, tools=tools).status == 400
    assert len(script.requests) == 1


def test_another_provider_is_asked_when_the_second_try_fails(start_serve, upstream):
    first = Picky(lambda request, _: REFUSALS["openai"])
    second = Picky(lambda request, _: None)
    papi = start_serve({"loops": 1, "providers": {"first": provider(upstream(first).url),
                                                  "second": provider(upstream(second).url)}})
    answer = ask(papi, **BIAS)
    assert_good(answer)
    assert (answer.headers["x-papi-provider"], answer.attempts) == ("second", 3)
    assert "x-papi-warning" not in answer.headers
    assert second.members("logit_bias") == [True]  # what one refuses the other may know
    assert len(first.requests) == 2


def test_routes_learn_each_for_themselves(start_serve, upstream):
    script = without("logit_bias", REFUSALS["openai"])
    papi = start_serve({"loops": 1, "providers": {"only": provider(upstream(script).url, ["model-a", "model-b"])}})
    for model, attempts in (("model-a", 2), ("model-b", 2), ("model-a", 1), ("model-b", 1)):
        assert ask(papi, model, **BIAS).attempts == attempts


@pytest.mark.fault(42, 43)
@pytest.mark.parametrize("stream", [False, True])
def test_a_broken_tool_call_is_tried_again(start_serve, upstream, stream):
    script = Picky(lambda request, n: TOOL_USE_FAILED if n == 0 else None)
    papi = one(start_serve, upstream, script)
    answer = ask(papi, stream=stream)
    assert_good(answer)
    assert answer.attempts == 2
    assert "x-papi-warning" not in answer.headers
    assert script.requests[0] == script.requests[1]
    assert outcomes(papi) == {"tool_call_malformed": 1, "ok": 1}


def test_the_same_provider_is_asked_before_others(start_serve, upstream):
    first = Picky(lambda request, n: TOOL_USE_FAILED if n < 3 else None)
    second = Picky(lambda request, _: None)
    papi = start_serve({"loops": 1, "providers": {"first": provider(upstream(first).url),
                                                  "second": provider(upstream(second).url)}})
    answer = ask(papi)
    assert_good(answer)
    assert (answer.headers["x-papi-provider"], answer.attempts) == ("second", 3)
    answer = ask(papi)
    assert_good(answer)
    assert (answer.headers["x-papi-provider"], answer.attempts) == ("first", 2)


@pytest.mark.fault(32)
def test_a_clients_own_mistake_is_one_call(start_serve, upstream):
    first = Picky(lambda request, _: CLIENTS_OWN)
    second = Picky(lambda request, _: None)
    papi = start_serve({"loops": 1, "providers": {"first": provider(upstream(first).url),
                                                  "second": provider(upstream(second).url)}})
    answer = ask(papi, **BIAS)
    assert_refused(answer, 400, None)
    assert answer.json["error"]["message"] == CLIENTS_OWN[1]["error"]["message"]
    assert (len(first.requests), len(second.requests)) == (1, 0)


def test_no_more_tries_than_allowed(start_serve, upstream):
    script = without("logit_bias", REFUSALS["openai"])
    papi = one(start_serve, upstream, script, routing={"attempts": 1})
    assert ask(papi, **BIAS).status == 400
    assert len(script.requests) == 1
