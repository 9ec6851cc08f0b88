# SPDX-License-Identifier: Apache-2.0
"""A little proxy that speaks HTTP CONNECT and SOCKS5, for the fault suite. It listens on a free loopback port, relays to wherever
the test says (names need no DNS), writes down what it was asked for, and can be told to misbehave at each step."""

import base64
import socket
import threading


class Refused(Exception):
    """The proxy has said what it had to say and closes."""


class Proxy:
    """A thread a connection. `routes`: {"host:port": (address, port)}; what is not there is dialled as asked.
    `fault(connection, step)` may speak, wait or raise Refused at "accepted", "greeted" (SOCKS5), "asked" and "open"."""

    def __init__(self, kind="http", login=None, routes=None, fault=None):
        self.kind, self.login, self.routes, self.fault = kind, login, routes or {}, fault
        self.asked = []     # "host:port", as the client wrote them
        self.kinds = []     # SOCKS5: "name", "v4" or "v6"
        self.logins = []    # "user:password", or None
        self.heads = []     # HTTP: the whole head
        self.accepted = 0
        self.closed = 0
        self.failures = []
        self._sockets, self._threads, self._lock = [], [], threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._start(self._accept)

    def url(self, scheme=None, user=None):
        return f"{scheme or self.kind}://{user + '@' if user else ''}127.0.0.1:{self.port}"

    def _start(self, function, *arguments):
        thread = threading.Thread(target=function, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(30)
            with self._lock:
                self.accepted += 1
                self._sockets.append(connection)
            self._start(self._serve, connection)

    def _serve(self, connection):
        try:
            self._step(connection, "accepted")
            target = self._http(connection) if self.kind == "http" else self._socks(connection)
            self._step(connection, "open")
            self._relay(connection, target)
        except (Refused, OSError):
            pass
        except Exception as failure:  # pylint: disable=broad-exception-caught
            self.failures.append(failure)
        finally:
            connection.close()
            with self._lock:
                self.closed += 1

    def _step(self, connection, step):
        if self.fault:
            self.fault(connection, step)

    def _dial(self, host, port):
        with self._lock:
            self.asked.append(f"{host}:{port}")
        target = socket.create_connection(self.routes.get(f"{host}:{port}", (host, port)), timeout=10)
        with self._lock:
            self._sockets.append(target)
        return target

    # --- CONNECT ---
    def _http(self, connection):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = connection.recv(1)
            if not byte:
                raise Refused
            head += byte
        lines = head.decode("latin-1").split("\r\n")
        self.heads.append(head)
        given = [line.split(" ", 2)[2] for line in lines if line.lower().startswith("proxy-authorization: basic ")]
        self.logins.append(base64.b64decode(given[0]).decode("latin-1") if given else None)
        method, place, version = lines[0].split(" ")
        assert (method, version) == ("CONNECT", "HTTP/1.1"), lines[0]
        assert f"Host: {place}" in lines, lines
        self._step(connection, "asked")
        if self.login and self.logins[-1] != self.login:
            connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\n"
                               b"Content-Length: 34\r\n\r\n{\"error\":{\"message\":\"bad api key\"}}")
            raise Refused
        host, _, port = place.rpartition(":")
        try:
            target = self._dial(host.strip("[]"), int(port))
        except OSError:
            connection.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            raise Refused from None
        connection.sendall(b"HTTP/1.1 200 Connection established\r\nVia: 1.1 little\r\n\r\n")
        return target

    # --- SOCKS5 ---
    @staticmethod
    def _take(connection, count):
        data = b""
        while len(data) < count:
            more = connection.recv(count - len(data))
            if not more:
                raise Refused
            data += more
        return data

    def _socks(self, connection):
        version, count = self._take(connection, 2)
        assert version == 5
        methods = self._take(connection, count)
        self._step(connection, "greeted")
        if self.login:
            if 2 not in methods:
                connection.sendall(b"\x05\xff")
                raise Refused
            connection.sendall(b"\x05\x02")
            assert self._take(connection, 1) == b"\x01"
            user = self._take(connection, self._take(connection, 1)[0])
            password = self._take(connection, self._take(connection, 1)[0])
            self.logins.append((user + b":" + password).decode("latin-1"))
            good = self.logins[-1] == self.login
            connection.sendall(b"\x01\x00" if good else b"\x01\x01")
            if not good:
                raise Refused
        else:
            self.logins.append(None)
            connection.sendall(b"\x05\x00")
        version, command, _, kind = self._take(connection, 4)
        assert (version, command) == (5, 1)
        if kind == 3:
            host = self._take(connection, self._take(connection, 1)[0]).decode("ascii")
        else:
            family, size = (socket.AF_INET, 4) if kind == 1 else (socket.AF_INET6, 16)
            host = socket.inet_ntop(family, self._take(connection, size))
        self.kinds.append({1: "v4", 3: "name", 4: "v6"}[kind])
        port = int.from_bytes(self._take(connection, 2), "big")
        self._step(connection, "asked")
        try:
            target = self._dial(host, port)
        except OSError:
            connection.sendall(b"\x05\x05\x00\x01" + bytes(6))
            raise Refused from None
        connection.sendall(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x12\x34")
        return target

    # --- the tunnel ---
    @staticmethod
    def _pump(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        try:
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def _relay(self, connection, target):
        back = self._start(self._pump, target, connection)
        self._pump(connection, target)
        back.join(30)
        target.close()

    def hang_up(self):
        """Ends every connection there is, and goes on listening."""
        with self._lock:
            sockets = list(self._sockets)
        for connection in sockets:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()
        self.hang_up()
        for thread in list(self._threads):
            thread.join(10)
