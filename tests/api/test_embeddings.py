# SPDX-License-Identifier: Apache-2.0
"""POST /v1/embeddings with the official clients, in front of upstreams that are scripted here: what goes out, what comes
back, and that no vector of another model is ever given."""

import array
import base64
import json
import pathlib
import random
import subprocess
import threading

import openai
import pytest

import papi_process
from papi_process import provider, request
from stage import assert_error

NODE = pathlib.Path(__file__).parent / "node"
PATH = "/v1/embeddings"
TEXTS = ["one", "two", "three"]
MODEL = {"id": "bge-m3", "kind": "embed"}


def numbers(text, length=8):
    """A vector that belongs to a text, printed as providers do: more digits than a float32 has."""
    source = random.Random(text)
    return [source.uniform(-1, 1) * 10 ** source.randint(-6, 0) for _ in range(length)]


def float32(vector):
    return array.array("f", vector).tolist()


def answer_for(texts, length=8):
    """An answer in the wrong order, as the wire allows."""
    data = [{"object": "embedding", "index": i, "embedding": numbers(text, length)} for i, text in enumerate(texts)]
    return {"object": "list", "data": data[::-1], "model": "upstream-name",
            "usage": {"prompt_tokens": len(texts), "total_tokens": len(texts)}}


class Script:
    """An upstream's side: answers with vectors or with what it is told, and keeps what it was asked."""

    def __init__(self, respond=None):
        self.respond = respond or (lambda connection, body: connection.respond(body=answer_for(listed(body["input"]))))
        self.bodies = []
        self.lines = []
        self.lock = threading.Lock()

    def __call__(self, connection):
        while True:
            asked = connection.read_request()
            if asked is None:
                return
            body = json.loads(asked[1])
            with self.lock:
                self.bodies.append(body)
                self.lines.append(connection.request_line)
            self.respond(connection, body)


def listed(given):
    return [given] if isinstance(given, str) else given


@pytest.fixture(name="stand")
def fixture_stand(start_serve, upstream):
    """stand({name: (script, models)}, aliases) -> papi, with one provider for each script."""
    def start(providers, **more):
        rows = {name: provider(upstream(script).url, models) for name, (script, models) in providers.items()}
        return start_serve({"loops": 1, "providers": rows, "queue": {"max_wait": "200ms"}, **more})
    return start


@pytest.fixture(name="client")
def fixture_client():
    """client(papi) -> the official client, without retries of its own."""
    opened = []

    def start(papi):
        opened.append(openai.OpenAI(base_url=papi.url + "/v1", api_key="x", max_retries=0,
                                    http_client=openai.DefaultHttpxClient(trust_env=False)))
        return opened[-1]
    yield start
    for each in opened:
        each.close()


def post(papi, body, path=PATH):
    status, headers, answer = request(papi, "POST", path, body)
    return status, headers, json.loads(answer)


def check_answer(answer, texts):
    assert answer.object == "list" and answer.model == "bge-m3"
    assert [item.index for item in answer.data] == list(range(len(texts)))
    assert [list(item.embedding) for item in answer.data] == [float32(numbers(text)) for text in texts]
    assert answer.usage.prompt_tokens == answer.usage.total_tokens == len(texts)


# --- the official clients ---------------------------------------------------------------------------------------------
def test_python(stand, client):
    """It asks for base64 on its own, and turns it into floats."""
    script = Script()
    papi = stand({"lab": (script, [MODEL])})
    sdk = client(papi)
    check_answer(sdk.embeddings.create(model="bge-m3", input="one"), ["one"])
    check_answer(sdk.embeddings.create(model="bge-m3", input=TEXTS, user="u1"), TEXTS)
    assert script.bodies == [{"model": "bge-m3", "input": "one", "encoding_format": "float"},
                             {"model": "bge-m3", "input": TEXTS, "encoding_format": "float"}]
    assert script.lines == ["POST /v1/embeddings HTTP/1.1"] * 2


def test_python_floats(stand, client):
    papi = stand({"lab": (Script(), [MODEL])})
    answer = client(papi).embeddings.create(model="bge-m3", input=TEXTS, encoding_format="float")
    assert [item.embedding for item in answer.data] == [numbers(text) for text in TEXTS]  # the provider's own digits


def test_python_dimensions(stand, client):
    script = Script(lambda connection, body: connection.respond(body=answer_for(listed(body["input"]), body["dimensions"])))
    papi = stand({"lab": (script, [MODEL])})
    answer = client(papi).embeddings.create(model="bge-m3", input="one", dimensions=3)
    assert list(answer.data[0].embedding) == float32(numbers("one", 3))


def test_python_errors(stand, client):
    papi = stand({"lab": (Script(), [MODEL])})
    with pytest.raises(openai.BadRequestError) as caught:
        client(papi).embeddings.create(model="bge-m3", input=[[15339, 1917]])
    assert caught.value.param == "input[0]" and "check_embedding_ctx_length" in caught.value.message
    with pytest.raises(openai.NotFoundError):
        client(papi).embeddings.create(model="bge-m4", input="one")


def test_node(node, stand):
    papi = stand({"lab": (Script(), [MODEL])})
    program, folder = node
    env = papi_process.clean_environment({"PAPI_URL": papi.url + "/v1", "GOOD_TEXT": "",
                                          "VECTORS": json.dumps({text: float32(numbers(text)) for text in TEXTS})})
    ended = subprocess.run([program, "embeddings.mjs"], cwd=folder, env=env, capture_output=True, text=True, timeout=100,
                           check=False)
    results = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("{")]
    assert [result for result in results if not result["ok"]] == [], ended.stderr
    assert len(results) == 4, ended.stderr


# --- the two forms ----------------------------------------------------------------------------------------------------
def test_the_two_forms_are_the_same(stand):
    papi = stand({"lab": (Script(), [MODEL])})
    _, _, floats = post(papi, {"model": "bge-m3", "input": TEXTS})
    status, headers, coded = post(papi, {"model": "bge-m3", "input": TEXTS, "encoding_format": "base64"})
    assert status == 200 and headers["content-type"] == "application/json" and headers["x-papi-provider"] == "lab"
    for one, other in zip(floats["data"], coded["data"]):
        assert base64.b64decode(other["embedding"]) == array.array("f", one["embedding"]).tobytes()


def test_a_provider_that_answers_base64(stand):
    def respond(connection, body):
        data = [{"index": i, "embedding": base64.b64encode(array.array("f", numbers(text)).tobytes()).decode()}
                for i, text in enumerate(listed(body["input"]))]
        connection.respond(body={"data": data})
    papi = stand({"lab": (Script(respond), [MODEL])})
    _, _, floats = post(papi, {"model": "bge-m3", "input": TEXTS})
    assert [float32(item["embedding"]) for item in floats["data"]] == [float32(numbers(text)) for text in TEXTS]
    assert floats["usage"]["prompt_tokens"] > 0  # it told none: counted here


def test_many_texts(stand, client):
    """As many as are allowed, in one request."""
    texts = [f"text {i}" for i in range(2048)]
    papi = stand({"lab": (Script(), [MODEL])})
    check_answer(client(papi).embeddings.create(model="bge-m3", input=texts), texts)


@pytest.mark.parametrize("path", ["/embeddings", "/v1/embeddings", "/v1/v1/embeddings", "/api/v1/embeddings/"])
def test_forms_of_the_path(stand, path):
    papi = stand({"lab": (Script(), [MODEL])})
    assert post(papi, {"model": "bge-m3", "input": "one"}, path)[0] == 200


# --- which model, which provider --------------------------------------------------------------------------------------
def fails(connection, _body):
    connection.respond(500, {"error": {"message": "no"}})


def one_vector_too_few(connection, body):
    connection.respond(body=answer_for(listed(body["input"])[1:]))


def other_length(connection, body):
    answer = answer_for(listed(body["input"]))
    answer["data"][0]["embedding"].append(1.0)
    connection.respond(body=answer)


@pytest.mark.parametrize("respond", [fails, one_vector_too_few, other_length])
def test_another_provider_of_the_same_model(stand, respond):
    papi = stand({"bad": (Script(respond), [MODEL]), "good": (Script(), ["bge-m3"])})
    status, headers, answer = post(papi, {"model": "bge-m3", "input": TEXTS})
    assert status == 200 and headers["x-papi-provider"] == "good" and headers["x-papi-attempts"] == "2"
    assert [item["embedding"] for item in answer["data"]] == [numbers(text) for text in TEXTS]


@pytest.mark.parametrize("name", ["any", "auto", "bge-m3"])
def test_never_another_model(stand, name):
    """The next model of an alias would give vectors that fit no index."""
    other = Script()
    papi = stand({"bad": (Script(fails), ["chatty", MODEL]), "other": (other, [{"id": "other-embed", "kind": "embed"}])},
                 models={"aliases": {"any": ["bge-m3", "other-embed"]}})
    got = request(papi, "POST", PATH, {"model": name, "input": "one"})
    assert_error(*got, 502, "upstream_error")
    assert other.bodies == []


def test_a_model_of_which_nothing_is_known(stand):
    """A bare name serves any task."""
    papi = stand({"lab": (Script(), ["nomic-embed"])})
    assert post(papi, {"model": "nomic-embed", "input": "one"})[0] == 200


def test_chat_with_an_embedding_model(stand):
    script = Script()
    papi = stand({"lab": (script, [MODEL])})
    got = request(papi, "POST", "/v1/chat/completions", {"model": "bge-m3", "messages": [{"role": "user", "content": "x"}]})
    assert_error(*got, 400, None, ["/v1/embeddings"], "model")
    assert script.bodies == []


# --- what is refused --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("body, param, words", [
    ({"input": "x"}, "model", ["required"]),
    ({"model": "bge-m3"}, "input", ["required"]),
    ({"model": "bge-m3", "input": 5}, "input", ["a string or an array"]),
    ({"model": "bge-m3", "input": None}, "input", ["required"]),
    ({"model": "bge-m3", "input": ["a", None]}, "input[1]", ["must be a string"]),
    ({"model": "bge-m3", "input": ""}, "input", ["empty"]),
    ({"model": "bge-m3", "input": ["x"] * 2049}, "input", ["2049", "2048"]),
    ({"model": "bge-m3", "input": list(range(3000))}, "input[0]", ["tokens", "LangChain"]),
    ({"model": "bge-m3", "input": "x", "encoding_format": 1}, "encoding_format", ["a string"]),
    ({"model": "bge-m3", "input": "x", "dimensions": 1.5}, "dimensions", ["whole number"]),
    ({"model": "bge-m3", "input": "x", "dimensions": -1}, "dimensions", ["between"]),
    ({"model": "bge-m3", "input": "x", "input_type": 1}, "input_type", ["a string"]),
    ({"model": "bge-m3", "input": ["x"] * 2048, "dimensions": 4096}, "input", ["2048", "4096", "fewer"]),
], ids=str)
def test_refused(stand, body, param, words):
    script = Script()
    papi = stand({"lab": (script, [MODEL])})
    assert_error(*request(papi, "POST", PATH, body), 400, None, words, param)
    assert script.bodies == []


def test_too_long_a_text(stand):
    papi = stand({"lab": (Script(), [{**MODEL, "context": 100}])})
    assert post(papi, {"model": "bge-m3", "input": ["word " * 60, "x"]})[0] == 200
    got = request(papi, "POST", PATH, {"model": "bge-m3", "input": ["x", "word " * 1000]})
    assert_error(*got, 400, "context_length_exceeded", ["maximum context length is 100 tokens"], "input")
    longest = got[2]
    got = request(papi, "POST", PATH, {"model": "bge-m3", "input": ["word " * 1000] + ["some more words"] * 200})
    assert got[2] == longest  # told of the longest text, not of all together


def test_an_answer_beyond_the_cap(stand):
    """Nobody is to blame but the number of texts: one attempt, a 400 that says what to do, and the provider stays well."""
    def respond(connection, body):
        if len(listed(body["input"])) == 1:
            connection.respond(body=answer_for(listed(body["input"])))
            return
        connection.send("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n")
        connection.chunk('{"data":[{"index":0,"embedding":[0')
        while True:
            connection.chunk(",0.12345678" * 100000)
    papi = stand({"lab": (Script(respond), [MODEL])})
    got = request(papi, "POST", PATH, {"model": "bge-m3", "input": ["x", "y"]})
    assert_error(*got, 400, None, ["fewer texts"])
    assert got[1]["x-papi-attempts"] == "1"
    assert post(papi, {"model": "bge-m3", "input": "one"})[0] == 200


def test_a_large_answer(stand):
    """Twenty megabytes of numbers, into base64."""
    text = ",".join(["-0.0123456789012345"] * 1024)
    document = '{"data":[' + ",".join(f'{{"index":{i},"embedding":[{text}]}}' for i in range(1000)) + "]}"
    papi = stand({"lab": (Script(lambda connection, body: connection.respond(body=document)), [MODEL])})
    status, _, answer = post(papi, {"model": "bge-m3", "input": ["x"] * 1000, "encoding_format": "base64"})
    assert status == 200 and len(answer["data"]) == 1000
    expected = base64.b64encode(array.array("f", [-0.0123456789012345] * 1024).tobytes()).decode()
    assert all(item["embedding"] == expected for item in answer["data"])


def test_wrong_method(stand):
    papi = stand({"lab": (Script(), [MODEL])})
    status, headers, body = request(papi, "GET", PATH)
    assert_error(status, headers, body, 405, "method_not_allowed")
    assert headers["allow"] == "POST, OPTIONS"
