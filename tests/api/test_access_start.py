# SPDX-License-Identifier: Apache-2.0
"""Where a gateway may listen, and what it says when it may not; who is served over which way; what strangers cannot fill."""

import json
import pathlib
import re
import signal
import socket

import pytest
from papi_process import PapiProcess, RawConnection, provider, request, request_bytes, run_papi, serve, wait_for
from stage import assert_error

ROOT = pathlib.Path(__file__).resolve().parents[2]
KEYS = {"auth": "keys"}
NEEDS_KEYS = "whoever reaches it could spend your quota. Set auth: keys"
NEEDS_TLS = "keys would travel there unencrypted. Name the proxy"
BEYOND = ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "[2001:db8::1]:0", "[::ffff:192.0.2.1]:0"]


def outer_address():
    """An address of this machine that is not a loopback one; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.77", 9))
        except OSError:
            return None
        return probe.getsockname()[0]


OUTER = outer_address()
NEEDS_NETWORK = pytest.mark.skipif(OUTER is None or OUTER.startswith("127."), reason="this machine has loopback addresses only")


def start(tmp_path, listen, settings, env=None, option=True):
    """`papi serve` with an address as option or setting; ends by itself where it is refused."""
    file = tmp_path / "papi.yaml"
    file.write_text(json.dumps(settings if option else {**settings, "listen": listen}))
    return ["serve", "--config", file, "--data", tmp_path / "data", *(["--listen", listen] if option else [])], env


@pytest.mark.parametrize("option", [True, False], ids=["option", "setting"])
@pytest.mark.parametrize("listen", BEYOND)
@pytest.mark.parametrize("settings, words", [
    ({}, NEEDS_KEYS), ({"insecure_http": True}, NEEDS_KEYS), ({"trusted_proxies": ["10.0.0.7"]}, NEEDS_KEYS), (KEYS, NEEDS_TLS)],
    ids=["open", "open insecure", "open proxies", "keys"])
def test_refused_beyond_loopback(tmp_path, listen, settings, words, option):
    arguments, env = start(tmp_path, listen, settings, option=option)
    done = run_papi(*arguments, env=env)
    assert done.returncode == 1 and words in done.stderr and listen in done.stderr, done.stderr
    assert "listening on" not in done.stdout
    assert not (tmp_path / "data").exists(), "a start that is refused makes nothing"
    if not option:
        checked = run_papi("check", "--config", tmp_path / "papi.yaml")
        assert checked.returncode == 1 and words in checked.stderr


def test_refused_by_the_environment(tmp_path):
    done = run_papi("serve", "--data", tmp_path / "data", env={"PAPI_LISTEN": "0.0.0.0:0", "HOME": str(tmp_path)}, cwd=tmp_path)
    assert done.returncode == 1 and "PAPI_LISTEN=0.0.0.0:0" in done.stderr and NEEDS_KEYS in done.stderr


@pytest.mark.parametrize("listen, words", [
    ("papi.example:80", "not a host name"), (":7274", "must name its address"), ("7274", "ADDRESS:PORT"), ("127.0.0.1", "ADDRESS:PORT")])
def test_no_address(tmp_path, listen, words):
    """Names may mean another address tomorrow."""
    done = run_papi("serve", "--data", tmp_path / "data", "--listen", listen, env={"HOME": str(tmp_path)}, cwd=tmp_path)
    assert done.returncode == 2 and words in done.stderr


@pytest.mark.parametrize("settings, words", [
    ({**KEYS, "insecure_http": True}, "plain HTTP lets others read"), ({**KEYS, "trusted_proxies": ["10.0.0.7"]}, "trusted_proxies only")])
@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0"])
def test_served_beyond_loopback(tmp_path, listen, settings, words):
    arguments, env = start(tmp_path, listen, settings)
    with PapiProcess(arguments, env=env) as papi:
        assert words in papi.stdout
        papi.host = "127.0.0.1"
        assert request(papi, "GET", "/healthz")[0] == 200
        assert_error(*request(papi, "GET", "/v1/models"), 401, "invalid_api_key")


@NEEDS_NETWORK
@pytest.mark.parametrize("settings, plain", [
    ({"insecure_http": True}, True), ({"trusted_proxies": ["10.0.0.7"]}, False), ({"trusted_proxies": [f"{OUTER}/32"]}, True)],
    ids=["insecure", "another proxy", "trusted proxy"])
@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0"])
def test_plain_http_over_the_network(tmp_path, settings, plain, listen):
    """A key that a stranger could read on the way is refused before it is looked up."""
    arguments, env = start(tmp_path, listen, {**KEYS, **settings})
    with PapiProcess(arguments, env=env) as papi:
        papi.host = OUTER
        assert request(papi, "GET", "/healthz")[0] == 200
        status, fields, body = request(papi, "GET", "/v1/models")
        if plain:
            assert_error(status, fields, body, 401, "invalid_api_key")
        else:
            assert_error(status, fields, body, 403, "origin_not_allowed", [OUTER, "insecure_http", "trusted_proxies"])


# --- a reload ---------------------------------------------------------------------------------------------------------
def reload(papi, file, settings, event):
    """HUP with another configuration; waits for its end."""
    def ended():
        return [line for line in papi.stderr_lines if f" {event} " in line]
    before = len(ended())
    file.write_text(json.dumps(settings))
    papi.process.send_signal(signal.SIGHUP)
    wait_for(lambda: len(ended()) > before, 30, event)


def test_settings_of_access_are_reloaded(tmp_path):
    page = {"origin": "https://app.example"}
    file = tmp_path / "papi.yaml"
    with serve(tmp_path, {}) as papi:
        assert request(papi, "GET", "/v1/models", headers=page)[0] == 403
        reload(papi, file, {"cors": ["https://app.example"]}, "reload.done")
        assert request(papi, "GET", "/v1/models", headers=page)[0] == 200
        reload(papi, file, {"hosts": ["papi.lan"]}, "reload.done")
        assert request(papi, "GET", "/v1/models", headers=page)[0] == 403
        with RawConnection(papi.address()) as connection:
            assert connection.send(request_bytes("GET", "/v1/models", host="papi.lan")).read_response()[0] == 200


def test_trusted_proxies_are_reloaded(tmp_path):
    own = {"origin": "https://localhost", "x-forwarded-proto": "https"}
    with serve(tmp_path, KEYS) as papi:
        assert request(papi, "GET", "/v1/models", headers=own)[0] == 403
        reload(papi, tmp_path / "papi.yaml", {**KEYS, "trusted_proxies": ["127.0.0.1"]}, "reload.done")
        assert request(papi, "GET", "/v1/models", headers=own)[0] == 401
        reload(papi, tmp_path / "papi.yaml", {}, "reload.done")
        assert request(papi, "GET", "/v1/models")[0] == 401, "keys are needed until a restart"
        assert "a new auth takes effect after a restart" in papi.stderr


@pytest.mark.parametrize("settings, words", [({}, NEEDS_KEYS), ({"auth": "open", "listen": "127.0.0.1:0"}, NEEDS_KEYS), (KEYS, NEEDS_TLS)],
                         ids=["no auth", "another address in the file", "no TLS"])
def test_a_reload_never_opens_an_address_to_strangers(tmp_path, settings, words):
    """The address stays what it was at the start, so what the file says of another one does not count."""
    arguments, env = start(tmp_path, "0.0.0.0:0", {**KEYS, "insecure_http": True})
    with PapiProcess(arguments, env=env) as papi:
        papi.host = "127.0.0.1"
        reload(papi, tmp_path / "papi.yaml", settings, "reload.failed")
        assert words in papi.stderr
        assert_error(*request(papi, "GET", "/v1/models"), 401, "invalid_api_key")


# --- what strangers cannot fill ---------------------------------------------------------------------------------------
def test_all_bodies_together_are_capped(tmp_path):
    """Beyond the cap a 503 that says when to come back; then room again. The body is larger than what sockets hold: once it is sent,
    most of it has been read."""
    config = {"limits": {"body": "32MiB", "bodies": "40MiB"}, "providers": {"lab": provider("http://127.0.0.1:9/v1")}}
    half = request_bytes("POST", "/v1/chat/completions", b" " * (24 << 20), {"content-type": "application/json"})
    with serve(tmp_path, config) as papi, RawConnection(papi.address()) as first:
        def answer():
            with RawConnection(papi.address()) as other:
                return other.send(half).read_response()

        first.send(half[:-1])
        status, fields, body = answer()
        assert_error(status, fields, body, 503, "service_unavailable", ["memory"])
        assert int(fields["retry-after"]) >= 1
        assert first.send(b" ").read_response()[0] == 400, "the first is not hurt"
        wait_for(lambda: answer()[0] == 400, what="room given back")


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer sk-papi-wrong"}, {"x-api-key": "sk-other"}], ids=["none", "wrong", "foreign"])
def test_bodies_without_a_key_are_not_kept(tmp_path, headers):
    """Strangers cannot use up the room for bodies: they are refused at the head, whatever they go on to send."""
    with serve(tmp_path, {**KEYS, "limits": {"body": "32MiB", "bodies": "1MiB"}}) as papi:
        for framing in ({"content-length": str(24 << 20)}, {"transfer-encoding": "chunked"}):
            with RawConnection(papi.address()) as connection:
                connection.send(request_bytes("POST", "/v1/chat/completions", None,
                                              {"content-type": "application/json", **headers, **framing}))
                assert_error(*connection.read_response(), 401, "invalid_api_key")
        whole = request_bytes("POST", "/v1/chat/completions", b" " * (4 << 20), {"content-type": "application/json", **headers})
        with RawConnection(papi.address()) as connection:
            assert_error(*connection.send(whole).read_response(), 401, "invalid_api_key")
            assert connection.send(request_bytes("GET", "/healthz")).read_response()[0] == 200, "the body was passed over"
        with RawConnection(papi.address()) as connection:
            connection.send(request_bytes("POST", "/v1/chat/completions", None, {
                "content-type": "application/json", "content-length": "100000", "expect": "100-continue", **headers}))
            assert connection.read_response()[0] == 401, "asked before it sent anything"


def test_a_stranger_that_leaves_while_sending(tmp_path):
    with serve(tmp_path, KEYS) as papi:
        for size in (0, 100, 100_000):
            with RawConnection(papi.address()) as connection:
                connection.send(request_bytes("POST", "/v1/chat/completions", None, {"content-type": "application/json",
                                                                                      "content-length": "200000"}) + b" " * size)
        assert request(papi, "GET", "/healthz")[0] == 200


def test_the_threat_model_names_tests_that_exist():
    text = (ROOT / "docs" / "threat-model.md").read_text()
    named = set(re.findall(r"\b((?:unit|api|fault)/[\w/]+\.(?:c|py))", text))
    assert len(named) > 20
    assert [name for name in sorted(named) if not (ROOT / "tests" / name).exists()] == []
