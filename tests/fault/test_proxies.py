# SPDX-License-Identifier: Apache-2.0
"""Proxies between the gateway and a provider, played by a real little proxy: both protocols, logins, TLS through them, and every
way they can fail. Whatever the proxy does wrong is told as the proxy's, hidden by the next provider, and costs no quota."""

import json

import pytest
from authority import Authority
from faults import (FAILED, GOOD, SHORT, SHORT_QUEUE, Faulty, ask, assert_good, assert_refused, assert_settled,
                    hide_or_tell, outcomes)
from papi_process import ScriptedUpstream, answer_script, provider, run_papi, wait_for
from proxies import Proxy, Refused

KINDS = ("http", "socks5", "socks5h")
LOGIN = "user:pass word@/:%"
LOGIN_IN_URL = "user:pass%20word%40%2F%3A%25"


@pytest.fixture
def proxy():
    """proxy(kind, ...) -> Proxy, closed after the test; an assertion that failed inside of it fails the test."""
    opened = []

    def start(kind="http", **named):
        opened.append(Proxy("http" if kind == "http" else "socks5", **named))
        return opened[-1]
    yield start
    for one in opened:
        one.close()
    for one in opened:
        for failure in one.failures:
            raise failure


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    authority = Authority(tmp_path_factory.mktemp("authority"), "ours")
    return authority, authority.sign("api", "DNS:api.test"), authority.sign("local", "DNS:localhost,IP:127.0.0.1")


@pytest.fixture
def tls_upstream():
    opened = []

    def start(script, context):
        opened.append(ScriptedUpstream(script, tls=context))
        return opened[-1]
    yield start
    for server in opened:
        server.close()


def through(url, proxy_url, **more):
    return {"loops": 1, "queue": SHORT_QUEUE, "providers": {"only": provider(url, proxy=proxy_url, **more)}}


# --- the good ways ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("login", [None, LOGIN], ids=["open", "login"])
@pytest.mark.parametrize("kind", KINDS)
def test_kept_connections(start_serve, upstream, proxy, kind, login):
    """One tunnel serves one request after the other, whole and streamed. The stream comes last: its client has all of it before the
    end of the transfer has come through the proxy, so a request behind it may need another connection."""
    server = upstream(answer_script(GOOD))
    one = proxy(kind, login=login)
    papi = start_serve(through(server.url, one.url(kind, LOGIN_IN_URL if login else None)))
    for streamed in (False, False, False, True):
        assert_good(ask(papi, stream=streamed))
    assert one.accepted == server.connections == 1
    assert one.logins == [login]
    assert one.asked == [f"127.0.0.1:{server.port}"]
    assert outcomes(papi) == {"ok": 4}


def test_name_is_resolved_by_the_proxy(start_serve, upstream, proxy):
    """A name that exists for the proxy only: socks5h and CONNECT hand it over, socks5 has to ask here and finds nothing."""
    server = upstream(answer_script(GOOD))
    routes = {"api.test:80": ("127.0.0.1", server.port)}
    socks, connect = proxy("socks5h", routes=routes), proxy("http", routes=routes)
    papi = start_serve({"loops": 1, "queue": SHORT_QUEUE, "providers": {
        "named": provider("http://api.test/v1", ["named"], proxy=socks.url("socks5h")),
        "connected": provider("http://api.test/v1", ["connected"], proxy=connect.url()),
        "here": provider("http://api.test/v1", ["here"], proxy=socks.url("socks5"), timeouts={"connect": SHORT})}})
    assert_good(ask(papi, "named"))
    assert_good(ask(papi, "connected"))
    assert socks.asked == connect.asked == ["api.test:80"]
    assert socks.kinds == ["name"]
    assert b"hello" not in b"".join(connect.heads), "the proxy has read a prompt"
    answer = ask(papi, "here")
    assert "host name could not be resolved" in answer.json["error"]["message"]
    assert socks.accepted == 1


@pytest.mark.parametrize("kind", KINDS)
def test_tls_goes_through(start_serve, world, tls_upstream, proxy, kind):
    """The certificate is the origin's, whatever host the connection goes to; the proxy sees nothing of it."""
    authority, of_api, of_local = world
    server = tls_upstream(answer_script(GOOD), (of_local if kind == "socks5" else of_api).context())
    host = "localhost" if kind == "socks5" else "api.test"
    place = f"{'127.0.0.1' if kind == 'socks5' else host}:{server.port}"
    one = proxy(kind, routes={place: ("127.0.0.1", server.port)})
    papi = start_serve(through(f"https://{host}:{server.port}/v1", one.url(kind), ca_file=str(authority.file)))
    for streamed in (False, True):
        assert_good(ask(papi, stream=streamed))
    assert one.asked == [place] and one.accepted == 1


def test_certificate_of_another_host(start_serve, world, tls_upstream, proxy):
    """A proxy that leads elsewhere is found out."""
    authority, _, of_local = world
    server = tls_upstream(Faulty(lambda connection, streamed: None), of_local.context())
    one = proxy("http", routes={"api.test:443": ("127.0.0.1", server.port)})
    papi = start_serve(through("https://api.test/v1", one.url(), ca_file=str(authority.file)))
    answer = ask(papi)
    assert_refused(answer, *FAILED)
    assert "another host" in answer.json["error"]["message"]
    assert outcomes(papi) == {"tls_wrong_host": answer.attempts}


def test_providers_do_not_share_tunnels(start_serve, upstream, proxy):
    """The same upstream by two proxies, two logins and directly: five connections, none used by another."""
    server = upstream(answer_script(GOOD))
    first, second = proxy("http"), proxy("socks5h")
    urls = {"a": first.url(), "b": first.url(user="u:p"), "c": second.url("socks5h"), "d": second.url("socks5"), "e": "none"}
    papi = start_serve({"loops": 1, "providers": {name: provider(server.url, [name], proxy=url) for name, url in urls.items()}})
    for _ in range(2):
        for name in urls:
            assert_good(ask(papi, name))
    assert server.connections == 5
    assert (first.accepted, second.accepted) == (2, 2)
    assert first.logins == [None, "u:p"]


# --- whose proxy ------------------------------------------------------------------------------------------------------
def test_proxy_of_the_environment(start_serve, upstream, proxy):
    """HTTP_PROXY counts for plain origins; this machine, NO_PROXY and `proxy: none` go around it."""
    server = upstream(answer_script(GOOD))
    one = proxy("http", routes={f"{host}:80": ("127.0.0.1", server.port) for host in ("api.test", "other.test")})
    papi = start_serve({"loops": 1, "queue": SHORT_QUEUE, "providers": {
        "far": provider("http://api.test/v1", ["far"]),
        "near": provider(server.url, ["near"]),
        "around": provider("http://x.inside.test/v1", ["around"], timeouts={"connect": SHORT}),
        "none": provider("http://other.test/v1", ["none"], proxy="none", timeouts={"connect": SHORT})}},
        env={"HTTP_PROXY": one.url(), "HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": ".inside.test"})
    assert_good(ask(papi, "far"))
    assert_good(ask(papi, "near"))
    for name in ("around", "none"):
        assert "host name could not be resolved" in ask(papi, name).json["error"]["message"]
    assert one.asked == ["api.test:80"]


def test_proxy_of_the_instance_and_of_a_provider(start_serve, upstream, proxy):
    server = upstream(answer_script(GOOD))
    routes = {"api.test:80": ("127.0.0.1", server.port)}
    general, own = proxy("http", routes=routes), proxy("socks5h", routes=routes)
    papi = start_serve({"loops": 1, "proxy": general.url(), "providers": {
        "a": provider("http://api.test/v1", ["a"]),
        "b": provider("http://api.test/v1", ["b"], proxy=own.url("socks5h"))}},
        env={"HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": "elsewhere.test"})
    assert_good(ask(papi, "a"))
    assert_good(ask(papi, "b"))
    assert (general.accepted, own.accepted) == (1, 1)


# --- refusals ---------------------------------------------------------------------------------------------------------
def speaks(step, words, then=None):
    """fault: says `words` at this step, then closes, or `then`."""
    def fault(connection, now):
        if now == step:
            connection.sendall(words)
            if then is not None:
                then(connection)
            raise Refused
    return fault


def wait_for_end(connection):
    while connection.recv(65536):
        pass


REFUSALS = {
    "http-407": ("http", "asked", b"HTTP/1.1 407 X\r\nContent-Length: 2\r\n\r\n{}", "proxy_auth", "login"),
    "http-401": ("http", "asked", b"HTTP/1.1 401 X\r\nContent-Length: 2\r\n\r\n{}", "proxy_refused", "refuses to connect"),
    "http-403": ("http", "asked", b"HTTP/1.1 403 X\r\nContent-Length: 2\r\n\r\n{}", "proxy_refused", "refuses to connect"),
    "http-429": ("http", "asked", b"HTTP/1.1 429 X\r\nRetry-After: 1\r\n\r\n", "proxy_refused", "refuses to connect"),
    "http-302": ("http", "asked", b"HTTP/1.1 302 X\r\nLocation: http://a/\r\n\r\n", "proxy_refused", "refuses to connect"),
    "http-502": ("http", "asked", b"HTTP/1.1 502 X\r\nContent-Length: 2\r\n\r\n{}", "proxy_target", "could not connect"),
    "http-503": ("http", "asked", b"HTTP/1.1 503 X\r\n\r\n", "proxy_target", "could not connect"),
    "http-garbage": ("http", "asked", b"\x00\x01\x02 what", "proxy_protocol", "does not speak"),
    "http-is-socks": ("http", "accepted", b"\x05\x00", "proxy_protocol", "does not speak"),
    "http-too-long": ("http", "asked", b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 4000, "proxy_protocol", "does not speak"),
    "http-closes": ("http", "asked", b"", "proxy_protocol", "broke off"),
    "http-closes-at-once": ("http", "accepted", b"", "proxy_protocol", "broke off"),
    "http-closes-in-the-head": ("http", "asked", b"HTTP/1.1 200 OK\r\nVia", "proxy_protocol", "broke off"),
    "socks-no-method": ("socks5h", "greeted", b"\x05\xff", "proxy_auth", "login"),
    "socks-refused": ("socks5h", "asked", b"\x05\x02\x00\x01" + bytes(6), "proxy_refused", "refuses to connect"),
    "socks-failed": ("socks5h", "asked", b"\x05\x01\x00\x01" + bytes(6), "proxy_target", "could not connect"),
    "socks-unreachable": ("socks5", "asked", b"\x05\x04\x00\x01" + bytes(6), "proxy_target", "could not connect"),
    "socks-garbage": ("socks5h", "greeted", b"HTTP/1.1 400 Bad Request\r\n\r\n", "proxy_protocol", "does not speak"),
    "socks-closes": ("socks5h", "asked", b"\x05\x00\x00", "proxy_protocol", "broke off"),
    "socks-too-early": ("socks5h", "greeted", b"\x05\x00\x05\x00\x00\x01" + bytes(6), "proxy_protocol", "does not speak"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refused(start_serve, upstream, proxy, name):
    kind, step, words, outcome, sentence = REFUSALS[name]
    never = Faulty(lambda connection, streamed: connection.send("HTTP/1.1 200 OK\r\n\r\n"))
    one = proxy(kind, fault=speaks(step, words, None if "closes" in name else wait_for_end))
    url = upstream(never).url
    hide_or_tell(start_serve, upstream, None, outcome, bad=never, url=url, proxy=one.url(kind))
    message = ask(start_serve(through(url, one.url(kind)))).json["error"]["message"]
    assert message.startswith("The proxy ") and sentence in message, message
    assert never.opened == 0, "the provider was reached"
    wait_for(lambda: one.closed == one.accepted, 10, "the end of every connection to the proxy")


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_login(start_serve, upstream, proxy, kind):
    """Never "the key was refused", and neither the user nor the password stands anywhere."""
    server = upstream(answer_script(GOOD))
    one = proxy(kind, login="other:login")
    papi = start_serve(through(server.url, one.url(kind, "us3rname:s3cretw0rd")))
    answer = ask(papi)
    assert_refused(answer, *FAILED)
    assert "proxy" in answer.json["error"]["message"] and "key" not in answer.json["error"]["message"]
    assert outcomes(papi) == {"proxy_auth": answer.attempts}
    assert one.logins[0] == "us3rname:s3cretw0rd"
    assert server.connections == 0
    papi_output = papi.output()
    papi.stop()
    for word in ("us3rname", "s3cretw0rd", "dXMzcm5hbWU6czNjcmV0dzByZA"):
        assert word not in papi_output + papi.output() + answer.body.decode()


@pytest.mark.parametrize("kind, step", [("http", "accepted"), ("http", "asked"), ("socks5h", "accepted"), ("socks5h", "greeted"),
                                        ("socks5", "asked")])
def test_stalls(start_serve, upstream, proxy, kind, step):
    """Reaching the proxy and the tunnel share the time to connect."""
    one = proxy(kind, fault=speaks(step, b"", wait_for_end))
    never = Faulty(lambda connection, streamed: None)
    hide_or_tell(start_serve, upstream, None, "proxy_timeout", bad=never, url=upstream(never).url, proxy=one.url(kind),
                 timeouts={"connect": SHORT})
    wait_for(lambda: one.closed == one.accepted, 10, "the end of every connection to the proxy")


def test_drips(start_serve, upstream, proxy):
    """A byte now and then is no progress: the deadline is for the whole."""
    def fault(connection, step):
        if step == "asked":
            connection.settimeout(0.03)
            for byte in b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 1000:
                connection.sendall(bytes([byte]))
                try:
                    if not connection.recv(1):
                        raise Refused
                except TimeoutError:
                    pass
    one = proxy("http", fault=fault)
    never = Faulty(lambda connection, streamed: None)
    hide_or_tell(start_serve, upstream, None, "proxy_timeout", bad=never, url=upstream(never).url, proxy=one.url(),
                 timeouts={"connect": SHORT})


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_listens(start_serve, upstream, dead_port, kind):
    never = Faulty(lambda connection, streamed: None)
    hide_or_tell(start_serve, upstream, None, "proxy_unreachable", bad=never, url=upstream(never).url,
                 proxy=f"{kind}://127.0.0.1:{dead_port}")


@pytest.mark.parametrize("kind", KINDS)
def test_provider_refuses_the_proxy(start_serve, upstream, proxy, dead_port, kind):
    one = proxy(kind)
    hide_or_tell(start_serve, upstream, None, "proxy_target", bad=Faulty(None), url=f"http://127.0.0.1:{dead_port}/v1",
                 proxy=one.url(kind))
    assert set(one.asked) == {f"127.0.0.1:{dead_port}"}


def test_tunnel_ends_before_tls(start_serve, world, upstream, proxy):
    """After its 200 the proxy is out of the story."""
    def fault(connection, step):
        if step == "open":
            raise Refused
    one = proxy("http", fault=fault)
    never = Faulty(lambda connection, streamed: None, read_request=False)
    hide_or_tell(start_serve, upstream, None, "tls_failed", bad=Faulty(None), also=("reset",), proxy=one.url(),
                 url=f"https://localhost:{upstream(never).port}/v1", ca_file=str(world[0].file))


def test_kept_tunnel_is_replayed(start_serve, upstream, proxy):
    """A tunnel that the proxy closed while it was idle costs nothing but a new one."""
    server = upstream(answer_script(GOOD))
    one = proxy("http")
    papi = start_serve(through(server.url, one.url()))
    assert_good(ask(papi))
    one.hang_up()
    wait_for(lambda: one.closed == 1, 10, "the end of the first tunnel")
    assert_good(ask(papi))
    assert one.accepted == 2
    assert outcomes(papi) == {"ok": 2}


# --- what may be reached ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", KINDS)
def test_forbidden_addresses_stay_forbidden(start_serve, proxy, kind):
    one = proxy(kind)
    papi = start_serve(through("http://192.0.2.1/v1", one.url(kind)))
    answer = ask(papi)
    assert_refused(answer, *FAILED)
    assert outcomes(papi) == {"address_forbidden": answer.attempts}
    assert_settled(papi)
    assert one.accepted == 0


@pytest.mark.parametrize("url", ["http://u%3Ax:s3cret@h:1", "socks5://:s3cret@h:1", f"http://{'u' * 256}:s3cret@h:1", "https://u:s3cret@h:1"])
def test_unusable_urls_are_found_before_the_start(tmp_path, url):
    file = tmp_path / "papi.yaml"
    file.write_text(json.dumps({"providers": {"only": provider("http://api.test/v1", proxy=url)}}))
    done = run_papi("check", "--config", file)
    assert done.returncode == 1
    assert "proxy" in done.stderr and "s3cret" not in done.stdout + done.stderr
