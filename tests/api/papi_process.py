# SPDX-License-Identifier: Apache-2.0
"""Starting papi for a test, talking to it byte by byte, and playing upstreams that misbehave.

Every helper uses a free port, waits for a condition rather than for time, and ends what it started. A papi process that
is stopped must exit 0, and its stderr must hold no report of a sanitizer: that is checked in stop(), so every API test
is a memory test too.
"""

import json
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
START_SECONDS = 30  # a sanitizer build on a busy machine
STOP_SECONDS = 30
SANITIZER_WORDS = ("AddressSanitizer", "LeakSanitizer", "ThreadSanitizer", "MemorySanitizer", "runtime error:")
SANITIZER_OPTIONS = {
    "ASAN_OPTIONS": "detect_leaks=1:exitcode=99:abort_on_error=0",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1:exitcode=99",
    "TSAN_OPTIONS": "halt_on_error=0:exitcode=99",
}
LISTENING = re.compile(r"listening on (http://(\S+):(\d+))")


def papi_binary():
    """The program under test: $PAPI_BIN, else the sanitizer build, else the release build."""
    named = os.environ.get("PAPI_BIN")
    if named:
        return named
    for preset in ("asan", "dev", "release"):
        path = ROOT / "build" / preset / "papi"
        if path.exists():
            return str(path)
    raise FileNotFoundError("no papi program: run `make test`, or name one in PAPI_BIN")


def wait_for(condition, seconds=10.0, what="the condition"):
    """Calls condition() until it returns something true, and returns that; fails the test after `seconds`."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {seconds} s")
        pause.wait(0.005)


def closed_port():
    """A loopback port that refuses: bound but not listening, held until the caller closes the socket it gets."""
    holder = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    holder.bind(("127.0.0.1", 0))
    return holder, holder.getsockname()[1]


class PapiProcess:
    """A papi command that listens. `with PapiProcess(["serve", ...]) as papi: papi.url ...`"""

    def __init__(self, arguments, env=None, cwd=None, wait_ready=True):
        self.arguments = [papi_binary(), *[str(a) for a in arguments]]
        self.env = clean_environment(env)
        self.cwd = cwd
        self.wait_ready = wait_ready
        self.url = self.host = self.port = None
        self.stdout_lines = []
        self.stderr_lines = []
        self.process = None
        self._listening = threading.Event()
        self._readers = []

    def start(self, stderr=subprocess.PIPE, **more):
        self.process = subprocess.Popen(
            self.arguments, env=self.env, cwd=self.cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=stderr, text=True, errors="replace", **more)
        for stream, lines in ((self.process.stdout, self.stdout_lines), (self.process.stderr, self.stderr_lines)):
            if stream is None:
                continue
            reader = threading.Thread(target=self._read, args=(stream, lines), daemon=True)
            reader.start()
            self._readers.append(reader)
        if self.wait_ready:
            try:
                wait_for(lambda: self._listening.is_set() or self.process.poll() is not None, START_SECONDS,
                         "the line `listening on`")
            except AssertionError:
                self.kill()
                raise
            if not self._listening.is_set():
                self._join()
                raise AssertionError(f"papi exited with {self.process.returncode} before it listened\n{self.output()}")
        return self

    def _read(self, stream, lines):
        for line in stream:
            lines.append(line)
            found = LISTENING.search(line)
            if found and not self._listening.is_set():
                self.url, self.host, self.port = found.group(1), found.group(2).strip("[]"), int(found.group(3))
                self._listening.set()
        stream.close()

    def _join(self):
        for reader in self._readers:
            reader.join(STOP_SECONDS)

    @property
    def stderr(self):
        return "".join(self.stderr_lines)

    @property
    def stdout(self):
        return "".join(self.stdout_lines)

    def output(self):
        return f"--- {' '.join(self.arguments)}\n--- stdout\n{self.stdout}--- stderr\n{self.stderr}"

    def address(self):
        return (self.host, self.port)

    def stop(self, expect_exit=0):
        """SIGTERM, then: the exit code is as expected and no sanitizer spoke."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.wait_exit(expect_exit)

    def wait_exit(self, expect_exit=0):
        process, self.process = self.process, None
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            self._join()
            raise AssertionError(f"papi did not end within {STOP_SECONDS} s of SIGTERM\n{self.output()}") from None
        self._join()
        assert_no_sanitizer_report(self.stderr)
        assert process.returncode == expect_exit, (
            f"papi exited with {process.returncode}, expected {expect_exit}\n{self.output()}")

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self._join()
            self.process = None

    @property
    def pid(self):
        return self.process.pid

    def rss_kib(self):
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        raise AssertionError("no VmRSS")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def __enter__(self):
        return self if self.process is not None else self.start()

    def __exit__(self, kind, value, trace):
        if kind is None:
            self.stop()
        else:
            # The test has failed already: keep its reason, add what papi said.
            self.kill()
            if hasattr(value, "add_note"):
                value.add_note(self.output())
        return False


def assert_no_sanitizer_report(text):
    for word in SANITIZER_WORDS:
        assert word not in text, f"a sanitizer reported:\n{text}"


def is_provider_variable(name):
    """Keys in the developer's own environment must not turn a test into a request to the outside."""
    return name.endswith(("_API_KEY", "_API_TOKEN")) or name in ("HF_TOKEN", "CLOUDFLARE_ACCOUNT_ID") or (
        name.startswith("PAPI_") and name != "PAPI_BIN") or name.lower() in (
        "http_proxy", "https_proxy", "all_proxy", "no_proxy")


def clean_environment(more=None):
    """The test's environment without provider keys, proxies and PAPI settings, plus what a test adds."""
    env = {k: v for k, v in os.environ.items() if not is_provider_variable(k)}
    env.pop("COLUMNS", None)  # pytest's own, given to its workers
    for name, value in SANITIZER_OPTIONS.items():
        env.setdefault(name, value)
    env["PAPI_LOCAL_SERVERS"] = "off"  # what else runs on this machine is no part of a test
    env["PAPI_KEYLESS"] = "off"  # nothing outside is asked
    env.update(more or {})
    return env


def serve(folder, config, extra=(), env=None):
    """`papi serve` on a free loopback port. `config` is a dict (JSON is YAML) or the text of a papi.yaml."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "papi.yaml"
    file.write_text(config if isinstance(config, str) else json.dumps(config, indent=1))
    data = folder / "data"
    return PapiProcess(["serve", "--config", file, "--data", data, "--listen", "127.0.0.1:0", *extra], env=env,
                       cwd=folder)


def mock(folder, scenario=None, extra=(), env=None):
    """`papi mock` on a free loopback port. `scenario` is a built-in name, or a dict or text that becomes a file."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    arguments = ["mock", "--listen", "127.0.0.1:0"]
    if isinstance(scenario, dict) or (isinstance(scenario, str) and "\n" in scenario):
        file = folder / "scenario.yaml"
        file.write_text(scenario if isinstance(scenario, str) else json.dumps(scenario, indent=1))
        arguments += ["--scenario", file]
    elif scenario:
        arguments += ["--scenario", scenario]
    return PapiProcess([*arguments, *extra], env=env, cwd=folder)


def provider(base_url, models=("test-model",), **more):
    """The papi.yaml form of a custom OpenAI-compatible provider."""
    return {"type": "openai", "base_url": base_url, "models": list(models), **more}


def run_papi(*arguments, env=None, cwd=None, stdin="", seconds=60):
    """A command that ends by itself; returns the CompletedProcess. Sanitizer reports fail the test."""
    done = subprocess.run([papi_binary(), *[str(a) for a in arguments]], env=clean_environment(env), cwd=cwd, input=stdin, text=True,
                          capture_output=True, timeout=seconds, errors="replace", check=False)
    assert_no_sanitizer_report(done.stderr)
    return done


# --- raw bytes --------------------------------------------------------------------------------------------------------
class RawConnection:
    """One TCP connection with deadlines on everything; for tests that need exact bytes."""

    def __init__(self, address, seconds=20.0, tls=None):
        self.socket = socket.create_connection(address, timeout=seconds)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self.seconds = seconds
        self.buffer = b""

    def send(self, data):
        self.socket.sendall(data.encode() if isinstance(data, str) else data)
        return self

    def read_some(self, seconds=None):
        """What is there next; b"" when the peer has closed."""
        self.socket.settimeout(self.seconds if seconds is None else seconds)
        try:
            return self.socket.recv(65536)
        except (ConnectionResetError, ssl.SSLEOFError):
            return b""

    def read_until(self, mark, seconds=None):
        """Reads up to and including `mark`; the rest stays in the buffer."""
        mark = mark.encode() if isinstance(mark, str) else mark
        deadline = time.monotonic() + (self.seconds if seconds is None else seconds)
        while mark not in self.buffer:
            left = deadline - time.monotonic()
            assert left > 0, f"{mark!r} did not come; got {self.buffer!r}"
            try:
                more = self.read_some(left)
            except TimeoutError:
                continue
            assert more, f"closed before {mark!r}; got {self.buffer!r}"
            self.buffer += more
        end = self.buffer.index(mark) + len(mark)
        head, self.buffer = self.buffer[:end], self.buffer[end:]
        return head

    def read_exactly(self, size):
        while len(self.buffer) < size:
            more = self.read_some()
            assert more, f"closed after {len(self.buffer)} of {size} bytes"
            self.buffer += more
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def read_to_end(self):
        """Everything until the peer closes."""
        while True:
            more = self.read_some()
            if not more:
                data, self.buffer = self.buffer, b""
                return data
            self.buffer += more

    def read_response(self, head_only=False):
        """One HTTP response: (status, headers with names in lower case, body)."""
        head = self.read_until(b"\r\n\r\n").decode("latin-1")
        lines = head.split("\r\n")
        status = int(lines[0].split()[1])
        headers = {}
        for line in lines[1:]:
            if line:
                name, _, value = line.partition(":")
                headers[name.strip().lower()] = value.strip()
        if head_only or status in (204, 304) or 100 <= status < 200:
            return status, headers, b""
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return status, headers, self._read_chunked()
        if "content-length" in headers:
            return status, headers, self.read_exactly(int(headers["content-length"]))
        return status, headers, self.read_to_end()

    def _read_chunked(self):
        body = b""
        while True:
            size = int(self.read_until(b"\r\n").split(b";")[0], 16)
            if size == 0:
                while self.read_until(b"\r\n") != b"\r\n":
                    pass
                return body
            body += self.read_exactly(size)
            assert self.read_exactly(2) == b"\r\n"

    def is_closed(self, seconds=10.0):
        """True once the peer has closed, whatever it sent before."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if not self.read_some(max(0.001, deadline - time.monotonic())):
                    return True
            except TimeoutError:
                return False
        return False

    def reset(self):
        """Closes with RST instead of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        self.socket.close()

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def request_bytes(method, path, body=None, headers=None, host="localhost"):
    """An HTTP/1.1 request; a dict body is sent as JSON."""
    headers = dict(headers or {})
    if isinstance(body, (dict, list)):
        body = json.dumps(body).encode()
        headers.setdefault("content-type", "application/json")
    elif isinstance(body, str):
        body = body.encode()
    if body is not None:
        headers.setdefault("content-length", str(len(body)))
    lines = [f"{method} {path} HTTP/1.1", f"host: {host}", *[f"{n}: {v}" for n, v in headers.items()]]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b"")


def request(papi, method, path, body=None, headers=None, seconds=30.0):
    """One request on a connection of its own: (status, headers, body bytes)."""
    with RawConnection(papi.address(), seconds) as connection:
        connection.send(request_bytes(method, path, body, headers))
        return connection.read_response(head_only=method == "HEAD")


def chat(papi, model="test-model", text="hello", headers=None, **more):
    """One chat completion by hand: (status, headers, decoded JSON)."""
    body = {"model": model, "messages": [{"role": "user", "content": text}], **more}
    status, fields, answer = request(papi, "POST", "/v1/chat/completions", body, headers)
    return status, fields, json.loads(answer) if answer else None


def sse_events(body):
    """The data lines of an event stream, decoded; "[DONE]" stays text."""
    events = []
    for block in body.decode().replace("\r\n", "\n").split("\n\n"):
        data = "\n".join(line[5:].lstrip(" ") for line in block.split("\n") if line.startswith("data:"))
        if data:
            events.append(data if data == "[DONE]" else json.loads(data))
    return events


# --- scripted upstreams -----------------------------------------------------------------------------------------------
class UpstreamConnection(RawConnection):
    """The server's end of a connection, handed to the script."""

    def __init__(self, accepted, index, seconds, stopping):
        # pylint: disable=super-init-not-called
        self.socket = accepted
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.index = index
        self.seconds = seconds
        self.buffer = b""
        self.stopping = stopping
        self.request_line = ""

    def read_request(self):
        """One whole request with Content-Length or chunked body: (headers, body); None when the peer has closed."""
        try:
            head = self.read_until(b"\r\n\r\n").decode("latin-1")
        except (AssertionError, OSError):
            return None
        lines = head.split("\r\n")
        self.request_line = lines[0]
        headers = {n.strip().lower(): v.strip() for n, _, v in (line.partition(":") for line in lines[1:] if line)}
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return headers, self._read_chunked()
        return headers, self.read_exactly(int(headers.get("content-length", "0")))

    def respond(self, status=200, body=b"", headers=None, reason="X"):
        """One response; a dict body is JSON."""
        headers = dict(headers or {})
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
            headers.setdefault("content-type", "application/json")
        elif isinstance(body, str):
            body = body.encode()
        headers.setdefault("content-length", str(len(body)))
        lines = [f"HTTP/1.1 {status} {reason}", *[f"{n}: {v}" for n, v in headers.items()]]
        return self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def stream_head(self, headers=None):
        more = "".join(f"{n}: {v}\r\n" for n, v in (headers or {}).items())
        return self.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n"
                         f"{more}\r\n")

    def chunk(self, data):
        data = data.encode() if isinstance(data, str) else data
        return self.send(b"%x\r\n%s\r\n" % (len(data), data))

    def event(self, data):
        return self.chunk("data: " + (data if isinstance(data, str) else json.dumps(data)) + "\n\n")

    def end_chunks(self):
        return self.send(b"0\r\n\r\n")

    def wait_closed(self, seconds=30.0):
        """Blocks until the peer closes or the upstream is stopped; True if the peer closed."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not self.stopping.is_set():
            try:
                if not self.read_some(0.05):
                    return True
            except TimeoutError:
                continue
            except OSError:
                return True
        return False


class ScriptedUpstream:
    """A TCP server on a free port whose behaviour is one function: script(connection) for each connection, in a
    thread of its own. A failed script fails the test when the upstream is closed."""

    def __init__(self, script, seconds=30.0, tls=None):
        self.script = script
        self.seconds = seconds
        self.tls = tls
        self.stopping = threading.Event()
        self.connections = 0
        self.failures = []
        self._threads = []
        self._open = set()
        self._lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    @property
    def url(self):
        return f"{'https' if self.tls else 'http'}://{'localhost' if self.tls else '127.0.0.1'}:{self.port}/v1"

    def _accept(self):
        while not self.stopping.is_set():
            try:
                accepted, _ = self.listener.accept()
            except OSError:
                return
            with self._lock:
                index = self.connections
                self.connections += 1
                self._open.add(accepted)
            thread = threading.Thread(target=self._run, args=(accepted, index), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _run(self, accepted, index):
        plain = accepted
        try:
            accepted.settimeout(self.seconds)
            if self.tls is not None:
                accepted = self.tls.wrap_socket(accepted, server_side=True)
            self.script(UpstreamConnection(accepted, index, self.seconds, self.stopping))
        except OSError:
            pass  # the other side may leave at any time; tests assert on what it saw
        except Exception as failure:  # pylint: disable=broad-except
            self.failures.append(failure)
        finally:
            with self._lock:
                self._open.discard(plain)
            accepted.close()

    def close(self):
        self.stopping.set()
        # shutdown() wakes a thread that is blocked in accept() or recv(); close() alone does not.
        for sock in (self.listener, *list(self._open)):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.listener.close()
        for thread in self._threads:
            thread.join(5)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.close()
        if kind is None and self.failures:
            raise self.failures[0]
        return False


def completion(text="Hello.", model="test-model", finish="stop", **more):
    """A whole chat completion, as an upstream sends it."""
    return {"id": "chatcmpl-test", "object": "chat.completion", "created": 1700000000, "model": model,
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}, **more}


def chunk_event(delta=None, model="test-model", finish=None, **more):
    """One chat.completion.chunk, as an upstream sends it."""
    return {"id": "chatcmpl-test", "object": "chat.completion.chunk", "created": 1700000000, "model": model,
            "choices": [{"index": 0, "delta": delta or {}, "finish_reason": finish}], **more}


def answer_script(text="Hello.", model="test-model"):
    """A script that behaves: answers every request on the connection, streamed when asked."""
    def script(connection):
        while True:
            got = connection.read_request()
            if got is None:
                return
            wants_stream = bool(got[1]) and json.loads(got[1]).get("stream")
            if not wants_stream:
                connection.respond(200, completion(text, model))
                continue
            connection.stream_head()
            connection.event(chunk_event({"role": "assistant", "content": ""}, model))
            for word in re.findall(r"\S+\s*", text):
                connection.event(chunk_event({"content": word}, model))
            connection.event(chunk_event({}, model, "stop"))
            connection.event("[DONE]")
            connection.end_chunks()
    return script


def silent_script(connection):
    """Accepts, reads what comes and never answers."""
    connection.wait_closed(600)
