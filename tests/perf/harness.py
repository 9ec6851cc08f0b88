# SPDX-License-Identifier: Apache-2.0
"""Processes of the benchmark: the two C programs, nginx, PAPI; each pinned to its core, each started
on a port the kernel chose, each ended by its own id. Nothing here knows what is measured."""

import contextlib
import json
import os
import resource
import select
import shutil
import signal
import socket
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
C_FLAGS = ["-O2", "-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Wshadow", "-Wconversion",
           "-Wstrict-prototypes", "-Wmissing-prototypes", "-Wvla", "-Werror"]
PROGRAMS = {"generator": ["generator.c", "answer.c", "common.c"],
            "upstream": ["upstream.c", "common.c"]}
MODELS = {"bench": "bench-model", "hold": "hold-model", "split": "split-model"}
UPSTREAM_OPTIONS = {
    "bench": ["--events", "64", "--gap-us", "10000"],
    "hold": ["--hold"],
    "split": ["--split", "--events", "64", "--gap-us", "2000"],
    "nagle": ["--split", "--nagle", "--events", "64", "--gap-us", "2000"],
}
START_S = 20
NO_KEY = "sk-bench-" + 50 * "0"  # as long as a key of PAPI's, for who does not look at it
# Far beyond what is measured: each request is counted and compared, none is refused.
CLIENT_LIMITS = [text for name in ("requests-per-minute", "requests-per-day", "requests-per-month", "tokens-per-minute",
                                   "tokens-per-day", "tokens-per-month", "concurrency") for text in (f"--{name}", "1000000000")]


class Trouble(Exception):
    """Something the user has to know; the message says what to do."""


def cores():
    """(core of the gateway, core of generator and upstream)"""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        raise Trouble("the benchmark needs two cores: one for the gateway, one for the load")
    return allowed[-1], allowed[0]


def build_programs(out):
    os.makedirs(out, exist_ok=True)
    compiler = os.environ.get("CC", "cc")
    for name, sources in PROGRAMS.items():
        paths = [os.path.join(HERE, source) for source in sources]
        subprocess.run([compiler, *C_FLAGS, "-o", os.path.join(out, name), *paths], check=True)


def raise_descriptor_limit():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 4096:
        raise Trouble(f"1,000 streams need 4096 descriptors, the limit is {hard}: raise ulimit -n")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 20000)), hard))


class Process:
    """A started program whose output is read line by line."""

    def __init__(self, command, core, log, stdin=None):
        self.log = log
        self.started_ns = time.monotonic_ns()
        with open(log, "ab") as errors:
            self.child = subprocess.Popen(["taskset", "-c", str(core), *command], stdin=stdin,
                                          stdout=subprocess.PIPE, stderr=errors)
        self.pid = self.child.pid
        self.pending = b""

    def trouble(self, what):
        with open(self.log, errors="replace") as file:
            tail = file.read()[-2000:]
        return Trouble(f"{what}\n{self.pending.decode(errors='replace')}{tail}")

    def wait_line(self, start, timeout_s=START_S):
        """The first line of output that begins with start, without it."""
        deadline = time.monotonic() + timeout_s
        descriptor = self.child.stdout.fileno()
        while True:
            while b"\n" in self.pending:
                line, self.pending = self.pending.split(b"\n", 1)
                text = line.decode(errors="replace").strip()
                if text.startswith(start):
                    return text[len(start):]
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([descriptor], [], [], left)[0]:
                raise self.trouble(f"{self.child.args[3]} did not print \"{start}\" in {timeout_s} s")
            piece = os.read(descriptor, 65536)
            if not piece:
                raise self.trouble(f"{self.child.args[3]} ended with {self.child.wait()}")
            self.pending += piece

    def stop(self, sign=signal.SIGTERM, timeout_s=15):
        """Ends it and gives its exit status."""
        if self.child.poll() is None:
            self.child.send_signal(sign)
        try:
            self.child.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.communicate()
        return self.child.returncode


def memory_kib(pid, field="VmRSS"):
    with open(f"/proc/{pid}/status") as file:
        for line in file:
            if line.startswith(field + ":"):
                return int(line.split()[1])
    raise Trouble(f"process {pid} has no {field}")


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def exchange(port, body, path="/v1/chat/completions", timeout_s=20, key=NO_KEY):
    """One request over a connection of its own: (status, body)."""
    import http.client
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
        client.request("POST" if body else "GET", path, body, headers if body else {})
        answer = client.getresponse()
        return answer.status, answer.read()
    finally:
        client.close()


class Upstreams:
    """One upstream process for each way of answering; .ports by name."""

    def __init__(self, build, core, log):
        self.processes = []
        self.ports = {}
        for name, options in UPSTREAM_OPTIONS.items():
            command = [os.path.join(build, "upstream"), "--model", MODELS.get(name, "bench-model")]
            process = Process(command + options, core, log)
            self.processes.append(process)
            self.ports[name] = int(process.wait_line("listening on "))

    def stop(self):
        for process in self.processes:
            process.stop()


class Direct:
    """No gateway: the generator talks to the upstream."""
    name, pid, key = "direct", None, NO_KEY

    def __init__(self, upstreams):
        self.ports = upstreams.ports

    def stop(self):
        return 0


NGINX_CONF = """daemon off; worker_processes 1; pid {prefix}/nginx.pid; error_log stderr warn;
worker_rlimit_nofile 16384;
events {{ worker_connections 8192; }}
http {{
  access_log off; default_type application/octet-stream;
  client_body_temp_path {prefix}/body; proxy_temp_path {prefix}/proxy; fastcgi_temp_path {prefix}/f;
  uwsgi_temp_path {prefix}/u; scgi_temp_path {prefix}/s;
  client_body_buffer_size 256k; client_max_body_size 32m; keepalive_requests 1000000000;
  proxy_http_version 1.1; proxy_set_header Connection ""; proxy_read_timeout 600s;
{servers}}}
"""
NGINX_SERVER = """  upstream {name} {{ server 127.0.0.1:{upstream}; keepalive 1024; keepalive_requests 1000000000; }}
  server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ proxy_pass http://{name}; {extra} }} }}
"""


class Nginx:
    """One worker; a port each for answers (buffered, its best), streams (unbuffered), hold, split."""
    name, key = "nginx", NO_KEY

    def __init__(self, prefix, upstreams, core, log):
        os.makedirs(prefix, exist_ok=True)
        roles = {"bench": ("bench", ""), "stream": ("bench", "proxy_buffering off;"),
                 "hold": ("hold", "proxy_buffering off;"), "split": ("split", "proxy_buffering off;")}
        self.ports = dict(zip(roles, free_ports(len(roles))))
        servers = "".join(NGINX_SERVER.format(name=role, upstream=upstreams.ports[upstream],
                                              port=self.ports[role], extra=extra)
                          for role, (upstream, extra) in roles.items())
        conf = os.path.join(prefix, "nginx.conf")
        with open(conf, "w") as file:
            file.write(NGINX_CONF.format(prefix=prefix, servers=servers))
        self.process = Process(["nginx", "-p", prefix, "-c", conf], core, log)
        self.pid = self._worker()

    def _worker(self):
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if self.process.child.poll() is not None:
                raise self.process.trouble("nginx did not start")
            with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as file:
                children = file.read().split()
            if children and port_open(self.ports["split"]):
                return int(children[0])
            time.sleep(0.01)
        raise self.process.trouble("nginx has no worker")

    def stop(self):
        return self.process.stop(signal.SIGQUIT)


def port_open(port):
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    return False


def papi_client(binary, data, name="bench"):
    """A client with every limit; its row."""
    told = subprocess.run([binary, "client", "add", name, "--data", data, "--json", *CLIENT_LIMITS], stdout=subprocess.PIPE, check=True)
    return json.loads(told.stdout)


def papi_config(upstreams):
    lines = ["loops: 1", "auth: keys", "providers:"]
    for name, model in MODELS.items():
        lines.append(f"  {name}: {{type: openai, base_url: 'http://127.0.0.1:{upstreams.ports[name]}/v1', "
                     f"keys: [{{key: test-key}}], models: [{model}], concurrency: 2000}}")
    return "\n".join(lines) + "\n"


class Papi:
    """The release binary with one loop, its store and keys of clients; every role has the same port, models choose the upstream."""
    name = "papi"

    def __init__(self, binary, folder, upstreams, core, log, wrapper=()):
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        self.binary, self.data, self.key = binary, os.path.join(folder, "data"), NO_KEY
        with open(os.path.join(folder, "papi.yaml"), "w") as file:
            file.write(papi_config(upstreams))
        self.start(folder, core, log, wrapper)

    def start(self, folder, core, log, wrapper=()):
        command = [*wrapper, self.binary, "serve", "--config", os.path.join(folder, "papi.yaml"), "--data", self.data,
                   "--listen", "127.0.0.1:0"]
        self.process = Process(command, core, log)
        self.pid = self.process.pid
        address = self.process.wait_line("listening on http://127.0.0.1:", 120 if wrapper else START_S)
        self.port = int(address.split()[0].rstrip("/"))
        self.ports = {role: self.port for role in ("bench", "stream", "hold", "split")}

    def let_in(self):
        """From now on requests are those of a client with limits."""
        self.key = papi_client(self.binary, self.data)["key"]
        return self

    def first_200_ms(self):
        """From before fork and exec to the first 200 of /healthz."""
        while time.monotonic_ns() - self.process.started_ns < START_S * 1e9:
            with contextlib.suppress(OSError):
                if exchange(self.port, None, "/healthz")[0] == 200:
                    return (time.monotonic_ns() - self.process.started_ns) / 1e6
        raise self.process.trouble("/healthz never answered 200")

    def stop(self):
        return self.process.stop()


def generate(build, core, log, target_port, body_file, **options):
    """One run of the generator; its report."""
    command = ["taskset", "-c", str(core), os.path.join(build, "generator"), "--port",
               str(target_port), "--body", body_file]
    for name, value in options.items():
        if value is True:
            command.append("--" + name.replace("_", "-"))
        elif value is not None and value is not False:
            command += ["--" + name.replace("_", "-"), str(value)]
    with open(log, "ab") as errors:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)
        errors.write(done.stderr)
    if done.returncode != 0:
        raise Trouble(f"the generator gave up: {done.stderr.decode(errors='replace').strip()}")
    report = json.loads(done.stdout)
    if report["errors"]:
        raise Trouble(f"{report['errors']} requests failed, the first: {report['first_error']}")
    return report
