# SPDX-License-Identifier: Apache-2.0
"""Requests made from /openapi.json, good, nearly good and hostile: never a 500, every answer as described.

Requests are drawn from the described parameters and bodies, then spoiled in places. Runs are the same each time (derandomized), so
that a failure here is a failure everywhere; PAPI_PROPERTY_EXAMPLES asks for more of them.
"""

import json
import os
import string
import urllib.parse

import pytest

import admin
import description
import papi_process

hypothesis = pytest.importorskip("hypothesis", reason="tests/requirements.txt has it: run scripts/setup --test")
from hypothesis import strategies as st  # noqa: E402  pylint: disable=wrong-import-position,ungrouped-imports

EXAMPLES = int(os.environ.get("PAPI_PROPERTY_EXAMPLES", "400"))
HOSTILE_TEXTS = ["", "0", "-1", "1e99", "null", "' OR 1=1 --", "../../etc/passwd", "%", "%zz", "\u0000", "\ud7ff", "é" * 40,
                 "a" * 300, "req-", "true", "9" * 40, "r-0-0", "r-ffffffffffffffff-0", "u-1-1", "2026-11-24T10:11:12Z",
                 "2026-13-45T99:99:99Z", "*", "{id}", "\r\nx: y"]


def texts():
    return st.one_of(st.sampled_from(HOSTILE_TEXTS), st.text(max_size=20),
                     st.text(string.ascii_letters + string.digits + "-_./", min_size=1, max_size=20))


def anything():
    leaf = st.one_of(st.none(), st.booleans(), st.integers(-2**70, 2**70), st.floats(allow_nan=False, allow_infinity=False),
                     texts())
    return st.recursive(leaf, lambda inner: st.one_of(st.lists(inner, max_size=3),
                                                      st.dictionaries(texts(), inner, max_size=3)), max_leaves=5)


class Drawer:
    """Values of schemas of one description."""

    def __init__(self, described):
        self.schemas = described.document["components"]["schemas"]

    def good(self, schema):
        if "$ref" in schema:
            return self.good(self.schemas[schema["$ref"].rsplit("/", 1)[1]])
        if "anyOf" in schema:
            return st.one_of([self.good(inner) for inner in schema["anyOf"]])
        if "enum" in schema:
            return st.sampled_from(schema["enum"])
        kinds = schema.get("type")
        kinds = kinds if isinstance(kinds, list) else [kinds]
        return st.one_of([self.of_kind(kind, schema) for kind in kinds])

    def of_kind(self, kind, schema):
        if kind == "string" and schema.get("format") == "date-time":
            return st.datetimes().map(lambda when: when.strftime("20%y-%m-%dT%H:%M:%SZ"))
        if kind == "string":
            most = min(schema.get("maxLength", 30), 30)
            return st.one_of(st.text(string.ascii_letters + string.digits + " .:-_/", min_size=schema.get("minLength", 0),
                                     max_size=most), st.sampled_from(["auto", "test-model", "lab"]))
        if kind == "integer":
            least = schema.get("minimum", 0)
            return st.one_of(st.integers(least, schema.get("maximum", least + 1000)), st.just(least))
        if kind == "object":
            required = {name: self.good(inner) for name, inner in schema.get("properties", {}).items()
                        if name in schema["required"]}
            optional = {name: self.good(inner) for name, inner in schema.get("properties", {}).items()
                        if name not in schema["required"]}
            return st.fixed_dictionaries(required, optional=optional)
        if kind == "array":
            return st.lists(self.good(schema["items"]), max_size=3)
        return {"boolean": st.booleans(), "null": st.none(), "number": st.floats(0, 2)}.get(kind, anything())


@st.composite
def spoiled(draw, value):
    """The body with one place changed."""
    if not isinstance(value, dict):
        return draw(anything())
    value = dict(value)
    name = draw(st.one_of(st.sampled_from(sorted(value)), texts()) if value else texts())
    how = draw(st.sampled_from(["remove", "replace", "inside"]))
    if how == "remove":
        value.pop(name, None)
    elif how == "inside" and isinstance(value.get(name), dict):
        value[name] = draw(spoiled(value[name]))
    else:
        value[name] = draw(anything())
    return value


def as_text(value):
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


@st.composite
def requests(draw, described, operations):
    """(method, path with query, body bytes or None, headers)"""
    drawer = Drawer(described)
    method, template = draw(st.sampled_from(operations))
    operation = described.operations[(method, template)]
    path, query = template, []
    for parameter in operation["parameters"]:
        value = draw(st.one_of(drawer.good(parameter["schema"]), texts()))
        quoted = urllib.parse.quote(as_text(value), safe="", errors="surrogatepass")
        if parameter["in"] == "path":
            path = path.replace("{" + parameter["name"] + "}", quoted or "x")
        elif draw(st.integers(0, 2)) == 0:
            query.append(f"{parameter['name']}={quoted}")
    if draw(st.integers(0, 9)) == 0:
        query.append(urllib.parse.quote(draw(texts()), safe="=", errors="surrogatepass"))
    if query:
        path += "?" + "&".join(query)
    if "requestBody" not in operation:
        return method, path, b"{}" if draw(st.integers(0, 19)) == 0 else None, {}
    body = draw(drawer.good(operation["requestBody"]["content"]["application/json"]["schema"]))
    if draw(st.booleans()):
        body = draw(spoiled(body))
    data = json.dumps(body).encode()
    if draw(st.integers(0, 19)) == 0:
        data = data[: draw(st.integers(0, len(data)))] + draw(st.binary(max_size=4))
    kind = draw(st.sampled_from(["application/json"] * 9 + ["text/plain"]))
    return method, path, data, {"content-type": kind}


class Asker:
    """Asks on one kept connection, again on a new one when it was closed."""

    def __init__(self, connect, headers):
        self.connect, self.headers, self.connection = connect, headers, None

    def ask(self, method, path, body, headers):
        headers = {**self.headers, **headers, "content-length": str(len(body or b""))}
        data = papi_process.request_bytes(method, path, None, headers) + (body or b"")
        self.connection = self.connection or self.connect()
        status, fields, answer = self.connection.send(data).read_response()
        if fields.get("connection", "").lower() == "close":
            self.close()
        return status, fields, answer

    def close(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None


def run(papi, asker, operations, seen):
    described = description.of(papi)

    @hypothesis.settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
                         suppress_health_check=list(hypothesis.HealthCheck))
    @hypothesis.given(requests(described, [o for o in described.operations if operations(*o)]))
    def check(drawn):
        method, path, body, headers = drawn
        status, fields, answer = asker.ask(method, path, body, headers)
        assert status != 500, (drawn, answer)
        answer = json.loads(answer) if fields["content-type"].startswith("application/json") else answer.decode()
        described.check(method, path, status, fields, answer)
        seen.setdefault(path.split("?")[0] if "{" not in path else path, set()).add(status)

    try:
        check()  # pylint: disable=no-value-for-parameter
    finally:
        asker.close()
    assert papi.process.poll() is None


def is_admin(_method, path):
    return path.startswith("/admin/")


@pytest.fixture
def papi(start_serve, upstream):
    return start_serve({"providers": {"lab": papi_process.provider(upstream().url)}})


def test_admin_by_the_socket(papi):
    seen = {}
    run(papi, Asker(lambda: admin.UnixConnection(admin.socket_path(papi)), {}), is_admin, seen)
    statuses = set().union(*seen.values())
    assert {200, 400} <= statuses, statuses


def test_admin_over_tcp_with_a_token(papi):
    """Ids are drawn from texts, so the token never revokes itself."""
    own = admin.token(papi)
    seen = {}
    headers = {"authorization": f"Bearer {own}"}
    run(papi, Asker(lambda: papi_process.RawConnection(papi.address()), headers), is_admin, seen)
    statuses = set().union(*seen.values())
    assert {200, 400} <= statuses and 401 not in statuses, statuses


def test_admin_over_tcp_without_a_token(papi):
    seen = {}
    run(papi, Asker(lambda: papi_process.RawConnection(papi.address()), {}), is_admin, seen)
    assert set().union(*seen.values()) <= {400, 401, 429}


def test_the_api_over_tcp(papi):
    seen = {}
    run(papi, Asker(lambda: papi_process.RawConnection(papi.address()), {}), lambda m, p: not is_admin(m, p), seen)
    assert {200, 400, 404} <= set().union(*seen.values())
