# SPDX-License-Identifier: Apache-2.0
"""Every command of the table, in a pipe and in a terminal: help, mistakes, --json, widths, colours, readers that go away.

The commands come from `papi reference json`. RUNS says how each is run so that it succeeds; a command without a row there fails
test_every_command_is_run_here, so that none is added untested."""

import json
import os
import signal
import subprocess
import unicodedata

import fake_instance
import papi_process
import pytest
import terminal
from papi_process import run_papi

COMMANDS = json.loads(run_papi("reference", "json").stdout)
GROUPS = [command for command in COMMANDS if command["group"]]
RUNNABLE = [command for command in COMMANDS if not command["group"]]
NAMES = [command["name"] for command in COMMANDS]

# Arguments with which it ends well by itself. "LONG": runs until it is told to end (test_long_commands.py).
RUNS = {
    "serve": "LONG", "mock": "LONG",
    "check": [], "version": [], "help": [], "reference": [], "complete": ["--", ""], "completion": ["bash"],
    "provider list": [], "provider show": ["groq"], "model list": [], "model show": ["gpt-oss-120b"],
    "status": [], "requests": [], "request": ["req-0000000000000003"], "reload": [],
    "capacity": [], "explain": [], "launch": ["aider", "--print-env"],
    "provider add": ["groq", "--key-file", "{folder}/key"], "provider import": ["{folder}/keys.env"],
    "provider pause": ["groq"], "provider resume": ["groq"], "provider remove": ["groq"],
    "provider rekey": ["--data", "{folder}/vault"], "provider test": ["--config", "{folder}/lab.yaml"],
    "client add": ["zoë"], "client list": [], "client show": ["cl_1"], "client limit": ["cl_1", "--concurrency", "2"],
    "client rotate": ["cl_1"], "client revoke": ["cl_1"], "admin token": ["list"],
    "chat": ["hello"], "doctor": ["--offline", "--config", "{folder}/lab.yaml", "--data", "{folder}/nowhere", "--listen", "127.0.0.1:0"],
}
TABLES = {  # fit any terminal: which part of the text is the table
    "status": lambda text: text.split("\n\n")[-1].replace("1 more are known; `papi provider list` tells where to get a key\n", ""),
    "requests": lambda text: text, "request": lambda text: "\n".join(text.splitlines()[2:]),
    "capacity": lambda text: text, "explain": lambda text: text, "client list": lambda text: text, "admin token": lambda text: text,
    "provider list": lambda text: text.split("\n\n")[0], "model list": lambda text: text.split("\n\n")[0]}
# Those that can do nothing without an instance.
ASKS = [command["name"] for command in RUNNABLE if any(option["name"] == "--data" for option in command["options"])
        and command["name"] not in ("serve", "doctor", "model list", "model show") and not command["name"].startswith("provider ")]
NOBODY = {"client list": [], "admin token": ["list"]}  # what is typed where RUNS has no row; else one word
HOSTILE = "e\x1b[31mvil\u202e\u0007"


def tell_models(connection):
    while connection.read_request() is not None:
        connection.respond(200, {"object": "list", "data": [{"id": "test-model", "object": "model"}]})


@pytest.fixture(name="instance", scope="module")
def fixture_instance(tmp_path_factory):
    """One that has seen requests with long, foreign and hostile names."""
    with fake_instance.FakeInstance(tmp_path_factory.mktemp("instance")) as instance:
        instance.rows = [
            fake_instance.row(1), fake_instance.row(2, status=429, error="rate_limit_exceeded", provider=None, served=None, client=None),
            fake_instance.record(3, attempts=2, model="模型-" * 12 + "ende"), fake_instance.row(4, model=HOSTILE, client=HOSTILE)]
        instance.answers["GET", "/v1/papi/capacity"] = (200, {"accounts": [
            {"provider": "groq", "account": "zoë" * 20, "now": {"requests": 3}, "today": {"tokens": 10**15}, "month": {}, "limits": [
                {"left": 3, "amount": 30, "limit": "30 requests a minute", "model": HOSTILE, "frees_in_ms": 59000}]}], "pool": {}})
        instance.answers["GET", "/v1/papi/explain"] = (200, {"candidates": [
            {"provider": "groq", "account": "zoë", "upstream_model": "m" * 90, "in": True, "chosen": True},
            {"provider": "my-lab", "account": HOSTILE, "upstream_model": "模型" * 20, "in": False, "chosen": False,
             "why": "its window is used up", "limit": "30 requests a minute", "available_in_ms": 59000}]})
        for method, end in (("POST", ""), ("GET", "/cl_1"), ("PATCH", "/cl_1"), ("DELETE", "/cl_1"), ("POST", "/cl_1/rotate")):
            instance.answers[method, "/admin/v1/clients" + end] = (200, fake_instance.client(1, key="sk-papi-" + "k" * 49) if method == "POST"
                                                                   else fake_instance.client(1))
        instance.answers["GET", "/admin/v1/clients"] = (200, fake_instance.listed([
            fake_instance.client(1), fake_instance.client(2, name=HOSTILE * 4), fake_instance.client(3, name="模型" * 20, role="admin")]))
        instance.answers["POST", "/v1/chat/completions"] = (200, fake_instance.CHAT)
        (instance.folder / "key").write_text("gsk_" + "a" * 48)
        (instance.folder / "keys.env").write_text("GROQ_API_KEY=gsk_" + "b" * 48 + "\n")
        for verb in ("pause", "resume"):
            instance.answers["POST", f"/admin/v1/providers/groq/{verb}"] = (200, fake_instance.PROVIDERS[0])
        instance.answers["POST", "/admin/v1/providers"] = (201, fake_instance.PROVIDERS[0])
        instance.answers["DELETE", "/admin/v1/providers/groq"] = (200, {"deleted": 1})
        instance.answers["POST", "/admin/v1/providers/import"] = (200, {
            "added": [{"provider": "groq", "account": "default", "from": "GROQ_API_KEY"}], "skipped": []})
        upstream = papi_process.ScriptedUpstream(tell_models)
        (instance.folder / "lab.yaml").write_text(json.dumps({"providers": {"lab": papi_process.provider(upstream.url)}}))
        (instance.folder / "vault").mkdir(mode=0o700)
        kept = run_papi("provider", "add", "groq", "--key-file", instance.folder / "key", "--data", instance.folder / "vault")
        assert kept.returncode == 0, kept.stderr
        with upstream:
            yield instance


def environment(instance, **more):
    return papi_process.clean_environment({"PAPI_DATA": str(instance.folder), "HOME": str(instance.folder), "TERM": "xterm-256color", **more})


def words(command):
    return command["name"].split()


def runs(command):
    found = RUNS.get(command["name"])
    return None if found is None or isinstance(found, str) else [*words(command), *found]


def filled(arguments, instance):
    return [argument.replace("{folder}", str(instance.folder)) for argument in arguments]


SHORT = [command for command in RUNNABLE if runs(command) is not None]


def by_name(command):
    return command["name"]


def test_every_command_is_run_here():
    assert sorted(RUNS) == sorted(command["name"] for command in RUNNABLE)
    assert [name for name, row in RUNS.items() if row == "LONG"] == ["serve", "mock"]


@pytest.mark.parametrize("command", COMMANDS, ids=by_name)
def test_help(command):
    for arguments in ([*words(command), "--help"], ["help", *words(command)]):
        done = run_papi(*arguments)
        assert (done.returncode, done.stderr) == (0, "")
        assert f"Usage: papi {command['name']}" in done.stdout and command["line"] in done.stdout
        for option in command["options"]:
            assert f"  {option['name']} {option['value']}".rstrip() in done.stdout and option["help"] in done.stdout
        for name in NAMES:
            if name.startswith(command["name"] + " "):
                assert f"\n  {name.split()[1]} " in done.stdout
        assert max(map(len, done.stdout.splitlines())) <= 100


@pytest.mark.parametrize("command", COMMANDS, ids=by_name)
def test_mistakes(command):
    """Exit 2, nothing on stdout, and what to type instead."""
    wrong = run_papi(*words(command), "--frobnicate")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    if not command["group"]:
        assert f"`papi {command['name']} --help` lists them" in wrong.stderr
        for option in command["options"]:
            wrong = run_papi(*words(command), option["name"] + "x", *(["v"] if option["value"] else []))
            assert wrong.returncode == 2 and "did you mean" in wrong.stderr
            if option["value"]:
                wrong = run_papi(*words(command), option["name"])
                assert wrong.returncode == 2 and f"{option['name']} needs a value: {option['name']} {option['value']}" in wrong.stderr
        required = command["operands"] and not command["operands"].startswith("[")
        if required:
            wrong = run_papi(*words(command))
            assert (wrong.returncode, wrong.stdout) == (2, "")
            assert f"needs {command['operands'].split()[0]}" in wrong.stderr and f"papi {command['name']} {command['operands']}" in wrong.stderr


@pytest.mark.parametrize("group", GROUPS, ids=by_name)
def test_groups(group):
    alone = run_papi(group["name"])
    assert alone.returncode == 2 and f"Usage: papi {group['name']} COMMAND" in alone.stderr and alone.stdout == ""
    first = next(name for name in NAMES if name.startswith(group["name"] + " "))
    nearly = run_papi(*first.split()[:-1], first.split()[-1] + "x")
    assert nearly.returncode == 2 and f"did you mean '{first}'?" in nearly.stderr


@pytest.mark.parametrize("command", SHORT, ids=by_name)
def test_in_a_pipe(command, instance):
    done = run_papi(*filled(runs(command), instance), env=environment(instance))
    assert done.returncode == 0, done.stderr
    assert done.stdout and "\x1b" not in done.stdout + done.stderr and "\u202e" not in done.stdout


@pytest.mark.parametrize("command", [c for c in SHORT if any(o["name"] == "--json" for o in c["options"])], ids=by_name)
def test_json(command, instance):
    done = run_papi(*filled(runs(command), instance), "--json", env=environment(instance))
    assert done.returncode == 0, done.stderr
    json.loads(done.stdout)


def test_what_prints_data_has_json():
    """All but those that print text for a program of its own kind."""
    without = {command["name"] for command in RUNNABLE if not any(option["name"] == "--json" for option in command["options"])}
    assert without == {"serve", "mock", "chat", "help", "reference", "complete", "completion"}


@pytest.mark.parametrize("command", SHORT, ids=by_name)
@pytest.mark.parametrize("columns", [40, 80, 200])
def test_in_a_terminal(command, columns, instance):
    code, text = terminal.run_in_terminal([papi_process.papi_binary(), *filled(runs(command), instance)], environment(instance), columns)
    assert code == 0 and terminal.plain(text).strip(), text
    papi_process.assert_no_sanitizer_report(text)
    if command["name"] in TABLES:
        lines = TABLES[command["name"]](terminal.plain(text)).splitlines()
        assert lines and max(map(columns_of, lines)) <= columns, text


def columns_of(text):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def test_columns_by_variable(instance):
    """$COLUMNS rules in a pipe too; without it nothing is cut there."""
    cut = run_papi("requests", env=environment(instance, COLUMNS="60")).stdout
    whole = run_papi("requests", env=environment(instance)).stdout
    assert max(map(columns_of, cut.splitlines())) <= 60 < max(map(columns_of, whole.splitlines()))
    assert "模型-" * 12 + "ende" in whole


@pytest.mark.parametrize("more, coloured", [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)])
def test_colours(instance, more, coloured):
    for arguments in (["--help"], ["frobnicate"]):
        _, text = terminal.run_in_terminal([papi_process.papi_binary(), *arguments], environment(instance, **more))
        assert ("\x1b[" in text) == coloured


@pytest.mark.parametrize("command", SHORT, ids=by_name)
def test_a_reader_that_goes_away(command, instance):
    """`papi ... | head -0`: quiet, and no failure; but a key that is shown once and was not seen is lost."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run([papi_process.papi_binary(), *filled(runs(command), instance)], env=environment(instance), stdout=writer, stderr=subprocess.PIPE,
                              text=True, timeout=60, check=False)
    finally:
        os.close(writer)
    if command["name"] in ("client add", "client rotate"):
        assert done.returncode == 1 and "nobody has it; `papi client rotate NAME`" in done.stderr
    else:
        assert done.returncode in (0, -signal.SIGPIPE) and done.stderr == "", done.stderr


def test_a_full_disk_is_told():
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([papi_process.papi_binary(), "version"], env=papi_process.clean_environment(), stdout=full,
                              stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert done.returncode == 1 and done.stderr == "papi: cannot write to standard output\n"


@pytest.mark.parametrize("name", ASKS)
def test_nobody_there(name, tmp_path):
    """What was tried and how to start one; exit 1."""
    arguments = RUNS[name] if isinstance(RUNS[name], list) else NOBODY.get(name, ["hello"])
    done = run_papi(*name.split(), *arguments, "--data", tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"papi: no PAPI is running at {tmp_path}/papi.sock; start one with `papi serve`\n"
    done = run_papi(*name.split(), *arguments, env={"XDG_DATA_HOME": str(tmp_path), "PAPI_DATA": ""})
    assert done.returncode == 1 and f"at {tmp_path}/papi/papi.sock" in done.stderr and "/var/lib/papi/papi.sock" in done.stderr
    assert run_papi(*name.split(), *arguments, "--data", tmp_path, "--url", "http://127.0.0.1:1").returncode == 2


def test_a_stale_socket_and_a_long_path(tmp_path):
    instance = fake_instance.FakeInstance(tmp_path / "a")
    with instance:
        os.link(tmp_path / "a" / "papi.sock", tmp_path / "stale")
    os.rename(tmp_path / "stale", tmp_path / "a" / "papi.sock")
    assert "no PAPI is running at" in run_papi("status", "--data", tmp_path / "a").stderr
    long = tmp_path / ("d" * 100)
    assert "a longer path than sockets can have" in run_papi("status", "--data", long).stderr


def test_the_first_place_that_answers(tmp_path):
    """One's own instance before that of the system; --data before $PAPI_DATA and $PAPI_URL."""
    with fake_instance.FakeInstance(tmp_path / "papi") as own, fake_instance.FakeInstance(tmp_path / "other") as other:
        env = {"XDG_DATA_HOME": str(tmp_path)}
        assert run_papi("status", env=env).returncode == 0 and own.asked and not other.asked
        own.asked.clear()
        env |= {"PAPI_DATA": str(tmp_path / "papi"), "PAPI_URL": "http://127.0.0.1:1"}
        assert run_papi("status", "--data", tmp_path / "other", env=env).returncode == 0 and other.asked and not own.asked


# --- status, reload, request ------------------------------------------------------------------------------------------
def test_status_tells_all(instance):
    text = run_papi("status", env=environment(instance)).stdout
    for part in ("PAPI 0.1.0, instance a1b2c3, process 4242", "2026-11-28 11:00:00 UTC (2 h 1 min)", "[::1]:7274", "/home/zoë/data",
                 "3 open, 1 of them waiting; 1042 since the start", "degraded: the disk is full, 12.3 MiB", "7 requests are counted", "34.0 MiB",
                 "groq      available", "my-lab    resting", "429 at 11:58:02", "1 more are known"):
        assert part in text, (part, text)
    assert "mistral" not in text


def test_reload(tmp_path):
    with fake_instance.FakeInstance(tmp_path) as instance:
        done = run_papi("reload", "--data", tmp_path)
        assert (done.returncode, done.stdout) == (0, "the configuration is read anew: version 2\n")
        instance.answers["POST", "/admin/v1/reload"] = (200, {"config_version": 3, "warnings": ["papi.yaml:3:1: warning: old"]})
        assert run_papi("reload", "--data", tmp_path).stderr == "papi.yaml:3:1: warning: old\n"
        wrong = {"error": {"message": "papi.yaml:3:1: error: unknown setting 'lisen'", "type": "x", "param": None, "code": "x"}}
        instance.answers["POST", "/admin/v1/reload"] = (422, wrong)
        done = run_papi("reload", "--data", tmp_path)
        assert (done.returncode, done.stdout) == (1, "") and done.stderr == "papi: papi.yaml:3:1: error: unknown setting 'lisen'\n"


def test_request(instance):
    text = run_papi("request", "req-0000000000000003", env=environment(instance)).stdout
    assert "took 900 ms, 0 of them waiting; 10 tokens in, 200 out; 2 attempts" in text
    assert " overloaded     503 " in text and "模型" in text and "880 ms" in text
    done = run_papi("request", "../../v1/models?x=y", env=environment(instance))
    assert done.returncode == 1 and instance.asked[-1][1] == "/admin/v1/requests/..%2F..%2Fv1%2Fmodels%3Fx%3Dy"
    assert run_papi("request", "x" * 400, env=environment(instance)).returncode == 2


# --- requests ---------------------------------------------------------------------------------------------------------
def test_requests_are_filtered_by_the_instance(instance):
    done = run_papi("requests", "--failed", "--client", "zoë & co", "--model", "a/b", "--since", "1h", "--limit", "5", "--provider", "groq",
                    env=environment(instance))
    assert done.returncode == 0 and done.stdout.count("\n") == 2 and "rate_limit_exceeded" in done.stdout
    query = [query for _, path, query in instance.asked if path == "/admin/v1/requests"][-1]
    since = query.pop("since")
    assert query == {"failed": "true", "client": "cl_8", "model": "a/b", "limit": "5", "provider": "groq"}
    assert since.endswith("Z") and len(since) == 24


@pytest.mark.parametrize("arguments, words_of_it", [(["--limit", "0"], "from 1 to 1000"), (["--limit", "1001"], "from 1 to 1000"),
                                                    (["--since", "yesterday"], "90s, 15m, 1h or 7d"), (["--client", "c" * 3000], "too long")])
def test_requests_used_wrongly(arguments, words_of_it, instance):
    done = run_papi("requests", *arguments, env=environment(instance))
    assert (done.returncode, done.stdout) == (2, "") and words_of_it in done.stderr


def test_no_requests(tmp_path):
    with fake_instance.FakeInstance(tmp_path):
        done = run_papi("requests", "--data", tmp_path)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "no requests\n")


def follow(folder, *more, **named):
    return subprocess.Popen([papi_process.papi_binary(), "requests", "--follow", "--data", folder, *more], text=True,
                            env=papi_process.clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, **named)


def test_follow_shows_each_once(tmp_path):
    """Also when more come at once than an answer holds, and when the first comes later."""
    with fake_instance.FakeInstance(tmp_path) as instance, follow(tmp_path, "--json") as process:
        papi_process.wait_for(lambda: instance.asked, what="the first question")
        instance.rows += [fake_instance.row(number) for number in range(1, 5)]
        seen = [json.loads(process.stdout.readline())["id"] for _ in range(4)]
        instance.rows += [fake_instance.row(number) for number in range(5, 2505)]
        seen += [json.loads(process.stdout.readline())["id"] for _ in range(2500)]
        assert seen == [known["id"] for known in instance.rows]
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        assert process.stdout.read() == "" and process.stderr.read() == ""


def test_follow_ends_with_its_reader(tmp_path):
    with fake_instance.FakeInstance(tmp_path) as instance, follow(tmp_path) as process:
        papi_process.wait_for(lambda: instance.asked, what="the first question")
        process.stdout.close()
        assert process.wait(30) == 0 and process.stderr.read() == ""


def test_follow_goes_on_when_the_last_is_no_longer_kept(tmp_path):
    """Retention took it, or the database was set aside."""
    with fake_instance.FakeInstance(tmp_path) as instance, follow(tmp_path, "--json") as process:
        instance.rows = [fake_instance.row(1), fake_instance.row(2)]
        seen = [json.loads(process.stdout.readline())["id"] for _ in range(2)]
        instance.rows = [fake_instance.row(number) for number in range(5, 8)]
        seen += [json.loads(process.stdout.readline())["id"] for _ in range(3)]
        instance.rows.append(fake_instance.row(8))
        seen.append(json.loads(process.stdout.readline())["id"])
        assert seen == [fake_instance.row(number)["id"] for number in (1, 2, 5, 6, 7, 8)]
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0 and process.stderr.read().count("no longer kept") == 1


def test_follow_in_a_terminal(tmp_path):
    with fake_instance.FakeInstance(tmp_path) as instance:
        instance.rows = [fake_instance.row(1)]
        arguments = [papi_process.papi_binary(), "requests", "--follow", "--data", tmp_path]
        with terminal.Terminal(arguments, papi_process.clean_environment({"TERM": "xterm"}), 100) as screen:
            assert "STATUS" in screen.wait_for("req-0000000000000001")
            instance.rows.append(fake_instance.row(2))
            assert "STATUS" not in screen.wait_for("req-0000000000000002")
            screen.type("\x03")
            code, _ = screen.end()
            assert code == 0


def test_follow_asks_rarely(tmp_path):
    """About once a second, and hardly any processor time."""
    with fake_instance.FakeInstance(tmp_path) as instance, follow(tmp_path) as process:
        papi_process.wait_for(lambda: len(instance.asked) >= 3, what="the third question")
        stat = open(f"/proc/{process.pid}/stat", encoding="ascii").read().rsplit(")", 1)[1].split()
        used_s = (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0 and len(instance.asked) <= 4 and used_s < 1.5


def test_follow_ends_when_the_instance_does(tmp_path):
    with fake_instance.FakeInstance(tmp_path) as instance:
        process = follow(tmp_path)
        papi_process.wait_for(lambda: instance.asked, what="the first question")
    with process:
        assert process.wait(30) == 1 and "no PAPI is running" in process.stderr.read()


# --- by URL -----------------------------------------------------------------------------------------------------------
def test_the_key_goes_to_urls_only(tmp_path):
    seen = []

    def script(connection):
        headers, _ = connection.read_request()
        seen.append(headers.get("authorization"))
        connection.send("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")

    with papi_process.ScriptedUpstream(script) as upstream:
        env = {"PAPI_API_KEY": "sk-papi-test"}
        assert run_papi("capacity", "--json", "--url", upstream.url, env=env).returncode == 0
        assert run_papi("capacity", "--json", "--url", upstream.url).returncode == 0
        assert run_papi("capacity", "--json", env=env | {"PAPI_URL": upstream.url}).returncode == 0
        assert seen == ["Bearer sk-papi-test", None, "Bearer sk-papi-test"]
        done = run_papi("capacity", "--url", upstream.url, env={"PAPI_API_KEY": "two\r\nlines"})
        assert done.returncode == 1 and "two" not in done.stderr
