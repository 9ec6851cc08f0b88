# SPDX-License-Identifier: Apache-2.0
"""Talking to the admin plane: by the socket in the data directory, as the commands of papi do."""

import json
import pathlib
import socket

import papi_process


def socket_path(papi):
    """papi.sock of a running `papi serve`."""
    return pathlib.Path(papi.arguments[papi.arguments.index("--data") + 1]) / "papi.sock"


class UnixConnection(papi_process.RawConnection):
    """One connection by the socket."""

    def __init__(self, path, seconds=30.0):
        # pylint: disable=super-init-not-called
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(seconds)
        self.socket.connect(str(path))
        self.seconds = seconds
        self.buffer = b""


def ask(papi, method, path, body=None, headers=None, seconds=30.0):
    """One request by the socket: (status, headers, decoded JSON or text)."""
    with UnixConnection(socket_path(papi), seconds) as connection:
        connection.send(papi_process.request_bytes(method, path, body, headers))
        status, fields, answer = connection.read_response(head_only=method == "HEAD")
    if fields.get("content-type", "").startswith("application/json") and answer:
        return status, fields, json.loads(answer)
    return status, fields, answer.decode()


def get(papi, path):
    """The JSON of a GET that must succeed."""
    status, _, answer = ask(papi, "GET", path)
    assert status == 200, answer
    return answer


def token(papi, name="operator"):
    """A fresh admin token."""
    status, _, answer = ask(papi, "POST", "/admin/v1/clients", {"name": name, "role": "admin"})
    assert status == 201, answer
    return answer["key"]


def refused(papi, method, path, status, body=None, headers=None):
    """The error of a request that must be refused with this status; its form is checked."""
    got, _, answer = ask(papi, method, path, body, headers)
    assert got == status, (got, answer)
    error = answer["error"]
    assert set(error) == {"message", "type", "param", "code"} and error["message"], answer
    return error
