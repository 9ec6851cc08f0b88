# SPDX-License-Identifier: Apache-2.0
"""Keys mode: what needs a key and what does not, how its lack is told, and that guessing is slowed without hurting anybody else."""

import json
import socket

import pytest
from papi_process import RawConnection, request_bytes, serve
from stage import assert_error

APP = "https://app.example"
CHAT = "/v1/chat/completions"
WRONG = "sk-papi-" + "A" * 49
BODY = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
PLACES = {
    "bearer": {"authorization": f"Bearer {WRONG}"}, "x-api-key": {"x-api-key": WRONG}, "google": {"x-goog-api-key": WRONG},
    "azure": {"api-key": WRONG}, "foreign": {"authorization": "Bearer sk-proj-of-another-service"}}


@pytest.fixture(name="papi", scope="module")
def fixture_papi(tmp_path_factory):
    with serve(tmp_path_factory.mktemp("keys"), {"auth": "keys", "cors": [APP], "trusted_proxies": ["127.0.0.2", "127.0.0.3"]}) as papi:
        yield papi


def ask(papi, method, path, headers=None, body=None, source=None, host="localhost"):
    """One request, from an address of one's own where one is given."""
    with RawConnection(papi.address()) as connection:
        if source is not None:
            connection.socket.close()
            connection.socket = socket.create_connection(papi.address(), timeout=20, source_address=(source, 0))
        connection.send(request_bytes(method, path, body, headers, host))
        return connection.read_response(head_only=method == "HEAD")


# --- what needs a key -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("method, path, body", [
    ("GET", "/v1/models", None), ("GET", "/v1/models/m", None), ("POST", CHAT, BODY), ("POST", "/v1/embeddings", BODY),
    ("GET", "/v1/papi/capacity", None), ("GET", "/v1/papi/explain", None), ("POST", "/v1/papi/explain", BODY),
    ("GET", "/v1/papi/requests/req-x", None)])
def test_needs_a_key(papi, method, path, body):
    status, fields, answer = ask(papi, method, path, body=body)
    assert_error(status, fields, answer, 401, "invalid_api_key", ["Authorization: Bearer sk-papi-", "papi client add"])
    assert fields["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/api/hello"])
@pytest.mark.parametrize("headers", [{}, {"origin": "https://evil.example"}, {"x-forwarded-for": "192.0.2.9"}], ids=["bare", "page", "proxy"])
def test_probes_need_none(papi, path, headers):
    assert ask(papi, "GET", path, headers, host="pod-7.cluster.example")[0] in (200, 503)


def test_the_first_look_needs_none(papi):
    assert ask(papi, "GET", "/")[0] == 200


@pytest.mark.parametrize("place", PLACES)
def test_a_wrong_key(papi, place):
    status, fields, answer = ask(papi, "GET", "/v1/models", PLACES[place], source="127.0.3.1")
    error = assert_error(status, fields, answer, 401, "invalid_api_key")
    assert fields["www-authenticate"] == "Bearer"
    assert WRONG not in json.dumps(error)


def test_metrics_are_free_for_programs_of_this_machine_only(papi):
    assert ask(papi, "GET", "/metrics")[0] == 200
    for headers, host, status in (({"x-forwarded-for": "192.0.2.9"}, "localhost", 401), ({}, "rebound.example", 401),
                                  ({"via": "1.1 proxy"}, "localhost", 401), ({"origin": "https://evil.example"}, "localhost", 403),
                                  ({"sec-fetch-site": "cross-site"}, "localhost", 403)):
        assert ask(papi, "GET", "/metrics", headers, host=host)[0] == status, headers
    assert ask(papi, "GET", "/metrics", source="127.0.0.2")[0] == 401  # a proxy that leaves no sign


def test_admin_needs_a_token_also_here(papi):
    assert_error(*ask(papi, "GET", "/admin/v1/status"), 401, "invalid_api_key")


# --- browsers and proxies come before keys ------------------------------------------------------------------------------
@pytest.mark.parametrize("headers", [{"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"},
                                     {"sec-fetch-site": "same-site"}])
def test_pages_of_others(papi, headers):
    for more in ({}, PLACES["bearer"]):
        status, fields, answer = ask(papi, "GET", "/v1/models", {**headers, **more})
        assert_error(status, fields, answer, 403, "origin_not_allowed", ["cors"])
        assert "access-control-allow-origin" not in fields


def test_a_listed_page_can_read_why(papi):
    status, fields, answer = ask(papi, "GET", "/v1/models", {"origin": APP})
    assert_error(status, fields, answer, 401, "invalid_api_key")
    assert fields["access-control-allow-origin"] == APP and fields["vary"] == "Origin"


def test_preflight_needs_no_key(papi):
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "authorization, content-type"}
    status, fields, _ = ask(papi, "OPTIONS", CHAT, {"origin": APP, "sec-fetch-site": "cross-site", **asked})
    assert status == 204 and fields["access-control-allow-origin"] == APP
    assert fields["access-control-allow-headers"] == "authorization, content-type"
    assert_error(*ask(papi, "OPTIONS", CHAT, {"origin": "https://evil.example", **asked}), 403, "origin_not_allowed", ["cors"])


@pytest.mark.parametrize("source, headers, own", [
    ("127.0.0.2", {"x-forwarded-proto": "https"}, True),
    ("127.0.0.2", {"x-forwarded-proto": "http"}, False),
    ("127.0.0.2", {}, False),
    ("127.0.0.4", {"x-forwarded-proto": "https"}, False)],
    ids=["trusted", "trusted, not TLS", "trusted, says nothing", "stranger"])
def test_own_pages_behind_a_proxy(papi, source, headers, own):
    status, fields, _ = ask(papi, "GET", "/v1/models", {"origin": "https://papi.example", **headers}, source=source, host="papi.example")
    assert status == (401 if own else 403)
    assert fields.get("access-control-allow-origin") == ("https://papi.example" if own else None)


def test_any_host_and_any_proxy_is_fine(papi):
    for headers, host in (({}, "papi.example"), ({"via": "1.1 a", "x-forwarded-for": "192.0.2.9"}, "papi.example"), ({"cf-ray": "x"}, "localhost")):
        assert ask(papi, "GET", "/v1/models", headers, host=host)[0] == 401


# --- guessing -----------------------------------------------------------------------------------------------------------
def statuses(papi, count, source, headers=None):
    return [ask(papi, "GET", "/v1/models", {**PLACES["bearer"], **(headers or {})}, source=source)[0] for _ in range(count)]


def test_guessing_is_slowed_by_address(papi):
    assert statuses(papi, 20, "127.0.4.1") == [401] * 20
    status, fields, answer = ask(papi, "GET", "/v1/models", PLACES["bearer"], source="127.0.4.1")
    error = assert_error(status, fields, answer, 429, "rate_limit_exceeded", ["127.0.4.1", "wrong keys"])
    assert fields["x-ratelimit-reset-requests"].endswith("s") and fields["x-should-retry"] == "false", fields
    assert WRONG not in json.dumps(error)
    assert statuses(papi, 1, "127.0.4.2") == [401], "another address is not meant"
    assert ask(papi, "GET", "/v1/models", source="127.0.4.1")[0] == 401, "without a key nothing is guessed"
    assert ask(papi, "GET", "/", PLACES["bearer"], source="127.0.4.1")[0] == 200
    lines = [line for line in papi.stderr_lines if "access.wrong_key" in line and "address=127.0.4.1 " in line]
    assert len(lines) == 2 and WRONG not in papi.stderr, "told when it begins and when it is too much"


def test_guessing_behind_a_proxy_is_the_clients_not_the_proxys(papi):
    assert statuses(papi, 21, "127.0.0.3", {"x-forwarded-for": "6.6.6.6, 203.0.113.1"})[-1] == 429
    assert statuses(papi, 1, "127.0.0.3", {"x-forwarded-for": "203.0.113.1"}) == [429], "whatever stands before it"
    assert statuses(papi, 1, "127.0.0.3", {"x-forwarded-for": "203.0.113.2"}) == [401]
    assert statuses(papi, 1, "127.0.0.9", {"x-forwarded-for": "203.0.113.1"}) == [401], "nobody trusted says so"
