# SPDX-License-Identifier: Apache-2.0
"""papi.sock: who is let in, what is served there, and what is refused in which words."""

import os
import stat
import subprocess

import pytest

import admin
import papi_process


@pytest.fixture
def papi(start_serve, upstream):
    return start_serve({"providers": {"lab": papi_process.provider(upstream().url)}})


def test_status_by_curl(papi):
    """As a person would ask, with the tool that people have."""
    path = admin.socket_path(papi)
    done = subprocess.run(["curl", "-sS", "--fail", "--unix-socket", path, "http://papi/admin/v1/status"],
                          capture_output=True, text=True, timeout=30, check=True)
    assert '"version"' in done.stdout


def test_status_tells_what_runs(papi):
    status = admin.get(papi, "/admin/v1/status")
    assert status["pid"] == papi.pid
    assert status["listen"] == [f"127.0.0.1:{papi.port}"]
    assert status["config_file"].endswith("papi.yaml")
    assert status["auth"] == "open" and status["draining"] is False
    assert status["providers"] == {"configured": 1, "available": 1}
    assert status["requests"]["open"] == 1  # this one
    assert status["memory_rss_bytes"] > 1_000_000


def test_the_socket_is_the_owners(papi):
    path = admin.socket_path(papi)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_ISSOCK(path.stat().st_mode)


def test_it_goes_with_the_process(start_serve, upstream):
    papi = start_serve({"providers": {"lab": papi_process.provider(upstream().url)}})
    path = admin.socket_path(papi)
    papi.stop()
    assert not path.exists()


def test_a_stale_socket_is_replaced(start_serve, upstream):
    """kill -9 leaves the file; the next start takes its place."""
    config = {"providers": {"lab": papi_process.provider(upstream().url)}}
    papi = start_serve(config)
    path = admin.socket_path(papi)
    papi.kill()
    assert path.exists()
    again = papi_process.PapiProcess(papi.arguments[1:], cwd=papi.cwd)
    with again:
        assert admin.get(again, "/admin/v1/status")["pid"] == again.pid


def test_what_is_no_socket_is_not_removed(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "papi.sock").write_text("mine")
    done = papi_process.run_papi("serve", "--data", data, "--listen", "127.0.0.1:0")
    assert done.returncode == 1
    assert "papi.sock cannot be opened" in done.stderr
    assert (data / "papi.sock").read_text() == "mine"


def test_a_path_too_long_for_a_socket(tmp_path):
    data = tmp_path / ("d" * 100)
    done = papi_process.run_papi("serve", "--data", data, "--listen", "127.0.0.1:0")
    assert done.returncode == 1
    assert "longer than the 107 bytes" in done.stderr and "--data" in done.stderr


def test_the_api_is_served_there_too(papi):
    status, _, answer = admin.ask(papi, "POST", "/v1/chat/completions",
                                  {"model": "test-model", "messages": [{"role": "user", "content": "hi"}]})
    assert status == 200 and answer["choices"]
    assert admin.get(papi, "/v1/models")["data"]


def test_rules_for_browsers_do_not_hold_there(papi):
    """No page reaches a file; any Host is what some client made up."""
    status, _, _ = admin.ask(papi, "GET", "/admin/v1/status", headers={"origin": "https://example.com",
                                                                       "x-forwarded-for": "203.0.113.7"})
    assert status == 200


def test_over_tcp_it_needs_a_token(papi):
    """Product 6: admin always needs a session or token, in open mode too."""
    status, _, body = papi_process.request(papi, "GET", "/admin/v1/status")
    assert status == 401 and b"papi.sock" in body
    status, _, _ = papi_process.request(papi, "GET", "/admin/v1/status", headers={"authorization": "Bearer anything"})
    assert status == 401


def test_methods(papi):
    status, fields, answer = admin.ask(papi, "POST", "/admin/v1/status", {})
    assert status == 405 and fields["allow"] == "GET, HEAD, OPTIONS", answer
    status, fields, answer = admin.ask(papi, "HEAD", "/admin/v1/status")
    assert status == 200 and answer == ""
    status, fields, _ = admin.ask(papi, "OPTIONS", "/admin/v1/status")
    assert status == 204 and fields["allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize("query, words", [
    ("?limit=1", "There is no query parameter 'limit' here"),
    ("?%00=%ff", "There is no query parameter"),
    ("?" + "x" * 5000, "longer than 4096 bytes"),
])
def test_a_query_that_is_not_known_is_refused(papi, query, words):
    assert words in admin.refused(papi, "GET", "/admin/v1/status" + query, 400)["message"]


def test_a_body_where_none_is_taken(papi):
    error = admin.refused(papi, "GET", "/admin/v1/status", 400, {"a": 1})
    assert "takes no body" in error["message"]


def test_an_unknown_path(papi):
    error = admin.refused(papi, "GET", "/admin/v1/nothing", 404)
    assert error["code"] == "unknown_url"


def test_connections_have_a_cap_of_their_own(start_serve, upstream):
    """When every connection of the API is taken, the owner still gets in."""
    papi = start_serve({"providers": {"lab": papi_process.provider(upstream().url)}, "loops": 1,
                        "limits": {"connections": 4}})
    held = [papi_process.RawConnection(papi.address()) for _ in range(8)]
    try:
        assert admin.get(papi, "/admin/v1/status")["pid"] == papi.pid
    finally:
        for connection in held:
            connection.close()


def test_many_that_connect_and_leave(papi):
    before = papi.descriptors()
    for index in range(100):
        connection = admin.UnixConnection(admin.socket_path(papi))
        if index % 3 == 1:
            connection.send("GET /admin/v1/st")
        elif index % 3 == 2:
            connection.send(papi_process.request_bytes("GET", "/admin/v1/status"))
        connection.close()
    papi_process.wait_for(lambda: admin.get(papi, "/admin/v1/status")["requests"]["open"] == 1,
                          what="nothing but this request open")
    papi_process.wait_for(lambda: papi.descriptors() <= before, what="all descriptors closed")


@pytest.mark.skipif(os.geteuid() != 0, reason="another user can only be played by root")
def test_another_user_is_not_let_in(papi):
    """The mode keeps others out; if it is opened by mistake, the peer is still asked who it is."""
    path = admin.socket_path(papi)
    for folder in [path, *path.parents]:
        if str(folder) != "/":
            folder.chmod(folder.stat().st_mode | 0o777)
    program = ("import socket,sys; s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]);"
               "s.sendall(b'GET /admin/v1/status HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n')\n"
               "try: print(len(s.recv(100)))\nexcept ConnectionError: print(0)")
    done = subprocess.run(["python3", "-c", program, str(path)], user=65534, group=65534, extra_groups=[], cwd="/",
                          capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout.strip() == "0" or "BrokenPipe" in done.stderr, done
    assert admin.get(papi, "/admin/v1/status")["pid"] == papi.pid
