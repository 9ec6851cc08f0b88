# SPDX-License-Identifier: Apache-2.0
"""Chat completion requests of an exact size, with text as people and agents send it: line ends and
quotes (escaped in JSON), code, accents, other scripts, an emoji. The bytes are those a client
library would write: UTF-8 as it is, only what must be escaped is escaped."""

import json

_SENTENCES = [
    'The report says "costs fell by a fifth", yet nobody has checked the second table.\n',
    "Bitte prüfe die Übersicht noch einmal: größere Beträge stehen unter »Sonstiges«.\n",
    'if (argc < 2) {\n\tfprintf(stderr, "usage: %s FILE\\n", argv[0]);\n\treturn 1;\n}\n',
    "Two trains leave at nine; one is slower by twelve kilometres an hour. When do they meet?\n",
    "Résumé: l’été dernier, le café coûtait 2 € de moins — c’est ce qu’écrit le journal.\n",
    "| name | size | note |\n|---|---|---|\n| alpha | 12 | first |\n| beta | 7 | see below |\n",
    "東京の天気は晴れ、気温は二十一度です。\n",
    "Answer in plain words, in at most three sentences, and name your sources. 🙂\n",
]
_MESSAGE_BYTES = 4000  # a turn of a long conversation


def _size(value):
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def _filler(size):
    """Text whose JSON form (without its quotes) has exactly size bytes."""
    parts, used, index = [], 0, 0
    while True:
        sentence = _SENTENCES[index % len(_SENTENCES)]
        cost = _size(sentence) - 2
        if used + cost > size:
            return "".join(parts) + "." * (size - used)
        parts.append(sentence)
        used += cost
        index += 1


def chat(model, size, stream=False):
    """The body, as bytes; exactly size of them."""
    task = {
        "model": model,
        "messages": [{"role": "system", "content": "You are a careful assistant."}],
        "temperature": 0.7,
        "max_tokens": 256,
    }
    if stream:
        task["stream"] = True
        task["stream_options"] = {"include_usage": True}
    messages = task["messages"]
    empty_turns = _size({"role": "assistant", "content": ""}) + _size({"role": "user", "content": ""})
    while size - _size(task) > 3 * _MESSAGE_BYTES + empty_turns:
        messages.append({"role": "user", "content": _filler(_MESSAGE_BYTES)})
        messages.append({"role": "assistant", "content": _filler(_MESSAGE_BYTES)})
    messages.append({"role": "user", "content": ""})
    left = size - _size(task)
    if left < 0:
        raise ValueError(f"a request of {size} bytes is too small to hold a message")
    messages[-1]["content"] = _filler(left)
    body = json.dumps(task, ensure_ascii=False, separators=(",", ":")).encode()
    assert len(body) == size and json.loads(body) == task
    return body
