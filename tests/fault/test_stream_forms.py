# SPDX-License-Identifier: Apache-2.0
"""Cases 33-36 of the fault list: what a stream may say and how it may be cut, ended and counted."""

import json
import re
import threading

import pytest
from faults import (GOOD, MODEL, Faulty, answer_with, ask, assert_broken, assert_good, assert_settled, begin_stream, chunked, head_text,
                    labelled, metrics, outcomes, stream_text)
from papi_process import chunk_event, completion

SSE = head_text(True, ["transfer-encoding: chunked"]).encode()
ROLE = chunk_event({"role": "assistant", "content": ""})
FINISH = chunk_event({}, MODEL, "stop")


def data(event):
    return "data: " + (event if isinstance(event, str) else json.dumps(event)) + "\n\n"


def streams(*events):
    """play: these events, given as texts or objects, as one well-framed stream."""
    text = "".join(event if isinstance(event, str) and event.startswith(("data", "event", ":")) else data(event) for event in events)
    return lambda connection, streamed: connection.send(SSE + chunked(text))


def words(*texts):
    return [chunk_event({"content": text}) for text in texts]


# --- 33: errors in a 200 ----------------------------------------------------------------------------------------------
ERRORS = {
    "openai": ({"error": {"message": "The server had an error.", "type": "server_error", "param": None, "code": None}}, "server_error"),
    "numbered": ({"error": {"message": "No room.", "code": 429}}, "rate_limited"),
    "named": ({"error": {"message": "slow down", "code": "rate_limit_exceeded"}}, "rate_limited"),
    "overloaded": ({"error": {"message": "Overloaded", "code": 503}}, "overloaded"),
    "text": ({"error": "something broke"}, "server_error"),
    "in_choice": ({**chunk_event(), "choices": [{"index": 0, "delta": {}, "finish_reason": None,
                                                 "error": {"message": "broke", "code": 500}}]}, "server_error"),
    "object": ({"object": "error", "message": "broke", "code": 500}, "server_error"),
}


@pytest.mark.parametrize("name", ERRORS)
@pytest.mark.parametrize("before", [[], [ROLE], [": ping\n\n", ROLE, chunk_event({})]], ids=["first", "after_role", "after_metadata"])
def test_33_error_before_text(hides_or_tells, name, before):
    event, outcome = ERRORS[name]
    hides_or_tells(streams(*before, event), outcome, streams=(True,))


def test_33_named_error_event(hides_or_tells):
    event = "event: error\n" + data(ERRORS["openai"][0])
    hides_or_tells(streams(event), "server_error", streams=(True,))


def test_33_error_then_more(hides_or_tells):
    """What follows an error does not make it good."""
    hides_or_tells(streams(ROLE, ERRORS["openai"][0], *words("after"), FINISH, "[DONE]"), "server_error", streams=(True,))


@pytest.mark.fault(32)
@pytest.mark.parametrize("name", [name for name in ERRORS if name != "in_choice"])
def test_33_error_in_a_whole_answer(hides_or_tells, name):
    event, outcome = ERRORS[name]
    hides_or_tells(answer_with(["content-length: {length}"], json.dumps(event)), outcome, streams=(False,), kept=True)


@pytest.mark.parametrize("name", ERRORS)
def test_33_error_after_text(breaks_after_token, name):
    """Forwarded in the API's form; the stream ends without an end mark."""
    event, outcome = ERRORS[name]

    def play(connection):
        begin_stream(connection)
        connection.event(event)
        connection.event("[DONE]")
        connection.end_chunks()
    breaks_after_token(play, outcome)


def test_33_error_message_after_text_is_told(serves):
    papi, _ = serves(Faulty(streams(ROLE, *words("Half"), {"error": {"message": "maximum context length is 5 tokens",
                                                                     "code": "context_length_exceeded"}})))
    answer = ask(papi, stream=True)
    assert_broken(answer, "Half", "context_length_exceeded")


@pytest.mark.parametrize("value", [None, {}, ""])
def test_33_no_error(serves, value):
    """`"error": null` and its like mean that there is none."""
    papi, _ = serves(Faulty(streams({**ROLE, "error": value}, *({**word, "error": value} for word in words("Good ", "answer.")), FINISH, "[DONE]")))
    answer = ask(papi, stream=True)
    assert_good(answer)
    assert b'"error"' not in answer.body


# --- 34: ends ---------------------------------------------------------------------------------------------------------
GOOD_ENDS = {
    "plain": [FINISH, "[DONE]"],
    "no_done": [FINISH],
    "two_done": [FINISH, "[DONE]", "[DONE]"],
    "done_without_newline": [FINISH, "data: [DONE]"],
    "done_with_one_newline": [FINISH, "data: [DONE]\n"],
    "done_without_space": [FINISH, "data:[DONE]\n\n"],
    "done_with_spaces": [FINISH, "data:  [DONE] \n\n"],
    "text_after_done": [FINISH, "[DONE]", *words("smuggled"), FINISH, "[DONE]"],
    "error_after_done": [FINISH, "[DONE]", {"error": {"message": "late"}}],
    "garbage_after_done": [FINISH, "[DONE]", "data: }{\n\n"],
    "finish_twice": [FINISH, FINISH, "[DONE]"],
    "finish_with_the_last_text": [{**chunk_event({"content": ""}), "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "stop"}]}],
    "empty_finish_before": [chunk_event({}, MODEL, ""), FINISH, "[DONE]"],
}


@pytest.mark.parametrize("name", GOOD_ENDS)
def test_34_ends_once(serves, name):
    """However the upstream ends, the client sees one finish reason and one end mark, the last thing of all."""
    papi, _ = serves(Faulty(streams(ROLE, *words("Good ", "answer."), *GOOD_ENDS[name])))
    for _ in range(2):
        answer = ask(papi, stream=True)
        assert_good(answer)
        assert answer.body.endswith(b"data: [DONE]\n\n")
    assert outcomes(papi) == {"ok": 2}


BAD_ENDS = {
    "nothing": [], "done_without_finish": ["[DONE]"], "empty_finish": [chunk_event({}, MODEL, ""), "[DONE]"],
    "half_event": ["data: {\"choices\":"], "usage_without_finish": [{**chunk_event(), "choices": [], "usage": completion()["usage"]}],
}


@pytest.mark.parametrize("name", BAD_ENDS)
def test_34_success_is_never_invented(breaks_after_token, name):
    """No finish reason: the upstream did not say that the answer is whole, so PAPI does not."""
    play = streams(ROLE, *words("Half ", "of ", "an "), *BAD_ENDS[name])
    breaks_after_token(lambda connection: play(connection, True), "truncated", kept=True)


@pytest.mark.parametrize("name", BAD_ENDS)
def test_34_nothing_but_an_end(hides_or_tells, name):
    hides_or_tells(streams(*BAD_ENDS[name]), "truncated", streams=(True,), kept=True)


def test_34_finish_error(breaks_after_token):
    play = streams(ROLE, *words("Half ", "of ", "an "), chunk_event({}, MODEL, "error"), "[DONE]")
    breaks_after_token(lambda connection: play(connection, True), "server_error")


def test_34_end_does_not_wait_for_the_transfer(serves):
    """After the end mark the client has its answer at once, though the upstream's transfer stays open."""
    done = threading.Event()

    def play(connection, streamed):
        connection.send(SSE + chunked(stream_text(), last=False))
        done.wait(10)
        connection.end_chunks()
    papi, _ = serves(Faulty(play))
    assert_good(ask(papi, stream=True))
    done.set()
    assert_settled(papi)


@pytest.mark.parametrize("streamed, events, body", [(False, [], completion("")), (False, [], {"choices": []}), (True, [ROLE, FINISH, "[DONE]"], None),
                                                    (True, [FINISH], None)], ids=["whole", "no_choice", "stream", "finish_only"])
def test_34_empty_answer_is_asked_once_elsewhere_then_delivered(start_serve, upstream, streamed, events, body):
    """An empty 200 twice over is an empty answer, not an error (and not an endless search)."""
    def play(connection, wants_stream):
        if wants_stream:
            streams(*events)(connection, True)
        else:
            connection.respond(200, body)
    servers = [upstream(Faulty(play)) for _ in range(3)]
    papi = start_serve({"providers": {f"p{i}": {"type": "openai", "base_url": server.url, "models": [MODEL]}
                                      for i, server in enumerate(servers)}})
    answer = ask(papi, stream=streamed)
    assert_good(answer, "")
    assert sum(server.connections for server in servers) == 2
    assert outcomes(papi) == {"empty": 2}


# --- 35: how a stream is cut and written ------------------------------------------------------------------------------
def comparable(body):
    """The client's bytes without what differs in every answer."""
    return re.sub(rb'"created":\d+', b'"created":0', re.sub(rb"chatcmpl-[a-z0-9-]+", b"chatcmpl-", body))


TRICKY = "Grüße, 世界 😀 \"quotes\" \\ and\nlines\r\ttabs \u2028 end."


def tricky_stream():
    events = [ROLE, *words(TRICKY[:9], TRICKY[9:]), FINISH]
    text = "\ufeff: hello\n\n" + "".join(f"id: {i}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n" for i, event in enumerate(events))
    return (text + "data: [DONE]\n\n").encode()


def test_35_split_at_every_byte(serves):
    """One request for each place at which the stream can be cut in two, and one with every byte for itself."""
    stream = tricky_stream()
    cuts = iter(range(1, len(stream)))

    def play(connection, streamed):
        at = next(cuts, None)
        pieces = [stream[:at], stream[at:]] if at is not None else [stream[i:i + 1] for i in range(len(stream))]
        connection.send(SSE + chunked(*pieces))
    papi, _ = serves(Faulty(play))
    with_one = {comparable(ask(papi, stream=True).body) for _ in range(len(stream))}
    assert len(with_one) == 1
    answer = ask(papi, stream=True)
    assert_good(answer, TRICKY)
    assert {comparable(answer.body)} == with_one


def test_35_split_by_the_network(serves):
    """The same with the bytes of the chunked coding cut as well, each a packet of its own."""
    stream = SSE + chunked(stream_text())

    def play(connection, streamed):
        for byte in stream:
            connection.send(bytes([byte]))
    papi, _ = serves(Faulty(play))
    assert_good(ask(papi, stream=True))


def rewritten(end_of_line):
    return stream_text().replace("\n", end_of_line)


def mixed_ends():
    """Each line with another end; an empty line is two ends in a row, so CR is not followed by a lone LF."""
    ends, out = ["\n", "\r\n", "\r"], []
    for i, line in enumerate(stream_text().split("\n\n")[:-1]):
        end = ends[i % 3]
        out.append(line + end + end)
    return "".join(out)


def in_lines(event, newline="\n"):
    """An event's JSON over several data lines; joined with LF it is the same JSON."""
    return "".join(f"data: {line}{newline}" for line in json.dumps(event, indent=1).split("\n")) + newline


FORMS = {
    "cr": rewritten("\r"),
    "crlf": rewritten("\r\n"),
    "mixed": mixed_ends(),
    "multi_line": "".join(in_lines(event) for event in (ROLE, *words("Good ", "answer."), FINISH)) + "data: [DONE]\n\n",
    "multi_line_crlf": "".join(in_lines(event, "\r\n") for event in (ROLE, *words("Good ", "answer."), FINISH)) + "data: [DONE]\r\n\r\n",
    "bom": "\ufeff" + stream_text(),
    "comments": stream_text().replace("data:", ": a comment\ndata:").replace("\n\n", "\n: another\n:\n\n"),
    "comment_events": stream_text().replace("\n\n", "\n\n: ping\n\n:\n\n"),
    "no_space": stream_text().replace("data: ", "data:"),
    "other_fields": stream_text().replace("data:", "id: 7\nretry: 10\nevent: message\nunknown: x\ncolonless\ndata:"),
    "name_without_data": "event: ping\n\n" + stream_text().replace("data: [DONE]", "event: done\n\ndata: [DONE]"),
    "empty_data": "data:\n\ndata: \n\ndata\n\n" + stream_text(),
    "many_empty_lines": "\n\n\n\n" + stream_text().replace("\n\n", "\n\n\n\n\n"),
}


@pytest.mark.parametrize("pieces", ["whole", "bytes"])
@pytest.mark.parametrize("name", FORMS)
def test_35_forms_of_events(serves, name, pieces):
    """All these are the same stream (WHATWG HTML 9.2.6)."""
    text = FORMS[name].encode()
    body = chunked(text) if pieces == "whole" else chunked(*(text[i:i + 1] for i in range(len(text))))
    plain = Faulty(lambda connection, streamed: connection.send(SSE + (chunked(stream_text()) if len(plain.requests) == 1 else body)))
    papi, _ = serves(plain)
    expected, answer = (ask(papi, stream=True) for _ in range(2))
    assert_good(answer)
    assert answer.text == expected.text and answer.finishes == expected.finishes


@pytest.mark.parametrize("size", [1, 7])
def test_35_large_event(serves, size):
    """Megabytes in one event pass whole, in whatever pieces they come."""
    text = "äb" * (size * 1024 * 1024 // 3)
    stream = (data(ROLE) + f"data: {json.dumps(chunk_event({'content': text}), ensure_ascii=False)}\n\n" + data(FINISH) + data("[DONE]")).encode()
    papi, _ = serves(Faulty(lambda connection, streamed: connection.send(
        SSE + chunked(*(stream[i:i + 50001] for i in range(0, len(stream), 50001))))))
    answer = ask(papi, stream=True)
    assert answer.status == 200 and answer.text == text and answer.events[-1] == "[DONE]"


def too_large(connection):
    connection.send(chunked('data: {"x":"', last=False))
    for _ in range(10 * 16):
        connection.chunk("y" * 65536)
    connection.send(chunked('"}\n\n', data(FINISH) + data("[DONE]")))


def test_35_event_of_10_mb_before_token(hides_or_tells):
    """Beyond the bound an event is a fault of the upstream, not our memory's."""
    def play(connection, streamed):
        connection.stream_head()
        too_large(connection)
    hides_or_tells(play, "bad_answer", streams=(True,))


def test_35_event_of_10_mb_after_token(breaks_after_token):
    def play(connection):
        begin_stream(connection)
        too_large(connection)
    breaks_after_token(play, "bad_answer")


def test_35_event_of_10_mb_in_many_lines(hides_or_tells):
    """The bound counts an event, not a line."""
    def play(connection, streamed):
        connection.stream_head()
        for _ in range(10 * 16):
            connection.chunk("data: " + "y" * 65536 + "\n")
        connection.chunk("\n")
        connection.end_chunks()
    hides_or_tells(play, "bad_answer", streams=(True,))


BROKEN = {"not_json": "data: {oops\n\n", "cut_json": 'data: {"choices":[\n\n', "array": "data: []\n\n", "word": "data: hello\n\n",
          "invalid_utf8": b'data: {"choices":[{"index":0,"delta":{"content":"\xff"}}]}\n\n', "nul": b'data: {"choices":[]\x00}\n\n',
          "deep": "data: " + "[" * 100000 + "]" * 100000 + "\n\n"}


@pytest.mark.parametrize("name", BROKEN)
def test_35_broken_event_before_token(hides_or_tells, name):
    event = BROKEN[name]
    hides_or_tells(lambda connection, streamed: connection.send(SSE + chunked(event, stream_text())), "bad_answer", streams=(True,))


@pytest.mark.parametrize("name", BROKEN)
def test_35_broken_event_after_token(breaks_after_token, name):
    def play(connection):
        begin_stream(connection)
        connection.send(chunked(BROKEN[name], stream_text()))
    breaks_after_token(play, "bad_answer")


@pytest.mark.parametrize("body", ["", "null", "[]", "{}", '"text"', "<html></html>", '{"choices":null}', '{"choices":{}}',
                                  '{"choices":[{"index":0}]} trailing', "\x00\x01"])
def test_35_whole_answer_that_is_none(hides_or_tells, body):
    """A 200 with something else in it is tried elsewhere and never delivered as success."""
    hides_or_tells(answer_with(["content-length: {length}"], body), "bad_answer", streams=(False,), kept=True)


# --- 36: usage --------------------------------------------------------------------------------------------------------
def usage_of(prompt, output, **more):
    return {"prompt_tokens": prompt, "completion_tokens": output, "total_tokens": prompt + output, **more}


TEXT_EVENTS = words("Good ", "answer.")
ALONE = {**chunk_event(), "choices": []}
# name: events after the role, (input, output, cached, reasoning); None = must be estimated
USAGES = {
    "last_chunk_alone": ([*TEXT_EVENTS, FINISH, {**ALONE, "usage": usage_of(100, 20)}], (100, 20, 0, 0)),
    "finish_chunk": ([*TEXT_EVENTS, {**FINISH, "usage": usage_of(100, 20)}], (100, 20, 0, 0)),
    "last_chunk_with_empty_delta": ([*TEXT_EVENTS, FINISH, {**chunk_event({}), "usage": usage_of(100, 20)}], (100, 20, 0, 0)),
    "every_chunk": ([{**event, "usage": usage_of(100, i * 10)} for i, event in enumerate((*TEXT_EVENTS, FINISH))], (100, 20, 0, 0)),
    "every_chunk_and_alone": ([{**event, "usage": usage_of(100, i * 10)} for i, event in enumerate((*TEXT_EVENTS, FINISH))] +
                              [{**ALONE, "usage": usage_of(100, 20)}], (100, 20, 0, 0)),
    "null_then_alone": ([*({**event, "usage": None} for event in (*TEXT_EVENTS, FINISH)), {**ALONE, "usage": usage_of(100, 20)}],
                        (100, 20, 0, 0)),
    "alone_without_choices": ([*TEXT_EVENTS, FINISH, {"usage": usage_of(100, 20)}], (100, 20, 0, 0)),
    "in_choice": ([*TEXT_EVENTS, {**chunk_event(), "choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "usage": usage_of(100, 20)}]}],
                  (100, 20, 0, 0)),
    "x_groq": ([*TEXT_EVENTS, {**FINISH, "x_groq": {"usage": usage_of(100, 20)}}], (100, 20, 0, 0)),
    "cached": ([*TEXT_EVENTS, {**FINISH, "usage": usage_of(100, 20, prompt_tokens_details={"cached_tokens": 64})}], (100, 20, 64, 0)),
    "cache_hit": ([*TEXT_EVENTS, {**FINISH, "usage": usage_of(100, 20, prompt_cache_hit_tokens=64)}], (100, 20, 64, 0)),
    "reasoning": ([*TEXT_EVENTS, {**FINISH, "usage": usage_of(100, 20, completion_tokens_details={"reasoning_tokens": 15})}], (100, 20, 0, 15)),
    "total_above_its_parts": ([*TEXT_EVENTS, {**FINISH, "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 150}}],
                              (100, 50, 0, 30)),
    "details_null": ([*TEXT_EVENTS, {**FINISH, "usage": usage_of(100, 20, prompt_tokens_details=None, completion_tokens_details=None)}],
                     (100, 20, 0, 0)),
    "other_names": ([*TEXT_EVENTS, {**FINISH, "usage": {"input_tokens": 100, "output_tokens": 20}}], (100, 20, 0, 0)),
    "total_only_beside_output": ([*TEXT_EVENTS, {**FINISH, "usage": {"completion_tokens": 20, "total_tokens": 120}}], (100, 20, 0, 0)),
    "missing": ([*TEXT_EVENTS, FINISH], None),
    "null": ([*TEXT_EVENTS, {**FINISH, "usage": None}], None),
    "empty": ([*TEXT_EVENTS, {**FINISH, "usage": {}}], None),
    "zeros": ([*TEXT_EVENTS, {**FINISH, "usage": usage_of(0, 0)}], None),
    "strings": ([*TEXT_EVENTS, {**FINISH, "usage": {"prompt_tokens": "100", "completion_tokens": "20", "total_tokens": "120"}}], None),
    "negative": ([*TEXT_EVENTS, {**FINISH, "usage": usage_of(-100, -20)}], None),
    "fractions": ([*TEXT_EVENTS, {**FINISH, "usage": usage_of(100.5, 20.5)}], None),
    "beyond_64_bit": ([*TEXT_EVENTS, {**FINISH, "usage": usage_of(10 ** 30, 10 ** 30)}], None),
    "word": ([*TEXT_EVENTS, {**FINISH, "usage": "many"}], None),
    "array": ([*TEXT_EVENTS, {**FINISH, "usage": [100, 20]}], None),
}


def assert_usage(usage, expected):
    """expected None: an estimate, small and positive, since the texts are."""
    for name in ("prompt_tokens", "completion_tokens", "total_tokens"):
        assert isinstance(usage[name], int) and usage[name] > 0, usage
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"], usage
    if expected is None:
        assert usage["prompt_tokens"] < 50 and usage["completion_tokens"] < 20, usage
        return
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == expected[:2], usage
    assert (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0) == expected[2], usage
    assert (usage.get("completion_tokens_details") or {}).get("reasoning_tokens", 0) == expected[3], usage


@pytest.mark.parametrize("name", USAGES)
def test_36_usage_of_a_stream(serves, name):
    """Taken once, told once, and only to who asked; after the finish, before the end mark."""
    events, expected = USAGES[name]
    papi, _ = serves(Faulty(streams(ROLE, *events, "[DONE]")))
    asked = ask(papi, stream=True, stream_options={"include_usage": True})
    assert_good(asked)
    told = [chunk for chunk in asked.chunks if chunk.get("usage")]
    assert len(told) == 1 and told[0]["choices"] == [] and asked.events[-2] == told[0], asked
    assert all("usage" in chunk and chunk["usage"] is None for chunk in asked.chunks[:-1])
    assert_usage(told[0]["usage"], expected)
    unasked = ask(papi, stream=True)
    assert_good(unasked)
    assert not any(chunk.get("usage") for chunk in unasked.chunks)
    values = metrics(papi)
    assert values["papi_input_tokens_total"] == 2 * told[0]["usage"]["prompt_tokens"]
    assert values["papi_output_tokens_total"] == 2 * told[0]["usage"]["completion_tokens"]


WHOLE_USAGES = {name: events[-1].get("usage") for name, (events, _) in USAGES.items()
                if "usage" in events[-1] and name in ("finish_chunk", "cached", "cache_hit", "reasoning", "total_above_its_parts", "details_null",
                                                      "other_names", "total_only_beside_output", "null", "empty", "zeros", "strings",
                                                      "negative", "fractions", "beyond_64_bit", "word", "array")}


@pytest.mark.parametrize("name", [*WHOLE_USAGES, "missing"])
def test_36_usage_of_a_whole_answer(serves, name):
    body = completion(GOOD)
    del body["usage"]
    if name != "missing":
        body["usage"] = WHOLE_USAGES[name]
    papi, _ = serves(Faulty(answer_with(["content-length: {length}"], json.dumps(body))))
    answer = ask(papi)
    assert_good(answer)
    assert_usage(answer.json["usage"], USAGES[name][1])
    values = metrics(papi)
    assert values["papi_input_tokens_total"] == answer.json["usage"]["prompt_tokens"]
    assert values["papi_output_tokens_total"] == answer.json["usage"]["completion_tokens"]


@pytest.mark.fault(43)
def test_36_usage_of_a_failed_try_is_not_the_answers(start_serve, upstream):
    """The first provider reports usage and breaks before a token: what the client is told is the second one's."""
    def play(connection, streamed):
        connection.stream_head()
        connection.event({**ROLE, "usage": usage_of(5000, 0)})
        connection.reset()
    bad, good = upstream(Faulty(play)), upstream(Faulty(streams(ROLE, *TEXT_EVENTS, {**FINISH, "usage": usage_of(100, 20)}, "[DONE]")))
    papi = start_serve({"providers": {name: {"type": "openai", "base_url": server.url, "models": [MODEL]}
                                      for name, server in (("bad", bad), ("good", good))}})
    answer = ask(papi, stream=True, stream_options={"include_usage": True})
    assert_good(answer)
    assert_usage(answer.chunks[-1]["usage"], (100, 20, 0, 0))
    assert labelled(metrics(papi), "papi_attempts_total") == {"reset": 1, "ok": 1}
