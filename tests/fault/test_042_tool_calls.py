# SPDX-License-Identifier: Apache-2.0
"""Case 42 of the fault list: tool calls whose arguments are split anywhere, interleaved or empty, and reasoning before all: the client gets
every delta by itself, in order, as soon as it is there."""

import json
import threading

from faults import MODEL, Faulty, ask, chat_request
from papi_process import RawConnection, chunk_event

ARGUMENTS = json.dumps({"path": 'C:\\new "folder"', "text": "caf\u00e9 \U0001f331", "n": [1, 2.5]})
TOOLS = [{"type": "function", "function": {"name": name, "parameters": {"type": "object"}}} for name in ("read", "write")]


def call(index, arguments, identity=None, name=None):
    row = {"index": index, "function": {"arguments": arguments}}
    if identity:
        row |= {"id": identity, "type": "function"}
        row["function"]["name"] = name
    return {"tool_calls": [row]}


def play(deltas):
    def run(connection, _streamed):
        connection.stream_head()
        for delta in deltas:
            connection.event(chunk_event(delta))
        connection.event(chunk_event({}, MODEL, "tool_calls"))
        connection.event("[DONE]")
        connection.end_chunks()
    return Faulty(run)


def deltas_of(answer):
    assert answer.status == 200 and not answer.errors and answer.events[-1] == "[DONE]", answer
    return [(row["index"], row["function"].get("arguments", ""), row.get("id"), row["function"].get("name"))
            for chunk in answer.chunks for choice in chunk["choices"] for row in choice["delta"].get("tool_calls") or []]


def test_042_arguments_split_at_every_byte_of_an_escape(serves):
    """One character a delta: inside a JSON escape, inside the escape of a surrogate pair."""
    papi, _ = serves(play([call(0, "", "call_1", "read"), *[call(0, letter) for letter in ARGUMENTS]]))
    got = deltas_of(ask(papi, stream=True, tools=TOOLS))
    assert got[0][2:] == ("call_1", "read")
    assert [text for _, text, *_ in got if text] == list(ARGUMENTS), "deltas were joined or moved"


def test_042_interleaved_calls(serves):
    """Two calls whose pieces alternate: order and index stay."""
    pieces = [call(0, "", "call_1", "read"), call(1, "", "call_2", "write"), call(0, '{"a'), call(1, '{"b'), call(0, '":1}'), call(1, '":2}')]
    papi, _ = serves(play(pieces))
    got = deltas_of(ask(papi, stream=True, tools=TOOLS))
    assert [(index, text) for index, text, *_ in got if text] == [(0, '{"a'), (1, '{"b'), (0, '":1}'), (1, '":2}')]
    assert [(row[2], row[3]) for row in got if row[2]] == [("call_1", "read"), ("call_2", "write")]


def test_042_no_arguments(serves):
    papi, _ = serves(play([call(0, "", "call_1", "read"), call(1, "{}", "call_2", "write")]))
    got = deltas_of(ask(papi, stream=True, tools=TOOLS))
    assert "".join(text for index, text, *_ in got if index == 1) == "{}"
    assert "".join(text for index, text, *_ in got if index == 0) in ("", "{}")


def test_042_reasoning_first(serves):
    """Deltas of reasoning, then text, then a call: nothing overtakes."""
    papi, _ = serves(play([{"reasoning_content": "Let me "}, {"reasoning_content": "think."}, {"content": "I read it."},
                           call(0, '{"a":1}', "call_1", "read")]))
    answer = ask(papi, stream=True, tools=TOOLS)
    assert answer.text == "I read it." and deltas_of(answer)
    kinds = [kind for chunk in answer.chunks for choice in chunk["choices"] for kind, value in choice["delta"].items()
             if value and kind in ("reasoning_content", "content", "tool_calls")]
    assert kinds[:3] == ["reasoning_content", "reasoning_content", "content"] and set(kinds[3:]) == {"tool_calls"}, kinds


def test_042_a_delta_does_not_wait_for_the_next(serves):
    """Half a call has arrived at the client while the upstream has not sent the rest."""
    go_on = threading.Event()

    def run(connection, _streamed):
        connection.stream_head()
        connection.event(chunk_event(call(0, '{"half', "call_1", "read")))
        go_on.wait(20)
        connection.event(chunk_event(call(0, '":1}')))
        connection.event(chunk_event({}, MODEL, "tool_calls"))
        connection.event("[DONE]")
        connection.end_chunks()
    papi, _ = serves(Faulty(run))
    with RawConnection(papi.address()) as connection:
        connection.send(chat_request(stream=True, tools=TOOLS))
        connection.read_until(b"half", 10)
        go_on.set()
        assert b"tool_calls" in connection.read_until(b"[DONE]", 10)
