# SPDX-License-Identifier: Apache-2.0
"""Case 31 of the fault list, the end: TERM under load. Everything that was accepted is answered or refused with words."""

import threading

import papi_process
from load import Load
from papi_process import RawConnection, answer_script, provider, request_bytes, wait_for

CHAT = {"model": "m", "messages": [{"role": "user", "content": "x"}]}


def serve(tmp_path, url, **config):
    return papi_process.serve(tmp_path / "serve", {"loops": 2, "providers": {"only": provider(url, ["m"], concurrency=100)}, **config}).start()


def test_031_term_under_load(tmp_path, upstream):
    """Only clients that connect after the end are refused: nothing that was sent on a connection is lost."""
    papi = serve(tmp_path, upstream(answer_script()).url)
    with Load(papi, count=50) as load:
        load.more(200)
        papi.process.terminate()
        papi.process.wait(30)
        load.ending.set()
    refused = [failure for failure in load.failures if "Refused" in failure.what]
    assert [failure for failure in load.failures if failure not in refused] == []
    papi.wait_exit(0)


def test_031_those_that_wait_are_refused_with_words(tmp_path, upstream):
    papi = papi_process.serve(tmp_path / "serve", {"loops": 2, "drain_timeout": "1s", "providers": {
        "only": provider(upstream(answer_script()).url, ["m"], limits=[{"requests": 1, "per": "200s"}])}}).start()
    assert papi_process.chat(papi, "m")[0] == 200
    with RawConnection(papi.address(), 60) as waiting, RawConnection(papi.address(), 60) as kept:
        waiting.send(request_bytes("POST", "/v1/chat/completions", CHAT, {"x-papi-deadline-ms": "250000"}))
        wait_for(lambda: b"papi_requests_open 2" in papi_process.request(papi, "GET", "/metrics")[2], 20, "it waits")
        papi.process.terminate()
        wait_for(lambda: "drain.begin" in papi.stderr, 20, "the drain")
        kept.send(request_bytes("GET", "/readyz"))
        status, fields, _ = kept.read_response()
        assert status == 503 and fields["connection"] == "close"
        status, fields, body = waiting.read_response()
        assert status == 503 and int(fields["retry-after"]) >= 1 and b"stopping" in body
    papi.wait_exit(0)


def test_031_connections_the_kernel_has_made_are_served(tmp_path, upstream):
    """Requests that were sent before TERM on connections nobody had accepted yet."""
    papi = serve(tmp_path, upstream(answer_script()).url)
    connections = []
    gate = threading.Event()

    def flood():
        for _ in range(40):
            connection = RawConnection(papi.address(), 30)
            connection.send(request_bytes("POST", "/v1/chat/completions", CHAT))
            connections.append(connection)
        gate.set()
    thread = threading.Thread(target=flood)
    thread.start()
    assert gate.wait(30)
    papi.process.terminate()
    for connection in connections:
        with connection:
            assert connection.read_response()[0] == 200
    thread.join()
    papi.wait_exit(0)
