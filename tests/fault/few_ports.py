# SPDX-License-Identifier: Apache-2.0
"""Run by test_030_ports.py in a network of its own (`unshare -n`), where four ports are all there are for outgoing connections. Says what it
saw as JSON."""

import fcntl
import json
import pathlib
import socket
import struct
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE), str(HERE.parent / "api")]

import papi_process  # noqa: E402  pylint: disable=wrong-import-position

PORTS = 4
MOCK, PAPI, CLIENTS = 50001, 50002, 51000
SIOCSIFFLAGS, UP_RUNNING = 0x8914, 0x49


class Client(papi_process.RawConnection):
    """Its own port is none of the four."""

    count = 0

    def __init__(self, port, path, body=None, method="POST"):
        # pylint: disable=super-init-not-called
        Client.count += 1
        self.socket = socket.create_connection(("127.0.0.1", port), 30, source_address=("127.0.0.1", CLIENTS + Client.count))
        self.seconds, self.buffer = 30, b""
        self.send(papi_process.request_bytes(method, path, body))

    def answer(self):
        status, fields, body = self.read_response()
        self.close()
        return status, fields, body


def narrow():
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14s", b"lo", UP_RUNNING, b""))
    pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").write_text(f"40000 {40000 + PORTS - 1}", encoding="ascii")


def chat():
    return Client(PAPI, "/v1/chat/completions", {"model": "m", "messages": [{"role": "user", "content": "hello"}]})


def script(**members):
    assert Client(MOCK, "/_mock/script", {"provider": "lab", **members}).answer()[0] == 200


def open_at_the_provider():
    return json.loads(Client(MOCK, "/_mock/stats", method="GET").answer()[2]).get("lab", {"open_now": 0})["open_now"]


def play(folder):
    config = {"listen": f"127.0.0.1:{PAPI}", "loops": 1, "queue": {"max_wait": "300ms"},
              "providers": {"lab": papi_process.provider(f"http://127.0.0.1:{MOCK}/lab/v1", ["m"], concurrency=50)}}
    (folder / "papi.yaml").write_text(json.dumps(config), encoding="utf-8")
    mock = papi_process.PapiProcess(["mock", "--listen", f"127.0.0.1:{MOCK}", "--seed", "1"], cwd=folder)
    papi = papi_process.PapiProcess(["serve", "--config", folder / "papi.yaml", "--data", folder / "data"], cwd=folder)
    with mock, papi:
        script(latency_ms=4000)
        holders = [chat() for _ in range(PORTS)]
        papi_process.wait_for(lambda: open_at_the_provider() == PORTS, 20, "every port in use")
        refused = chat().answer()
        held = open_at_the_provider()
        script(latency_ms=0)
        served = [holder.answer()[0] for holder in holders]
        answered = papi_process.wait_for(lambda: (lambda got: got if got[0] == 200 else None)(chat().answer()), 30, "an answer again")
    return {"refused": [refused[0], dict(refused[1]), json.loads(refused[2])], "held": held, "served": served, "answered": answered[0]}


if __name__ == "__main__":
    narrow()
    print(json.dumps(play(pathlib.Path(sys.argv[1]))))
