# SPDX-License-Identifier: Apache-2.0
"""/openapi.json: well-formed, complete, and true of every answer."""

import json
import re

import jsonschema
import pytest

import admin
import description
import papi_process


@pytest.fixture
def papi(start_serve, upstream):
    return start_serve({"providers": {"lab": papi_process.provider(upstream().url)}})


def references(value):
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == "$ref":
                yield inner
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_it_is_well_formed(papi):
    document = description.of(papi).document
    assert document["openapi"].startswith("3.1.")
    assert document["info"]["title"] == "PAPI" and document["info"]["version"]
    schemas = document["components"]["schemas"]
    for name, schema in schemas.items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["description"], name
        for member, inner in schema["properties"].items():
            assert inner.get("description"), (name, member)
    used = {reference.rsplit("/", 1)[1] for reference in references(document)}
    assert used == set(schemas), "a schema that nothing leads to, or a reference that leads nowhere"


def test_operations_are_whole(papi):
    described = description.of(papi)
    names = [operation["operationId"] for operation in described.operations.values()]
    assert len(names) == len(set(names))
    for (method, path), operation in described.operations.items():
        assert operation["summary"], path
        places = set(re.findall(r"\{([^}]*)\}", path))
        assert {p["name"] for p in operation["parameters"] if p["in"] == "path"} == places, path
        assert "default" in operation["responses"] and len(operation["responses"]) == 2, path
        assert method != "GET" or "requestBody" not in operation, path


def test_everything_described_is_served(papi):
    """Allow of each path names exactly what is described for it, beside HEAD and OPTIONS."""
    described = description.of(papi)
    methods = {}
    for method, path in described.operations:
        methods.setdefault(path, set()).add(method)
    for path, expected in methods.items():
        if "GET" in expected:
            expected.add("HEAD")
        status, fields, _ = admin.ask(papi, "OPTIONS", re.sub(r"\{[^}]*\}", "x", path))
        assert status == 204, path
        assert set(fields["allow"].split(", ")) == expected | {"OPTIONS"}, path


def test_answers_are_as_described(papi):
    """Every GET without a place in its path, by the socket and over TCP."""
    described = description.of(papi)
    seen = 0
    for method, path in described.operations:
        if method != "GET" or "{" in path:
            continue
        status, fields, body = admin.ask(papi, "GET", path)
        assert status == 200, (path, body)
        described.check("GET", path, status, fields, body)
        status, fields, body = papi_process.request(papi, "GET", path)
        body = json.loads(body) if fields["content-type"].startswith("application/json") else body.decode()
        described.check("GET", path, status, fields, body)
        assert status == (401 if path.startswith("/admin/") else 200), path
        seen += 1
    assert seen >= 12


def test_chat_is_as_described(papi):
    described = description.of(papi)
    body = {"model": "test-model", "messages": [{"role": "user", "content": "hi"}]}
    for path in ("/v1/chat/completions", "/v1/papi/explain", "/admin/v1/explain"):
        status, fields, answer = admin.ask(papi, "POST", path, body)
        assert status == 200, answer
        described.check("POST", path, status, fields, answer)
    identity = admin.ask(papi, "POST", "/v1/chat/completions", body)[1]["x-request-id"]
    status, fields, answer = admin.ask(papi, "GET", f"/v1/papi/requests/{identity}")
    assert status == 200 and answer["ladder"]
    described.check("GET", f"/v1/papi/requests/{identity}", status, fields, answer)
    for path in ("/v1/models/test-model", "/admin/v1/models/test-model", "/v1/models/none", "/admin/v1/models/none"):
        status, fields, answer = admin.ask(papi, "GET", path)
        assert status == (404 if path.endswith("none") else 200)
        described.check("GET", path, status, fields, answer)


def test_embeddings_are_as_described(start_serve, upstream):
    def script(connection):
        while (got := connection.read_request()) is not None:
            count = len(json.loads(got[1])["input"])
            connection.respond(200, {"object": "list", "model": "e", "usage": {"prompt_tokens": 2, "total_tokens": 2},
                                     "data": [{"object": "embedding", "index": i, "embedding": [0.5, -1]}
                                              for i in range(count)]})
    papi = start_serve({"providers": {"lab": papi_process.provider(upstream(script).url, ["e"])}})
    status, fields, answer = admin.ask(papi, "POST", "/v1/embeddings", {"model": "e", "input": ["a", "b"]})
    assert status == 200, answer
    description.of(papi).check("POST", "/v1/embeddings", status, fields, answer)


def test_where_models_lead(papi):
    models = admin.get(papi, "/admin/v1/models")["data"]
    found = {model["id"]: model for model in models}
    assert found["test-model"]["routes"] == [{"provider": "lab", "account": "default", "model": "test-model",
                                              "upstream_model": "test-model", "available": True, "automatic": True}]
    assert found["auto"]["routes"]
    one = admin.get(papi, "/admin/v1/models/lab%2Ftest-model")
    assert one["id"] == "lab/test-model" and one["routes"] == found["test-model"]["routes"]


def test_the_owner_sees_accounts(papi):
    assert admin.get(papi, "/admin/v1/capacity")["accounts"][0]["account"] == "default"
    assert admin.get(papi, "/admin/v1/explain?model=test-model")["candidates"][0]["account"] == "default"


@pytest.mark.parametrize("path, words", [
    ("/admin/v1/explain?modell=x", "Known are: model"),
    ("/admin/v1/explain?model=a&model=b", "given twice"),
    ("/admin/v1/explain?model=" + "m" * 300, "a text of 0 to 256 bytes"),
    ("/admin/v1/explain?model=a%00b", "a text of 0 to 256 bytes"),
])
def test_queries_that_are_refused(papi, path, words):
    assert words in admin.refused(papi, "GET", path, 400)["message"]


@pytest.mark.parametrize("body, headers, status, param, words", [
    (None, {}, 400, None, "The body is missing"),
    ("", {"content-length": "0"}, 400, None, "The body is missing"),
    ("{", {"content-type": "application/json"}, 400, None, "line 1, column 2"),
    ("[]", {"content-type": "application/json"}, 400, None, "is an array. Send an object"),
    ("{}", {"content-type": "text/plain"}, 415, None, "send application/json"),
    ("{}", {}, 415, None, "send application/json"),
    ({}, {}, 400, "model", "model is missing. Give a text"),
    ({"model": 1, "messages": []}, {}, 400, "model", "model is a number"),
    ({"model": "m", "messages": {}}, {}, 400, "messages", "messages is an object. Give a list"),
    ({"model": "m", "messages": [1]}, {}, 400, "messages[0]", "messages[0] is a number. Give an object"),
    ({"model": "m", "messages": [{"role": None}]}, {}, 400, "messages[0].role", "messages[0].role is null"),
    ({"model": "m", "messages": [{}]}, {}, 400, "messages[0].role", "messages[0].role is missing"),
    ('{"model":"m","model":"n","messages":[]}', {"content-type": "application/json"}, 400, "model", "there twice"),
    ({"model": "m", "messages": [], "stream": "yes"}, {}, 400, "stream", "Give true or false, or null"),
    ({"model": "m", "messages": [], "max_completion_tokens": -1}, {}, 400, "max_completion_tokens",
     "a whole number from 0"),
    ({"model": "m", "messages": [], "x": "y" * 1100000}, {}, 413, None, "takes up to 1048576"),
])
def test_bodies_that_are_refused(papi, body, headers, status, param, words):
    error = admin.refused(papi, "POST", "/admin/v1/explain", status, body, headers)
    assert words in error["message"] and error["param"] == param, error
