# SPDX-License-Identifier: Apache-2.0
"""The official Python client, unmodified, against `papi serve` with `papi mock` behind it."""

import contextlib
import json
import threading

import openai
import pydantic
import pytest

from stage import GOOD_TEXT, Stage

FAILING = {"failing": "500", "closing": "cut_before_head", "badkey": "401", "forbidden": "403", "gone": "404"}
PROVIDERS = {
    "good": {"text": GOOD_TEXT},
    "drip": {"text": GOOD_TEXT, "gap_ms": 20},
    "tools": {"text": "It is warm."},
    "words": {"tokens": 6},
    "thinking": {"text": GOOD_TEXT, "reasoning": True},
    "refuses": {"always": "400_client"},
    "short": {"always": "context"},
    "soon": {"always": "429", "retry_after_ms": 40000},
    "tomorrow": {"always": "429", "retry_after_ms": 4000000},
    "spent": {"always": "429_day", "retry_after_ms": 4000000},
    "poor": {"always": "402"},
    **{f"{name}-{form}": {"always": fault} for form in ("whole", "stream") for name, fault in FAILING.items()},
    "torn": {"always": "cut_mid_stream"},
    "torn-event": {"always": "cut_mid_event"},
    "exploding": {"always": "error_mid_stream"},
    "unfinished": {"always": "no_finish"},
    "silent": {"always": "stall_before_head"},
    "nousage": {"always": "usage_missing", "text": GOOD_TEXT},
}
HELLO = [{"role": "user", "content": "Hello!"}]
WEATHER = {"type": "function", "function": {
    "name": "get_weather", "description": "The weather at a place", "strict": False,
    "parameters": {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}}}
CLOCK = {"type": "function", "function": {"name": "get_time", "parameters": {"type": "object", "properties": {}}}}


@pytest.fixture(name="stage", scope="module")
def fixture_stage(tmp_path_factory):
    with Stage(tmp_path_factory.mktemp("sdk"), PROVIDERS, queue={"max_wait": "200ms"}) as stage:
        yield stage


class Counted(openai.OpenAI):
    """The client as it is, with a count of the requests it really sent."""

    def __init__(self, stage, **more):
        self.sent = []
        http = openai.DefaultHttpxClient(event_hooks={"request": [self.sent.append]}, trust_env=False)
        super().__init__(base_url=stage.url, api_key="any-key", http_client=http, **more)


@pytest.fixture(name="client")
def fixture_client(stage):
    with Counted(stage, timeout=30) as client:
        yield client


# --- answers ----------------------------------------------------------------------------------------------------------
def test_chat(client):
    answer = client.chat.completions.create(model="m-good", messages=HELLO)
    assert answer.object == "chat.completion" and answer.id.startswith("chatcmpl-")
    assert answer.model == "m-good" and answer.created > 1_700_000_000
    assert len(answer.choices) == 1 and answer.choices[0].index == 0
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].message.content == GOOD_TEXT
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.prompt_tokens > 0 and answer.usage.completion_tokens == 9
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer._request_id, "the SDK shows x-request-id"  # pylint: disable=protected-access


def test_every_sampling_field_is_taken(client):
    answer = client.chat.completions.create(
        model="m-good", messages=[{"role": "developer", "content": "Be kind."}, *HELLO], max_completion_tokens=100,
        temperature=0.5, top_p=0.9, presence_penalty=0.1, frequency_penalty=0.1, stop=["END"], seed=7, n=1,
        logit_bias={"50256": -100}, user="someone", metadata={"a": "b"}, store=False, service_tier="auto",
        reasoning_effort="low", verbosity="low", parallel_tool_calls=True, safety_identifier="x",
        prompt_cache_key="y", response_format={"type": "text"}, extra_body={"top_k": 5, "min_p": 0.1})
    assert answer.choices[0].message.content == GOOD_TEXT


def test_raw_response_headers(client):
    raw = client.chat.completions.with_raw_response.create(model="m-good", messages=HELLO)
    assert raw.headers["x-request-id"] == raw.headers["request-id"]
    assert raw.headers["x-papi-provider"] == "good" and raw.headers["x-papi-model"] == "m-good"
    assert raw.headers["x-papi-attempts"] == "1"
    assert raw.parse().choices[0].message.content == GOOD_TEXT


def test_auto(client):
    answer = client.chat.completions.create(model="auto", messages=HELLO)
    assert answer.model in {f"m-{name}" for name in PROVIDERS}


def test_openrouter_members(client):
    """As people send them through this SDK."""
    raw = client.chat.completions.with_raw_response.create(
        model="m-soon", messages=HELLO, extra_body={"models": ["m-good"], "provider": {"order": ["good"], "data_collection": "deny"}})
    assert raw.headers["x-papi-provider"] == "good" and raw.parse().model == "m-good"
    with pytest.raises(openai.BadRequestError, match="nearest one is 'good'") as caught:
        client.chat.completions.create(model="m-good", messages=HELLO, extra_body={"provider": {"only": ["goood"]}})
    assert caught.value.param == "provider.only"


def check_chunks(chunks, model, usage=False):
    """What every stream must be, whatever it says (wire 1.3)."""
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert {chunk.model for chunk in chunks} == {model}
    assert len({chunk.id for chunk in chunks}) == 1 and len({chunk.created for chunk in chunks}) == 1
    choices = [choice for chunk in chunks for choice in chunk.choices]
    assert [choice.delta.role for choice in choices if choice.delta.role] == ["assistant"]
    assert choices[0].delta.role == "assistant"
    assert [choice.finish_reason for choice in choices if choice.finish_reason] == [choices[-1].finish_reason]
    if usage:
        assert chunks[-1].choices == [] and chunks[-1].usage.total_tokens > 0
        assert all(chunk.usage is None for chunk in chunks[:-1])
    else:
        assert all(chunk.usage is None for chunk in chunks)
    return choices


def test_stream(client):
    with client.chat.completions.create(model="m-good", messages=HELLO, stream=True) as stream:
        chunks = list(stream)
    choices = check_chunks(chunks, "m-good")
    assert "".join(choice.delta.content or "" for choice in choices) == GOOD_TEXT
    assert choices[-1].finish_reason == "stop"
    assert stream.response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert stream.response.headers["cache-control"] == "no-cache, no-transform"
    assert stream.response.headers["x-accel-buffering"] == "no"
    assert stream.response.headers["x-papi-provider"] == "good"


def test_stream_with_usage(client):
    chunks = list(client.chat.completions.create(model="m-good", messages=HELLO, stream=True,
                                                 stream_options={"include_usage": True}))
    check_chunks(chunks, "m-good", usage=True)
    assert chunks[-1].usage.completion_tokens == 9


def test_usage_is_estimated_when_the_provider_has_none(client):
    answer = client.chat.completions.create(model="m-nousage", messages=HELLO)
    assert answer.usage.prompt_tokens > 0 and answer.usage.completion_tokens > 0
    chunks = list(client.chat.completions.create(model="m-nousage", messages=HELLO, stream=True,
                                                 stream_options={"include_usage": True}))
    check_chunks(chunks, "m-nousage", usage=True)
    assert chunks[-1].usage.completion_tokens > 0


def test_stream_helper(client):
    seen = []
    with client.chat.completions.stream(model="m-words", messages=HELLO) as stream:
        for event in stream:
            if event.type != "content.delta" or event.delta:
                seen.append(event.type)
        answer = stream.get_final_completion()
    assert seen.count("content.delta") == 6 and seen.count("content.done") == 1
    message = answer.choices[0].message
    assert message.role == "assistant" and len(message.content.split()) == 6
    assert answer.choices[0].finish_reason == "stop"


def test_stream_arrives_as_it_is_made(client):
    """Tokens come one by one: a buffering gateway would bring all of them at the end."""
    reads = []
    with client.chat.completions.with_streaming_response.create(model="m-drip", messages=HELLO, stream=True) as answer:
        for block in answer.iter_bytes():
            reads.append(block)
    assert len(reads) >= 8, "the 9 words came in fewer reads than words"
    assert b"".join(reads).endswith(b"data: [DONE]\n\n")


def test_async_client(stage):
    import asyncio

    async def ask():
        http = openai.DefaultAsyncHttpxClient(trust_env=False)
        async with openai.AsyncOpenAI(base_url=stage.url, api_key="any", http_client=http) as client:
            whole, stream = await asyncio.gather(
                client.chat.completions.create(model="m-good", messages=HELLO),
                client.chat.completions.create(model="m-good", messages=HELLO, stream=True))
            text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
            return whole.choices[0].message.content, text
    assert asyncio.run(ask()) == (GOOD_TEXT, GOOD_TEXT)


def test_reasoning_passes(client):
    message = client.chat.completions.create(model="m-thinking", messages=HELLO).choices[0].message
    assert message.content == GOOD_TEXT and message.reasoning_content == "Let me think."
    chunks = list(client.chat.completions.create(model="m-thinking", messages=HELLO, stream=True))
    deltas = [choice.delta for choice in check_chunks(chunks, "m-thinking")]
    thought = [bool(getattr(delta, "reasoning_content", None)) for delta in deltas]
    said = [bool(delta.content) for delta in deltas]
    assert sum(thought) == 2 and not any(t and s for t, s in zip(thought, said))
    assert max(i for i, t in enumerate(thought) if t) < said.index(True), "reasoning comes before content"


# --- tools ------------------------------------------------------------------------------------------------------------
def second_turn(client, call, **more):
    """The tool's result goes back, and the answer is text."""
    messages = [{"role": "user", "content": "What is the weather in the café?"},
                {"role": "assistant", "content": None, "tool_calls": [call]},
                {"role": "tool", "tool_call_id": call["id"], "content": json.dumps({"celsius": 21})}]
    return client.chat.completions.create(model="m-tools", messages=messages, tools=[WEATHER], **more)


def test_tools_round_trip(client):
    named = {"type": "function", "function": {"name": "get_weather"}}
    answer = client.chat.completions.create(model="m-tools", messages=HELLO, tools=[CLOCK, WEATHER], tool_choice=named)
    choice = answer.choices[0]
    assert choice.finish_reason == "tool_calls" and choice.message.content is None
    (call,) = choice.message.tool_calls
    assert call.type == "function" and call.id.startswith("call_")
    assert call.function.name == "get_weather" and json.loads(call.function.arguments) == {"place": "café"}
    end = second_turn(client, call.model_dump())
    assert end.choices[0].finish_reason == "stop" and end.choices[0].message.content == "It is warm."
    assert end.choices[0].message.tool_calls is None


def test_tools_round_trip_streamed(client):
    with client.chat.completions.stream(
            model="m-tools", messages=HELLO, tools=[CLOCK, WEATHER],
            tool_choice={"type": "function", "function": {"name": "get_weather"}}) as stream:
        for _ in stream:
            pass
        choice = stream.get_final_completion().choices[0]
    assert choice.finish_reason == "tool_calls"
    (call,) = choice.message.tool_calls
    assert call.type == "function" and call.function.name == "get_weather"
    assert json.loads(call.function.arguments) == {"place": "café"}
    sent_back = {"id": call.id, "type": "function",
                 "function": {"name": call.function.name, "arguments": call.function.arguments}}
    chunks = list(second_turn(client, sent_back, stream=True))
    text = "".join(choice.delta.content or "" for choice in check_chunks(chunks, "m-tools"))
    assert text == "It is warm."


def test_tool_fragments(client):
    """id, type and name once, in the first fragment; arguments always a string (wire 1.3, 4 and 5)."""
    chunks = list(client.chat.completions.create(model="m-tools", messages=HELLO, tools=[WEATHER],
                                                 tool_choice="required", stream=True))
    fragments = [f for c in check_chunks(chunks, "m-tools") for f in c.delta.tool_calls or []]
    assert len(fragments) >= 2 and {f.index for f in fragments} == {0}
    assert fragments[0].id and fragments[0].type == "function" and fragments[0].function.name == "get_weather"
    assert fragments[0].function.arguments == ""
    assert all(f.id is None and f.type is None and f.function.name is None for f in fragments[1:])
    assert json.loads("".join(f.function.arguments for f in fragments)) == {"place": "café"}


def test_tool_choice_none(client):
    answer = client.chat.completions.create(model="m-tools", messages=[{"role": "user", "content": "weather?"}],
                                            tools=[WEATHER], tool_choice="none")
    assert answer.choices[0].message.content == "It is warm."


class Answer(pydantic.BaseModel):
    answer: str


def test_json_schema_by_the_parse_helper(client):
    done = client.chat.completions.parse(model="m-words", messages=HELLO, response_format=Answer)
    assert isinstance(done.choices[0].message.parsed, Answer)
    assert len(done.choices[0].message.parsed.answer.split()) == 6


def test_json_schema_streamed(client):
    with client.chat.completions.stream(model="m-words", messages=HELLO, response_format=Answer) as stream:
        for _ in stream:
            pass
        message = stream.get_final_completion().choices[0].message
    assert len(message.parsed.answer.split()) == 6


def test_json_object(client):
    done = client.chat.completions.create(model="m-words", messages=HELLO, response_format={"type": "json_object"})
    assert set(json.loads(done.choices[0].message.content)) == {"answer"}


def test_vision_parts_need_a_model_that_sees(client):
    parts = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]
    with pytest.raises(openai.BadRequestError, match="images"):
        client.chat.completions.create(model="m-good", messages=[{"role": "user", "content": parts}])


# --- models -----------------------------------------------------------------------------------------------------------
def test_models(client):
    models = {model.id: model for model in client.models.list()}
    assert {"auto", *(f"m-{name}" for name in PROVIDERS)} <= set(models)
    assert models["m-good"].object == "model" and models["m-good"].owned_by == "good"
    assert isinstance(models["m-good"].created, int)
    assert client.models.retrieve("m-good").model_dump() == models["m-good"].model_dump()
    assert list(models)[0] == "auto" and {"auto:fast", "auto:smart", "auto:code", "claude-papi-auto"} <= set(models)
    assert models["m-good"].model_extra["kind"] == "chat" and "tools" in models["m-good"].model_extra["capabilities"]
    assert client.models.retrieve("good/m-good").id == "good/m-good", "the SDK sends the slash as %2F or as it is"
    assert client.models.retrieve("auto:smart").owned_by == "papi"
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("m-god")
    assert caught.value.code == "model_not_found"


# --- errors -----------------------------------------------------------------------------------------------------------
def failing(client, kind, model, **more):
    """The call fails with exactly this class, and the SDK sent it once."""
    before = len(client.sent)
    with pytest.raises(openai.APIError) as caught:
        client.chat.completions.create(model=model, messages=HELLO, **more)
    assert type(caught.value) is kind, repr(caught.value)
    assert len(client.sent) - before == 1, "the SDK asked again by itself"
    return caught.value


def check_status(error, status, kind, code):
    assert error.status_code == status and error.type == kind and error.code == code, repr(error)
    assert error.request_id, "x-request-id on errors too"
    assert isinstance(error.body["message"], str) and set(error.body) == {"message", "type", "param", "code"}


STREAMS = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@STREAMS
def test_bad_request(client, stream):
    error = failing(client, openai.BadRequestError, "m-good", temperature="hot", stream=stream)
    check_status(error, 400, "invalid_request_error", error.code)
    assert error.param == "temperature" and "temperature" in error.message


@STREAMS
def test_bad_request_by_the_provider(client, stage, stream):
    before = stage.stats("refuses")["requests"]
    error = failing(client, openai.BadRequestError, "m-refuses", stream=stream)
    assert "messages: invalid type" in error.message, "the provider's words are passed on"
    assert stage.stats("refuses")["requests"] == before + 1, "a fault of the client costs one upstream call"


@STREAMS
def test_context_too_long(client, stream):
    error = failing(client, openai.BadRequestError, "m-short", stream=stream)
    check_status(error, 400, "invalid_request_error", "context_length_exceeded")
    assert "maximum context length" in error.message


def test_unsupported_parameter(client):
    for more in ({"n": 2}, {"logprobs": True}, {"modalities": ["text", "audio"], "audio": {"voice": "a", "format": "wav"}},
                 {"functions": [{"name": "f", "parameters": {}}]}):
        error = failing(client, openai.BadRequestError, "m-good", **more)
        assert error.code == "unsupported_parameter", repr(error)
        assert error.param in more, repr(error)


@STREAMS
def test_unknown_model_names_near_ones(client, stream):
    error = failing(client, openai.NotFoundError, "m-thinkin", stream=stream)
    check_status(error, 404, "invalid_request_error", "model_not_found")
    assert error.param == "model" and "m-thinking" in error.message and "m-thinkin'" in error.message


@STREAMS
def test_rate_limit_within_a_minute(stage, stream):
    with Counted(stage, max_retries=0, timeout=30) as client:
        error = failing(client, openai.RateLimitError, "m-soon", stream=stream)
    check_status(error, 429, "rate_limit_error", "rate_limit_exceeded")
    assert 30 <= int(error.response.headers["retry-after"]) <= 44  # up to a tenth more
    assert 30_000 <= int(error.response.headers["retry-after-ms"]) <= 44_000
    assert "x-should-retry" not in error.response.headers


@STREAMS
@pytest.mark.parametrize("model", ["m-tomorrow", "m-spent"])
def test_rate_limit_beyond_a_minute(client, model, stream):
    """No Retry-After that keeps an agent asleep for an hour, and no SDK that asks again (wire 1.7)."""
    error = failing(client, openai.RateLimitError, model, stream=stream)
    assert error.response.headers["x-should-retry"] == "false"
    assert "retry-after" not in error.response.headers and "retry-after-ms" not in error.response.headers
    assert any(character.isdigit() for character in error.message), "the wait stands in the message"


@STREAMS
@pytest.mark.parametrize("name, words", [("failing", "failed"), ("closing", ""), ("badkey", "key"), ("forbidden", "key"),
                                         ("gone", "model")])
def test_provider_failures_are_ours(client, stage, name, words, stream):
    """A failure that is not the client's is a 502, once: our retries are not multiplied, our keys are not its business."""
    name = f"{name}-{'stream' if stream else 'whole'}"
    error = failing(client, openai.InternalServerError, f"m-{name}", stream=stream)
    check_status(error, 502, "server_error", "upstream_error")
    assert error.response.headers["x-should-retry"] == "false"
    assert words in error.message
    attempts = int(error.response.headers["x-papi-attempts"])
    assert attempts <= 3, "routing.attempts"
    assert stage.stats(name)["requests"] <= 2 * attempts, "more only where a kept connection was closed"


def test_no_credit_is_no_402(client):
    error = failing(client, openai.RateLimitError, "m-poor")
    assert error.code == "insufficient_quota" and error.response.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("name", ["torn", "torn-event", "exploding", "unfinished"])
def test_stream_that_breaks_in_the_middle(client, name):
    """Text, then an error that every client raises; never a stream that merely ends."""
    text = []
    with pytest.raises(openai.APIError) as caught:
        for chunk in client.chat.completions.create(model=f"m-{name}", messages=HELLO, stream=True):
            text += [choice.delta.content for choice in chunk.choices if choice.delta.content]
            assert not any(choice.finish_reason for choice in chunk.choices)
    assert len(text) >= 2 and type(caught.value) is openai.APIError
    assert caught.value.type == "server_error" and caught.value.message
    assert len(client.sent) == 1


@pytest.mark.parametrize("name", ["torn", "exploding"])
def test_stream_helper_raises_too(client, name):
    with pytest.raises(openai.APIError):
        with client.chat.completions.stream(model=f"m-{name}", messages=HELLO) as stream:
            for _ in stream:
                pass


def test_connection_refused(dead_port):
    with openai.OpenAI(base_url=f"http://127.0.0.1:{dead_port}/v1", api_key="x", max_retries=0) as client:
        with pytest.raises(openai.APIConnectionError):
            client.models.list()


@STREAMS
def test_client_timeout_closes_upstream(stage, stream):
    before = stage.stats("silent").get("closed_by_client", 0)
    with Counted(stage, max_retries=0, timeout=0.5) as client:
        failing(client, openai.APITimeoutError, "m-silent", stream=stream)
    import papi_process
    papi_process.wait_for(lambda: stage.stats("silent")["closed_by_client"] == before + 1 and
                          stage.stats("silent")["open_now"] == 0, what="the provider's connection closed")


def test_closing_a_stream_early_closes_upstream(client, stage):
    import papi_process
    before = stage.stats("drip").get("closed_by_client", 0)
    stage.script("drip", text=GOOD_TEXT, gap_ms=200)
    try:
        with client.chat.completions.create(model="m-drip", messages=HELLO, stream=True) as stream:
            next(iter(stream))
        papi_process.wait_for(lambda: stage.stats("drip")["closed_by_client"] == before + 1, what="closed upstream")
        assert stage.stats("drip")["open_now"] == 0
    finally:
        stage.script("drip", text=GOOD_TEXT, gap_ms=20)


def test_unknown_paths_of_the_api(client):
    for call in (lambda: client.responses.create(model="m-good", input="x"),
                 lambda: client.files.list()):
        with pytest.raises(openai.NotFoundError) as caught:
            call()
        assert caught.value.code == "unknown_url" and caught.value.message


# --- bases and load ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("base", ["", "/", "/v1", "/v1/", "/v1/v1", "/api/v1"])
def test_base_urls(stage, base):
    http = openai.DefaultHttpxClient(trust_env=False)
    with openai.OpenAI(base_url=stage.papi.url + base, api_key="x", http_client=http) as client:
        assert client.chat.completions.create(model="m-good", messages=HELLO).choices[0].message.content == GOOD_TEXT
        assert "m-good" in [model.id for model in client.models.list()]


def test_many_threads_on_one_client(client):
    """One pool of kept connections, eight threads: every answer belongs to its question."""
    failures = []

    def ask(stream):
        try:
            for _ in range(5):
                if stream:
                    chunks = client.chat.completions.create(model="m-good", messages=HELLO, stream=True)
                    text = "".join(c.choices[0].delta.content or "" for c in chunks)
                else:
                    text = client.chat.completions.create(model="m-good", messages=HELLO).choices[0].message.content
                assert text == GOOD_TEXT
        except Exception as failure:  # pylint: disable=broad-except
            failures.append(failure)

    threads = [threading.Thread(target=ask, args=(i % 2 == 0,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures


def test_big_image_in_history(client):
    """5 MiB of base64 in a request to a model that cannot see: refused in words, connection kept."""
    parts = [{"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * (5 << 20)}}]
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="m-good", messages=[{"role": "user", "content": parts}])
    assert client.chat.completions.create(model="m-good", messages=HELLO).choices[0].message.content == GOOD_TEXT


def test_long_prompt(client, stage):
    long = "word " * 200_000
    answer = client.chat.completions.create(model="m-good", messages=[{"role": "user", "content": long}])
    assert answer.usage.prompt_tokens > 200_000
    assert stage.stats("good")["requests"] > 0


def test_draining_lets_streams_end(tmp_path):
    """TERM in the middle of a stream: it ends properly, then papi does."""
    with Stage(tmp_path, {"good": {"tokens": 30, "gap_ms": 20}}) as stage, contextlib.closing(Counted(stage)) as client:
        stream = iter(client.chat.completions.create(model="m-good", messages=HELLO, stream=True))
        first = next(stream)
        stage.papi.process.terminate()
        chunks = [first, *stream]
        check_chunks(chunks, "m-good")
        stage.papi.wait_exit(0)
