# SPDX-License-Identifier: Apache-2.0
"""The table of browsers, row by row, in both modes, for every kind of endpoint: what is asked, from where, and what comes of it."""

import json

import admin
import pytest
from papi_process import RawConnection, request_bytes
from stage import GOOD_TEXT, Stage, assert_error

APP = "https://app.example"
CHAT = "/v1/chat/completions"
BODY = {"model": "m-good", "messages": [{"role": "user", "content": "x"}]}
WAYS = [("GET", "/v1/models"), ("POST", CHAT), ("GET", "/v1/papi/capacity"), ("GET", "/")]

# row of the table, Host, Origin, Sec-Fetch-Site, open mode, keys mode; "own" stands for this listener
TABLE = [
    ("no Origin, loopback Host", "own", None, None, 200, 200),
    ("no Origin, localhost", "localhost", None, None, 200, 200),
    ("no Origin, listed Host", "papi.lan", None, None, 200, 200),
    ("no Origin, another Host", "papi.example", None, None, 403, 200),
    ("no Origin, address bar", "own", None, "none", 200, 200),
    ("no Origin, own page", "own", None, "same-origin", 200, 200),
    ("own Origin", "own", "own", "same-origin", 200, 200),
    ("own Origin, another Host", "papi.example", "http://papi.example", "same-origin", 403, 200),
    ("listed Origin", "own", APP, None, 200, 200),
    ("listed Origin, cross-site", "own", APP, "cross-site", 200, 200),
    ("listed Origin, same-site", "own", APP, "same-site", 200, 200),
    ("other Origin", "own", "https://evil.example", None, 403, 403),
    ("other Origin, says same-origin", "own", "https://evil.example", "same-origin", 403, 403),
    ("null Origin", "own", "null", "cross-site", 403, 403),
    ("own Origin, other scheme", "own", "https://own", None, 403, 403),
    ("no Origin, cross-site", "own", None, "cross-site", 403, 403),
    ("no Origin, same-site", "own", None, "same-site", 403, 403),
]
IDS = [row[0] for row in TABLE]


def client_key(papi, name="pupil", role="client"):
    """A key, made as `papi client add` makes it."""
    status, _, client = admin.ask(papi, "POST", "/admin/v1/clients", {"name": name, "role": role})
    assert status == 201, client
    return client["key"]


@pytest.fixture(name="modes", scope="module")
def fixture_modes(tmp_path_factory):
    """{mode: (stage, fields that every request brings)}"""
    settings = {"cors": [APP], "hosts": ["papi.lan"]}
    with Stage(tmp_path_factory.mktemp("open"), {"good": {"text": GOOD_TEXT}}, **settings) as one, \
            Stage(tmp_path_factory.mktemp("keys"), {"good": {"text": GOOD_TEXT}}, auth="keys", **settings) as other:
        yield {"open": (one, {}), "keys": (other, {"authorization": f"Bearer {client_key(other.papi)}"})}


def ask(stage, method, path, headers, host, body=None):
    with RawConnection(stage.papi.address()) as connection:
        connection.send(request_bytes(method, path, body, headers, host))
        return connection.read_response(head_only=method == "HEAD")


def fields_of(stage, host, origin, site):
    own = f"127.0.0.1:{stage.papi.port}"
    headers = {}
    if origin is not None:
        headers["origin"] = f"http://{own}" if origin == "own" else origin.replace("//own", f"//{own}")
    if site is not None:
        headers["sec-fetch-site"] = site
    return headers, own if host == "own" else host


@pytest.mark.parametrize("mode", ["open", "keys"])
@pytest.mark.parametrize("method, path", WAYS)
@pytest.mark.parametrize("row", TABLE, ids=IDS)
def test_row(modes, mode, method, path, row):
    stage, key = modes[mode]
    _, host, origin, site, in_open, in_keys = row
    expected = in_open if mode == "open" else in_keys
    headers, host = fields_of(stage, host, origin, site)
    got = ask(stage, method, path, {**headers, **key}, host, BODY if method == "POST" else None)
    assert got[0] == expected, got
    allowed = got[1].get("access-control-allow-origin")
    if expected == 403:
        assert_error(*got, 403, "origin_not_allowed", ["hosts" if origin is None and site is None or "another Host" in row[0] else "cors"])
    assert allowed == (headers.get("origin") if expected == 200 else None)


@pytest.mark.parametrize("mode", ["open", "keys"])
@pytest.mark.parametrize("row", [row for row in TABLE if row[2] is not None], ids=[row[0] for row in TABLE if row[2] is not None])
def test_preflight_follows_the_same_table(modes, mode, row):
    """A preflight carries no key, and says what the request itself would be told."""
    stage, _ = modes[mode]
    _, host, origin, site, in_open, in_keys = row
    headers, host = fields_of(stage, host, origin, site)
    status, fields, _ = ask(stage, "OPTIONS", CHAT, {**headers, "access-control-request-method": "POST",
                                                     "access-control-request-headers": "authorization"}, host)
    fine = (in_open if mode == "open" else in_keys) == 200
    assert status == (204 if fine else 403)
    assert fields.get("access-control-allow-origin") == (headers["origin"] if fine else None)
    assert fields.get("access-control-allow-headers") == ("authorization" if fine else None)


# --- with a key -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("place", [lambda key: ({"authorization": f"Bearer {key}"}, ""), lambda key: ({"authorization": f"bearer {key}"}, ""),
                                   lambda key: ({"x-api-key": key}, ""), lambda key: ({"x-goog-api-key": key}, ""),
                                   lambda key: ({"api-key": key}, ""), lambda key: ({}, f"?key={key}"),
                                   lambda key: ({"authorization": "Bearer dummy", "x-api-key": key}, "")],
                         ids=["bearer", "small letters", "x-api-key", "google", "azure", "query", "behind a dummy"])
def test_places_of_a_key(modes, place):
    stage, key = modes["keys"]
    headers, query = place(key["authorization"].removeprefix("Bearer "))
    assert ask(stage, "POST", CHAT + query, headers, "localhost", BODY)[0] == 200


@pytest.mark.parametrize("change", [lambda key: key[:-1], lambda key: key + "A", lambda key: key.upper(), lambda key: "sk-" + key,
                                    lambda key: key.replace("sk-papi-", "sk-papi-admin-"), lambda key: key[:20] + "A" + key[21:]])
def test_a_key_that_is_nearly_right(modes, change):
    stage, key = modes["keys"]
    wrong = change(key["authorization"].removeprefix("Bearer "))
    if wrong == key["authorization"].removeprefix("Bearer "):
        pytest.skip("the change changes nothing in this key")
    assert_error(*ask(stage, "GET", "/v1/models", {"authorization": f"Bearer {wrong}"}, "localhost"), 401, "invalid_api_key")


def test_right_keys_are_served_while_wrong_ones_are_slowed(modes):
    stage, key = modes["keys"]
    wrong = {"authorization": "Bearer sk-papi-" + "B" * 49}
    assert 429 in {ask(stage, "GET", "/v1/models", wrong, "localhost")[0] for _ in range(30)}
    assert ask(stage, "GET", "/v1/models", key, "localhost")[0] == 200
    large = {**BODY, "messages": [{"role": "user", "content": "x" * 100_000}]}
    assert ask(stage, "POST", CHAT, key, "localhost", large)[0] == 200


def test_what_runs_the_gateway_needs_an_admin_token(modes):
    for mode in ("open", "keys"):
        stage, _ = modes[mode]
        pupil, token = client_key(stage.papi, "someone"), client_key(stage.papi, "me", "admin")
        remote = {"x-forwarded-for": "192.0.2.9"} if mode == "keys" else {}
        for path in ("/admin/v1/status", *(["/metrics"] if remote else [])):
            assert ask(stage, "GET", path, remote, "localhost")[0] == 401
            assert ask(stage, "GET", path, {**remote, "authorization": f"Bearer {pupil}"}, "localhost")[0] == 403
            status, _, body = ask(stage, "GET", path, {**remote, "authorization": f"Bearer {token}"}, "localhost")
            assert status == 200 and body
        assert ask(stage, "GET", "/admin/v1/status", {"authorization": f"Bearer {token}", "origin": "https://evil.example"}, "localhost")[0] == 403


def test_the_socket_is_the_owners(modes):
    for mode in ("open", "keys"):
        status, _, models = admin.ask(modes[mode][0].papi, "GET", "/v1/models")
        assert status == 200 and json.dumps(models)
