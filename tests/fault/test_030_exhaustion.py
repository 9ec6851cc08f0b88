# SPDX-License-Identifier: Apache-2.0
"""Case 30 of the fault list: no descriptors, no memory for bodies, no room on the disk, signals all the time, sockets that take little. Load is
shed with words, what was accepted is answered, and everything is well again by itself afterwards."""

import json
import os
import resource
import signal
import socket
import threading

import papi_process
import pytest
from load import Load
from papi_process import RawConnection, answer_script, provider, request_bytes, wait_for


def limit(what, value):
    """For preexec_fn: the program raises its soft limit itself, so both are set."""
    return lambda: resource.setrlimit(what, (value, value))


@pytest.fixture
def start(upstream, tmp_path, request):
    def run(before=None, text="Hello.", **config):
        server = upstream(answer_script(text))
        papi = papi_process.serve(tmp_path / "serve", {"loops": 1, **config, "providers": {
            "only": provider(server.url, ["m"], concurrency=100)}})
        papi.start(preexec_fn=before)
        request.addfinalizer(papi.stop)
        return papi
    return run


def asks_well(papi):
    return papi_process.chat(papi, "m")[0] == 200


def test_030_descriptors_run_out(start):
    """More connections than descriptors: those that are there are served, accepting rests, and goes on when some have gone."""
    papi = start(before=limit(resource.RLIMIT_NOFILE, 96))
    crowd = []
    try:
        for _ in range(150):
            crowd.append(RawConnection(papi.address(), 30))
        first = crowd[0]
        first.send(request_bytes("GET", "/healthz"))
        assert first.read_response()[0] == 200
        first.send(request_bytes("POST", "/v1/chat/completions", {"model": "m", "messages": [{"role": "user", "content": "x"}]}))
        status, _, body = first.read_response()
        assert status in (200, 502, 503), body  # a connection to the provider may need the one descriptor that is not there
        cpu = cpu_seconds(papi)
        threading.Event().wait(0.5)
        assert cpu_seconds(papi) - cpu < 0.3, "it spins on a socket that it cannot accept from"
    finally:
        for connection in crowd:
            connection.close()
    wait_for(lambda: asks_well(papi), 30, "an answer after the crowd")
    wait_for(lambda: papi.descriptors() < 60, 30, "descriptors are given back")


def cpu_seconds(papi):
    with open(f"/proc/{papi.pid}/stat", encoding="utf-8") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_030_memory_for_bodies_runs_out(start):
    """The cap of all bodies together: the next is told to come later, and small ones are served beside it."""
    papi = start(limits={"bodies": "4MiB", "body": "3MiB"})
    held = []
    try:
        held.append(RawConnection(papi.address(), 30))
        held[0].send(b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
                     b"content-length: 2900000\r\n\r\n" + b" " * 1900000)
        body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "x" * 2900000}]}).encode()
        with RawConnection(papi.address(), 30) as one_more:
            one_more.send(request_bytes("POST", "/v1/chat/completions", body, {"content-type": "application/json"}))
            status, fields, answer = one_more.read_response()
        assert status == 503 and int(fields["retry-after"]) >= 1 and json.loads(answer)["error"]["message"]
        assert asks_well(papi)
    finally:
        for connection in held:
            connection.close()

    def large_one():
        with RawConnection(papi.address(), 30) as again:
            again.send(request_bytes("POST", "/v1/chat/completions", body, {"content-type": "application/json"}))
            return again.read_response()[0] == 200
    wait_for(large_one, 20, "room for a large one again")


def test_030_files_may_not_grow(start, tmp_path):
    """The store and the log meet a disk that takes nothing more, as RLIMIT_FSIZE plays it: requests go on."""
    papi = start(before=limit(resource.RLIMIT_FSIZE, 64 * 1024), log={"level": "debug", "file": str(tmp_path / "papi.log")})
    with Load(papi, count=10) as load:
        load.more(1000)
    assert not load.failures


def test_030_signals_all_the_time(start):
    """Every call may be interrupted (EINTR) at any moment."""
    papi = start()
    stop = threading.Event()

    def storm():
        while not stop.is_set():
            papi.process.send_signal(signal.SIGUSR1)
            stop.wait(0.0005)
    thread = threading.Thread(target=storm)
    with Load(papi, count=20) as load:
        thread.start()
        load.more(500)
        stop.set()
        thread.join()
    assert not load.failures


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
def test_030_partial_writes(start, streamed):
    """A client whose socket takes a little at a time gets every byte."""
    text = " ".join(f"word{n}" for n in range(4000))
    papi = start(text=text)
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    client.settimeout(60)
    client.connect(papi.address())
    with client:
        body = {"model": "m", "messages": [{"role": "user", "content": "x"}], "stream": streamed}
        client.sendall(request_bytes("POST", "/v1/chat/completions", body, {"connection": "close"}))
        got = b""
        while True:
            piece = client.recv(700)
            if not piece:
                break
            got += piece
    if streamed:
        data = got.replace(b"\r\n", b"\n")
        assert data.count(b"[DONE]") == 1 and b"word0" in data and b"word3999" in data
    else:
        assert json.loads(got[got.index(b"\r\n\r\n") + 4:])["choices"][0]["message"]["content"] == text
