# SPDX-License-Identifier: Apache-2.0
"""papi provider test on the way to a provider: TLS that fails is told in its own words, proxies are gone through, and a URL that
the catalog names for the key of a provider is asked there."""

import contextlib
import json
import ssl

import pytest
from authority import Authority
from papi_process import provider, run_papi
from proxies import Proxy

KEY = "sk-test-0123456789abcdef"


class Answers:
    """200 with one body for every request; keeps what was asked."""

    def __init__(self, body):
        self.body, self.asked, self.heads = body, [], []

    def __call__(self, connection):
        while (got := connection.read_request()) is not None:
            self.asked.append(connection.request_line.rpartition(" ")[0])
            self.heads.append(got[0])
            connection.respond(200, self.body)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"), "ours")


def run(folder, providers, *arguments):
    file = folder / "papi.yaml"
    file.write_text(json.dumps({"keyless": "off", "providers": providers}))
    done = run_papi("provider", "test", *arguments, "--config", file, "--json", cwd=folder, env={"TEST_KEY": KEY})
    assert KEY not in done.stdout + done.stderr
    return done, {row["provider"]: row for row in json.loads(done.stdout)["tests"]}


def test_tls(tmp_path, upstream, authority):
    models = Answers({"data": [{"id": "test-model"}]})
    good = upstream(models, tls=authority.sign("good").context())
    other = upstream(models, tls=authority.sign("other", "DNS:other.example").context())
    old = upstream(models, tls=authority.sign("old", dates=("20200101000000Z", "20200201000000Z")).context())
    plain = upstream(models)
    named = {"ca_file": str(authority.file), "keys": [{"key": "env:TEST_KEY"}]}
    done, rows = run(tmp_path, {
        "good": {**provider(good.url), **named}, "other": {**provider(other.url), **named}, "old": {**provider(old.url), **named},
        "stranger": provider(good.url), "plain": {**provider(plain.url.replace("http:", "https:")), **named}})
    assert {name: row["verdict"] for name, row in rows.items()} == {
        "good": "reachable", "other": "unreachable", "old": "unreachable", "stranger": "unreachable", "plain": "unreachable"}
    assert "another host" in rows["other"]["says"] and "expired" in rows["old"]["says"]
    assert "trusted" in rows["stranger"]["says"] and "handshake" in rows["plain"]["says"]
    assert len(models.asked) == 1 and done.returncode == 1  # no key left by a connection that is not sure


@pytest.mark.parametrize("kind", ["http", "socks5"])
def test_through_a_proxy(tmp_path, upstream, kind):
    models = Answers({"data": [{"id": "test-model"}]})
    server = upstream(models)
    with contextlib.closing(Proxy(kind, routes={"provider.example:80": ("127.0.0.1", server.port)})) as proxy:
        url = proxy.url("socks5h" if kind == "socks5" else "http")
        done, rows = run(tmp_path, {"lab": {**provider("http://provider.example/v1"), "proxy": url}})
        assert rows["lab"]["verdict"] == "reachable" and done.returncode == 0
        assert proxy.asked == ["provider.example:80"]
    assert models.heads[0]["host"] == "provider.example"


def test_proxies_that_fail(tmp_path):
    with contextlib.closing(Proxy("http", login="user:right")) as proxy:
        _, rows = run(tmp_path, {"lab": {**provider("http://provider.example/v1"), "proxy": proxy.url(user="user:wrong")}})
    assert rows["lab"]["verdict"] == "unreachable" and "login" in rows["lab"]["says"]
    _, rows = run(tmp_path, {"lab": {**provider("http://provider.example/v1"), "proxy": proxy.url()}})  # it is gone
    assert rows["lab"]["verdict"] == "unreachable" and "proxy" in rows["lab"]["says"]


@pytest.mark.parametrize("body, verdict", [({"valid": True}, "ok"), ({"valid": False}, "bad key")])
def test_a_url_of_its_own(tmp_path, upstream, authority, body, verdict):
    """Cohere's check of keys stands at another host than its API, and is a POST that costs nothing."""
    check = Answers(body)
    server = upstream(check, tls=authority.sign(f"cohere-{verdict[:2]}", "DNS:api.cohere.com").context())
    with contextlib.closing(Proxy("http", routes={"api.cohere.com:443": ("127.0.0.1", server.port)})) as proxy:
        done, rows = run(tmp_path, {"cohere": {"proxy": proxy.url(), "ca_file": str(authority.file),
                                               "keys": [{"key": "env:TEST_KEY"}]}}, "cohere")
        assert proxy.asked == ["api.cohere.com:443"]
    assert (rows["cohere"]["verdict"], done.returncode) == (verdict, int(verdict != "ok")), rows
    assert check.asked == ["POST /v1/check-api-key"]
    assert check.heads[0]["host"] == "api.cohere.com" and check.heads[0]["authorization"] == f"Bearer {KEY}"
    assert check.heads[0]["content-length"] == "0"


def test_a_server_that_wants_more_than_we_have(tmp_path, upstream, authority):
    """A handshake that breaks in the middle is told, not waited for."""
    context = authority.sign("strict").context()
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.file)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    server = upstream(Answers({}), tls=context)
    _, rows = run(tmp_path, {"lab": {**provider(server.url), "ca_file": str(authority.file)}})
    assert rows["lab"]["verdict"] == "unreachable", rows
