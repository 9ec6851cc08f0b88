# SPDX-License-Identifier: Apache-2.0
"""Case 27 of the fault list: TLS to an upstream. Certificates come from an own authority made by the openssl command when
the suite runs. Every failure is closed, under its own name, and hidden by the next provider."""

import dataclasses
import json
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import threading
import time

import pytest
from authority import Authority, Certificate, openssl
from faults import (FAILED, GOOD, PART, SHORT, Faulty, answer_with, ask, assert_broken, assert_good, assert_refused, assert_settled,
                    begin_stream, cancel_seconds, chat_request, end, head_text, outcomes, stream_text)
from papi_process import RawConnection, ScriptedUpstream, answer_script, provider, wait_for


@dataclasses.dataclass
class World:
    """An authority the gateway is told of, one it is not, and what they signed."""
    ours: Authority
    other: Authority
    certificates: dict

    def __getattr__(self, name):
        return self.certificates[name]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("authority")
    ours, other = Authority(folder, "ours"), Authority(folder, "other")
    lonely = folder / "lonely"
    openssl(folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=localhost", "-days", "9",
            "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", f"{lonely}.key", "-out", f"{lonely}.pem")
    return World(ours, other, {
        "good": ours.sign("good"),
        "expired": ours.sign("expired", dates=("20200101000000Z", "20200201000000Z")),
        "future": ours.sign("future", dates=("20400101000000Z", "20410101000000Z")),
        "wrong_host": ours.sign("wrong_host", "DNS:elsewhere.example,IP:127.0.0.2"),
        "wildcard": ours.sign("wildcard", "DNS:*,DNS:*host"),
        "no_names": ours.sign("localhost", "email:localhost@example.com"),
        "unknown": other.sign("unknown"),
        "self_signed": Certificate(pathlib.Path(f"{lonely}.key"), pathlib.Path(f"{lonely}.pem")),
    })


@pytest.fixture
def tls_upstream():
    """tls_upstream(script, context): a server whose handshakes may fail without failing the test."""
    opened = []

    def start(script, context):
        opened.append(ScriptedUpstream(script, tls=context))
        return opened[-1]
    yield start
    for server in opened:
        server.close()
    for server in opened:
        for failure in server.failures:
            raise failure


def by_address(server):
    return f"https://127.0.0.1:{server.port}/v1"


def never(connection, streamed):
    raise AssertionError("a request was sent over a connection that must not be trusted")


# --- the good ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("address", [None, by_address], ids=["name", "address"])
@pytest.mark.parametrize("versions", [(ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2), (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3)],
                         ids=["tls_1_2", "tls_1_3"])
def test_27_own_authority(start_serve, world, tls_upstream, versions, address, streamed):
    context = world.good.context(minimum_version=versions[0], maximum_version=versions[1])
    server = tls_upstream(answer_script(GOOD), context)
    url = address(server) if address else server.url
    papi = start_serve({"loops": 1, "providers": {"only": provider(url, ca_file=str(world.ours.file))}})
    for _ in range(3):
        assert_good(ask(papi, stream=streamed))
    assert server.connections == 1


def test_27_session_is_resumed_and_its_failure_survived(start_serve, world, tls_upstream):
    """A second connection resumes; a server that has forgotten its sessions gets a full handshake, and nobody notices."""
    reused = []

    def script(connection):
        connection.read_request()
        reused.append(connection.socket.session_reused)
        connection.respond(200, {"choices": [{"index": 0, "message": {"role": "assistant", "content": GOOD}, "finish_reason": "stop"}]},
                           {"connection": "close"})
        connection.wait_closed()
    first = world.good.context()
    server = tls_upstream(script, first)
    papi = start_serve({"loops": 1, "providers": {"only": provider(server.url, ca_file=str(world.ours.file))}})
    assert_good(ask(papi))
    assert_good(ask(papi))
    server.tls = world.good.context()
    assert_good(ask(papi))
    assert reused == [False, True, False]


# --- certificates -----------------------------------------------------------------------------------------------------
REFUSED = {"expired": "tls_expired", "future": "tls_expired", "wrong_host": "tls_wrong_host", "wildcard": "tls_wrong_host",
           "no_names": "tls_wrong_host", "unknown": "tls_untrusted", "self_signed": "tls_untrusted"}


@pytest.mark.parametrize("name", REFUSED)
def test_27_certificate_refused(hides_or_tells, world, tls_upstream, name):
    bad = Faulty(never)
    server = tls_upstream(bad, getattr(world, name).context())
    papi, _ = hides_or_tells(None, REFUSED[name], url=server.url, bad=bad, ca_file=str(world.ours.file))
    assert not bad.requests and papi


def test_27_wrong_address(hides_or_tells, world, tls_upstream):
    """An address is checked against the certificate's addresses, never against its names."""
    bad = Faulty(never)
    server = tls_upstream(bad, world.wrong_host.context())
    hides_or_tells(None, "tls_wrong_host", url=by_address(server), bad=bad, ca_file=str(world.ours.file))


def test_27_authority_of_one_provider_is_not_anothers(start_serve, world, tls_upstream):
    """ca_file counts for the provider that names it, also when both have the same address."""
    server = tls_upstream(answer_script(GOOD), world.good.context())
    papi = start_serve({"loops": 1, "queue": {"max_wait": "100ms"}, "providers": {
        "with": provider(server.url, ["with"], ca_file=str(world.ours.file)),
        "other": provider(server.url, ["other"], ca_file=str(world.other.file)),
        "without": provider(server.url, ["without"])}})
    assert_good(ask(papi, "with"))
    for model in ("other", "without"):
        answer = ask(papi, model)
        assert_refused(answer, *FAILED)
        assert "trusted" in answer.json["error"]["message"]
    assert_good(ask(papi, "with"))
    assert outcomes(papi) == {"ok": 2, "tls_untrusted": 2}


# --- handshakes -------------------------------------------------------------------------------------------------------
def test_27_handshake_stalls(hides_or_tells, upstream):
    bad = Faulty(lambda connection, streamed: None, read_request=False)
    server = upstream(bad)
    hides_or_tells(None, "tls_timeout", url=f"https://localhost:{server.port}/v1", bad=bad, timeouts={"tls": SHORT})


def test_27_handshake_stalls_half_way(hides_or_tells, upstream):
    """Some bytes of a record, then silence."""
    bad = Faulty(lambda connection, streamed: connection.send(b"\x16\x03\x03\x00\x7a\x02\x00"), read_request=False)
    server = upstream(bad)
    hides_or_tells(None, "tls_timeout", url=f"https://localhost:{server.port}/v1", bad=bad, timeouts={"tls": SHORT})


@pytest.mark.parametrize("words", [b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n", b"\x15\x03\x03\x00\x02\x02\x28", b"\x00" * 500],
                         ids=["plain_http", "alert", "zeros"])
def test_27_handshake_fails(hides_or_tells, upstream, words):
    bad = Faulty(lambda connection, streamed: connection.send(words), read_request=False)
    server = upstream(bad)
    hides_or_tells(None, "tls_failed", url=f"https://localhost:{server.port}/v1", bad=bad)


@pytest.mark.parametrize("then", [end, lambda c: c.reset()], ids=["end", "reset"])
def test_27_connection_ends_in_the_handshake(hides_or_tells, upstream, then):
    bad = Faulty(lambda connection, streamed: (connection.read_some(), then(connection)), read_request=False)
    server = upstream(bad)
    hides_or_tells(None, "tls_failed", url=f"https://localhost:{server.port}/v1", bad=bad, also=("reset",))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_27_old_version_only(hides_or_tells, world, tls_upstream):
    context = world.good.context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    bad = Faulty(never)
    server = tls_upstream(bad, context)
    hides_or_tells(None, "tls_failed", url=server.url, bad=bad, ca_file=str(world.ours.file))


@pytest.fixture
def strict_h2(world):
    """`openssl s_server` that knows only h2 and refuses a client that does not offer it."""
    process = subprocess.Popen([shutil.which("openssl"), "s_server", "-accept", "127.0.0.1:0", "-cert", str(world.good.file), "-key",
                                str(world.good.key), "-alpn", "h2"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True)
    port = None
    while port is None:
        line = process.stdout.readline()
        assert line, "openssl s_server ended"
        if line.startswith("ACCEPT "):
            port = int(line.rsplit(":", 1)[1])
    drain = threading.Thread(target=process.stdout.read, daemon=True)
    drain.start()
    yield port
    process.kill()
    process.wait()
    drain.join(5)


def test_27_h2_only_refuses_in_the_handshake(hides_or_tells, world, strict_h2):
    hides_or_tells(None, "tls_failed", url=f"https://localhost:{strict_h2}/v1", bad=Faulty(never), ca_file=str(world.ours.file))


def test_27_h2_only_speaks_h2(hides_or_tells, world, tls_upstream):
    """A server that shakes hands without ALPN and then speaks HTTP/2 all the same."""
    bad = Faulty(lambda connection, streamed: connection.send(b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64"))
    server = tls_upstream(bad, world.good.context())
    hides_or_tells(None, "bad_answer", url=server.url, bad=bad, ca_file=str(world.ours.file))


def test_27_offers_http_1_1(start_serve, world, tls_upstream):
    chosen = []
    context = world.good.context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    good = answer_script(GOOD)

    def script(connection):
        chosen.append(connection.socket.selected_alpn_protocol())
        good(connection)
    server = tls_upstream(script, context)
    papi = start_serve({"loops": 1, "providers": {"only": provider(server.url, ca_file=str(world.ours.file))}})
    assert_good(ask(papi))
    assert chosen == ["http/1.1"]


# --- ends without close_notify ----------------------------------------------------------------------------------------
def cut(connection):
    """FIN below TLS, without close_notify: what an attacker, or a dying server, can do."""
    descriptor = os.dup(connection.socket.fileno())
    with socket.socket(fileno=descriptor) as plain:
        plain.shutdown(socket.SHUT_WR)


def bid_farewell(connection):
    """close_notify, then FIN."""
    try:
        connection.socket.settimeout(5)
        connection.socket.unwrap()
    except (OSError, ssl.SSLError):
        pass


@pytest.fixture
def over_tls(world, tls_upstream):
    """The fixture arguments that put a Faulty upstream behind a good certificate."""
    def make(play):
        bad = Faulty(play)
        server = tls_upstream(bad, world.good.context())
        return {"url": server.url, "bad": bad, "ca_file": str(world.ours.file)}
    return make


@pytest.mark.parametrize("name", ["after_request", "in_head", "after_head", "in_body", "whole_until_close"])
def test_27_cut_without_close_notify(hides_or_tells, over_tls, name):
    """Also an answer that seems whole: without a length, only the end says that nothing is missing."""
    text = json.dumps({"choices": [{"index": 0, "message": {"role": "assistant", "content": GOOD}, "finish_reason": "stop"}]})
    sent = {"after_request": "", "in_head": "HTTP/1.1 200 OK\r\ncontent-", "after_head": head_text(False, ["content-length: 500"]),
            "in_body": head_text(False, ["content-length: 500"]) + text, "whole_until_close": head_text(False, []) + text}[name]

    def play(connection, streamed):
        if sent:
            connection.send(sent)
        cut(connection)
    hides_or_tells(None, "truncated", streams=(False,), **over_tls(play))


@pytest.mark.parametrize("framing", ["chunked", "until_close"])
def test_27_stream_cut_without_close_notify(start_serve, world, tls_upstream, framing):
    def play(connection, streamed):
        if framing == "chunked":
            begin_stream(connection)
        else:
            connection.send(head_text(True, []) + stream_text(PART).replace("data: [DONE]\n\n", ""))
        cut(connection)
    bad = Faulty(play)
    server = tls_upstream(bad, world.good.context())
    papi = start_serve({"loops": 1, "providers": {"only": provider(server.url, ca_file=str(world.ours.file))}})
    answer = ask(papi, stream=True)
    assert_broken(answer, PART, "upstream_error")
    assert outcomes(papi) == {"truncated": 1}
    bad.wait_all_closed()


@pytest.mark.parametrize("streamed", [False, True])
def test_27_close_notify_ends_an_answer_without_length(start_serve, world, tls_upstream, streamed):
    bad = Faulty(answer_with([], then=bid_farewell))
    server = tls_upstream(bad, world.good.context())
    papi = start_serve({"loops": 1, "providers": {"only": provider(server.url, ca_file=str(world.ours.file))}})
    assert_good(ask(papi, stream=streamed))
    assert outcomes(papi) == {"ok": 1}


def test_27_client_gone_over_tls(start_serve, world, tls_upstream):
    """The end reaches the upstream through TLS as fast as without."""
    reached, closed = threading.Event(), []

    def script(connection):
        connection.read_request()
        begin_stream(connection)
        reached.set()
        if connection.wait_closed():
            closed.append(time.monotonic())
    server = tls_upstream(script, world.good.context())
    papi = start_serve({"loops": 1, "providers": {"only": provider(server.url, ca_file=str(world.ours.file))}})
    with RawConnection(papi.address()) as connection:
        connection.send(chat_request(stream=True))
        connection.read_until(PART.split()[-1])
    left = time.monotonic()
    wait_for(lambda: closed, 20, "the end of the upstream's connection")
    assert closed[0] - left <= cancel_seconds()
    assert_settled(papi)
