# SPDX-License-Identifier: Apache-2.0
"""The providers' own addresses, led to the simulator: what asks https://api.groq.com/openai/v1 by HTTPS_PROXY is answered by `papi mock`
as its provider `groq`. So a test may start PAPI as its user does, without a configuration, and nothing leaves this machine.

`with Outside(folder, mock, {"api.groq.com": "groq"}) as outside: PapiProcess(..., env=outside.env)`
"""

import contextlib
import os
import pathlib
import sys

import papi_process

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "fault"))

from authority import Authority  # noqa: E402  pylint: disable=wrong-import-position
from proxies import Proxy  # noqa: E402  pylint: disable=wrong-import-position


def forwards(mock, name_of):
    """A script that hands one request to the simulator, as the provider that name_of tells by the host, and its answer back byte by byte."""
    def script(connection):
        asked = connection.read_request()
        if asked is None:
            return
        headers, body = asked
        method, path, _ = connection.request_line.split()
        fields = {key: value for key, value in headers.items() if key not in ("host", "content-length", "transfer-encoding", "connection")}
        name = name_of(headers["host"].partition(":")[0])
        with papi_process.RawConnection(mock.address()) as there:
            there.send(papi_process.request_bytes(method, f"/{name}{path}", body or None, {**fields, "connection": "close"}))
            while data := there.read_some():
                connection.send(data)
    return script


class Outside:
    """A proxy that all of HTTPS goes through, and the one TLS server behind it."""

    def __init__(self, folder, mock, hosts):
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._mock, self._hosts = folder, mock, hosts
        self._stack = contextlib.ExitStack()
        self.env = {}

    def __enter__(self):
        authority = Authority(self._folder, "outside")
        names = ",".join(f"DNS:{host}" for host in self._hosts)
        server = self._stack.enter_context(
            papi_process.ScriptedUpstream(forwards(self._mock, self._hosts.get), tls=authority.sign("providers", names).context()))
        proxy = Proxy(routes={f"{host}:443": ("127.0.0.1", server.port) for host in self._hosts})
        self._stack.callback(proxy.close)
        self.env = {"HTTPS_PROXY": proxy.url(), "NO_PROXY": "127.0.0.1,localhost", "SSL_CERT_FILE": str(authority.file)}
        return self

    def __exit__(self, *what):
        return self._stack.__exit__(*what)


def own_address():
    """An address of this machine that is not a loopback one, or None where there is none."""
    found = os.popen("hostname -I").read().split()
    return next((address for address in found if ":" not in address), None)
