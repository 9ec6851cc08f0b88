# SPDX-License-Identifier: Apache-2.0
"""What a web page may and may not do with a gateway that runs without keys on the user's own machine (product table)."""

import pytest

from papi_process import RawConnection, request, request_bytes
from stage import GOOD_TEXT, Stage, assert_error

CHAT = "/v1/chat/completions"
BODY = {"model": "m-good", "messages": [{"role": "user", "content": "x"}]}
APP = "https://app.example"
EXPOSED = {"x-request-id", "request-id", "retry-after", "retry-after-ms", "x-papi-provider", "x-papi-model", "x-papi-attempts",
           "x-papi-warning"}
WAYS = pytest.mark.parametrize("method, path", [("GET", "/v1/models"), ("POST", CHAT), ("GET", "/metrics"), ("GET", "/")])


@pytest.fixture(name="stage", scope="module")
def fixture_stage(tmp_path_factory):
    with Stage(tmp_path_factory.mktemp("browsers"), {"good": {"text": GOOD_TEXT}, "bad": {"always": "500"}},
               cors=[APP, "http://localhost:3000"], hosts=["papi.test"]) as stage:
        yield stage
        stage.assert_alive()


def ask(stage, method="POST", path=CHAT, headers=None, host=None, body=None):
    with RawConnection(stage.papi.address()) as connection:
        body = body if body is not None else (BODY if method == "POST" else None)
        connection.send(request_bytes(method, path, body, headers, host or own_host(stage)))
        return connection.read_response(head_only=method == "HEAD")


def own_host(stage):
    return f"127.0.0.1:{stage.papi.port}"


def words(value):
    return {word.strip().lower() for word in value.split(",")}


def served(got, origin=None):
    assert got[0] == 200, got
    check_cors(got[1], origin)
    return got


def check_cors(headers, origin):
    if origin is None:
        assert not [name for name in headers if name.startswith("access-control-")], headers
        return
    assert headers["access-control-allow-origin"] == origin
    assert "origin" in words(headers["vary"])
    assert EXPOSED <= words(headers["access-control-expose-headers"]), headers
    assert "access-control-allow-credentials" not in headers


def refused(got, cure):
    assert_error(*got, 403, "origin_not_allowed", [cure])
    check_cors(got[1], None)


# --- the table --------------------------------------------------------------------------------------------------------
@WAYS
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "LOCALHOST", "127.0.0.2", "127.255.255.254", "app.localhost",
                                  "papi.test", "PAPI.test"])
def test_programs_by_a_loopback_name(stage, method, path, host):
    served(ask(stage, method, path, host=f"{host}:{stage.papi.port}"))
    served(ask(stage, method, path, host=host))


@WAYS
@pytest.mark.parametrize("host", ["evil.example", "127.evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "127.0.0.1evil",
                                  "evil.example:7274", "192.0.2.1", "0.0.0.0", "[2001:db8::1]", "[::ffff:192.0.2.1]", "localhost.",
                                  "127.1.x", "papi.test.evil.example", "notlocalhost", "10.0.0.1", "127.0.0.256"])
def test_a_rebound_name(stage, method, path, host):
    """A page whose name now points at 127.0.0.1 sends its own name as Host, and its own origin besides."""
    refused(ask(stage, method, path, host=host), "Host")
    name = host if ":" in host and not host.startswith("[") else f"{host}:{stage.papi.port}"
    got = ask(stage, method, path, {"origin": f"http://{name}", "sec-fetch-site": "same-origin"}, host=name)
    refused(got, "Host")


@WAYS
def test_own_pages(stage, method, path):
    for host in (own_host(stage), f"localhost:{stage.papi.port}", f"papi.test:{stage.papi.port}"):
        origin = f"http://{host}"
        served(ask(stage, method, path, {"origin": origin, "sec-fetch-site": "same-origin"}, host=host), origin)


@WAYS
@pytest.mark.parametrize("origin", [APP, "http://localhost:3000"])
@pytest.mark.parametrize("site", ["cross-site", "same-site", None])
def test_listed_origin(stage, method, path, origin, site):
    served(ask(stage, method, path, {"origin": origin, **({"sec-fetch-site": site} if site else {})}), origin)


@WAYS
@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:3001", "http://app.example", "https://app.example:8443",
                                    "https://app.example.evil.example", "https://evil.example/https://app.example", "http://localhost",
                                    "http://127.0.0.1", "file://", "chrome-extension://abc", "https://APP.example.", "x", ""])
def test_any_other_origin(stage, method, path, origin):
    for more in ({}, {"authorization": "Bearer sk-anything"}, {"sec-fetch-site": "same-origin"}):
        refused(ask(stage, method, path, {"origin": origin, **more}), "cors")


@WAYS
@pytest.mark.parametrize("site", ["cross-site", "same-site", "Cross-Site"])
def test_another_site_without_an_origin(stage, method, path, site):
    """An image or a script tag sends no Origin, but the browser says where it comes from."""
    refused(ask(stage, method, path, {"sec-fetch-site": site, "sec-fetch-mode": "no-cors"}), "cors")


@WAYS
@pytest.mark.parametrize("site", ["none", "same-origin"])
def test_the_address_bar_and_own_pages_without_origin(stage, method, path, site):
    served(ask(stage, method, path, {"sec-fetch-site": site}))


def test_two_origins(stage):
    """A second Origin field must not hide the first."""
    with RawConnection(stage.papi.address()) as connection:
        connection.send(f"GET /v1/models HTTP/1.1\r\nhost: {own_host(stage)}\r\norigin: {APP}\r\norigin: https://evil.example\r\n\r\n")
        assert connection.read_response()[0] in (400, 403)


# --- preflight --------------------------------------------------------------------------------------------------------
ASKED = "authorization, content-type, x-stainless-arch, x-stainless-retry-count, x-stainless-helper-method"


@pytest.mark.parametrize("path, method", [(CHAT, "POST"), ("/v1/models", "GET"), ("/v1/models/m-good", "GET")])
def test_preflight(stage, path, method):
    status, headers, body = ask(stage, "OPTIONS", path, {
        "origin": APP, "access-control-request-method": method, "access-control-request-headers": ASKED,
        "sec-fetch-site": "cross-site"})
    assert status == 204 and body == b""
    assert headers["access-control-allow-origin"] == APP
    assert "origin" in words(headers["vary"])
    assert {"get", "post", "delete", "options"} <= words(headers["access-control-allow-methods"])
    assert words(headers["access-control-allow-headers"]) == words(ASKED), "an echo: * does not cover Authorization"
    assert int(headers["access-control-max-age"]) > 0
    assert "content-length" not in headers


def test_preflight_of_a_foreign_origin(stage):
    refused(ask(stage, "OPTIONS", CHAT, {"origin": "https://evil.example", "access-control-request-method": "POST",
                                         "access-control-request-headers": ASKED}), "cors")


def test_preflight_of_a_rebound_name(stage):
    refused(ask(stage, "OPTIONS", CHAT, {"origin": "http://evil.example:7274", "access-control-request-method": "POST"},
                host="evil.example:7274"), "Host")


def test_preflight_echo_is_clean(stage):
    """What is echoed are field names; anything else would be a way to write into our head."""
    status, headers, _ = ask(stage, "OPTIONS", CHAT, {"origin": APP, "access-control-request-method": "POST",
                                                      "access-control-request-headers": "x-a, x-b\tx-c, caf\xe9"})
    assert status in (204, 400)
    assert all(character.isascii() and character >= " " for character in headers.get("access-control-allow-headers", ""))


def test_options_of_a_program(stage):
    status, headers, _ = ask(stage, "OPTIONS", CHAT)
    assert status == 204 and words(headers["allow"]) == {"post", "options"}


def test_preflight_with_private_network(stage):
    """Chrome asks before a public page may call a private address; the answer follows the same table."""
    status, headers, _ = ask(stage, "OPTIONS", CHAT, {"origin": APP, "access-control-request-method": "POST",
                                                      "access-control-request-private-network": "true"})
    assert status == 204 and headers["access-control-allow-origin"] == APP


# --- errors and streams for pages -------------------------------------------------------------------------------------
@pytest.mark.parametrize("method, path, body, status", [
    ("POST", CHAT, {**BODY, "model": "m-nothing"}, 404),
    ("POST", CHAT, b"{", 400),
    ("POST", CHAT, {**BODY, "model": "m-bad"}, 502),
    ("GET", "/v1/models/nothing", None, 404),
    ("GET", "/v1/nothing", None, 404),
    ("POST", "/v1/embeddings", {}, 400),
    ("DELETE", CHAT, None, 405),
    pytest.param("POST", CHAT, b" " * (33 << 20), 413, id="too large"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_errors_can_be_read_by_the_page(stage, method, path, body, status):
    """Without these fields a page sees a network error instead of the reason (wire 1.9)."""
    got = ask(stage, method, path, {"origin": APP, "content-type": "application/json"}, body=body)
    assert got[0] == status
    check_cors(got[1], APP)


def test_streams_can_be_read_by_the_page(stage):
    got = served(ask(stage, headers={"origin": APP}, body={**BODY, "stream": True}), APP)
    assert got[1]["content-type"].startswith("text/event-stream")


# --- signs of a proxy -------------------------------------------------------------------------------------------------
@WAYS
@pytest.mark.parametrize("field, value", [
    ("forwarded", "for=192.0.2.1"), ("x-forwarded-for", "192.0.2.1"), ("x-forwarded-host", "papi.example"),
    ("x-forwarded-proto", "https"), ("x-forwarded-port", "443"), ("x-forwarded-server", "a"), ("via", "1.1 proxy"),
    ("x-real-ip", "192.0.2.1"), ("cf-connecting-ip", "192.0.2.1"), ("cf-ray", "x"), ("CF-Visitor", "{}"), ("X-Forwarded-For", ""),
])
def test_signs_of_a_proxy(stage, method, path, field, value):
    """Somebody put this port on a network: refused with the cure, whoever asks."""
    for more in ({}, {"authorization": "Bearer x"}, {"origin": APP}):
        status, headers, body = ask(stage, method, path, {field: value, **more})
        assert_error(status, headers, body, 403, "origin_not_allowed", ["proxy", "keys"])


# --- content types ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("value", ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON", "application/vnd.api+json",
                                   "application/json;charset=UTF-8"])
def test_json_types(stage, value):
    served(ask(stage, headers={"content-type": value}))


@pytest.mark.parametrize("value", ["text/plain", "application/x-www-form-urlencoded", "", "text/html", "application/xml",
                                   "text/plain; x=json", "text/plain;application/json", "application/jsonp", "x-json/plain", "json"])
def test_types_a_form_can_send(stage, value):
    """A form of any page can post these without asking first; also when a parameter says json (Fetch: simple requests)."""
    got = ask(stage, headers={"content-type": value})
    assert_error(*got, 415, "unsupported_media_type", ["application/json"])


def test_no_type_at_all(stage):
    with RawConnection(stage.papi.address()) as connection:
        connection.send(f"POST {CHAT} HTTP/1.1\r\nhost: {own_host(stage)}\r\ncontent-length: 2\r\n\r\n{{}}")
        assert_error(*connection.read_response(), 415, "unsupported_media_type", ["missing", "application/json"])


def test_probes_are_for_everyone(stage):
    """Liveness says nothing and is asked for by machines that know no rules."""
    for path in ("/healthz", "/readyz"):
        status, headers, _ = ask(stage, "GET", path, {"x-forwarded-for": "192.0.2.1"}, host="pod-7.cluster.example")
        assert status == 200
        check_cors(headers, None)


def test_any_key_is_accepted(stage):
    """Open mode: clients that insist on a key may send what they like, in any of the usual places."""
    for headers in ({"authorization": "Bearer sk-x"}, {"authorization": "Basic eDp5"}, {"x-api-key": "x"}, {"x-goog-api-key": "x"},
                    {"authorization": ""}):
        served(ask(stage, headers=headers))
    assert request(stage.papi, "POST", CHAT + "?key=abc", BODY)[0] == 200
