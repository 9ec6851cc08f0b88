# SPDX-License-Identifier: Apache-2.0
"""What the README tells a newcomer to type, typed; only the ports are free ones instead of the usual, and nothing outside is asked."""

import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

import papi_process
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
USUAL_ADDRESS = "127.0.0.1:7274"
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, re.DOTALL)


def block(kind, mark=""):
    """The one code block of this kind that holds the mark."""
    found = [text for name, text in BLOCKS if name == kind and mark in text]
    assert len(found) == 1, f"{len(found)} blocks of {kind} with {mark!r}"
    return found[0]


def test_every_block_is_tried_here():
    assert sorted(name for name, _ in BLOCKS) == ["ini", "js", "python", "sh", "sh", "sh", "yaml"]


def make(line):
    """The last command that make would run for a line of the README."""
    words = shlex.split(line, comments=True)
    assert words[0] == "make"
    env = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}  # this may run under `make test`
    done = subprocess.run(["make", "--dry-run", *words[1:]], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def test_the_two_commands():
    run_line, test_line = block("sh", "make test").splitlines()
    assert make(run_line).split() == ["exec", "build/release/papi", "serve"]
    assert make(test_line) == "tests/run"
    config = re.search(r'`(make run ARGS="--config papi.yaml")`', README).group(1)
    assert make(config).split()[1:] == ["build/release/papi", "serve", "--config", "papi.yaml"]


@pytest.fixture(name="papi", scope="module")
def fixture_papi(tmp_path_factory):
    """The README's demo: no key, no network, no configuration."""
    folder = tmp_path_factory.mktemp("readme")
    serve = make(block("sh", "--demo")).split()[2:]
    env = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "none")}
    with papi_process.PapiProcess([*serve, "--data", folder / "data", "--listen", "127.0.0.1:0"], env=env, cwd=folder) as papi:
        yield papi


def here(text, papi):
    assert USUAL_ADDRESS in text
    return text.replace(USUAL_ADDRESS, f"127.0.0.1:{papi.port}")


def run(command, **named):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **named)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_curl(papi):
    assert '"finish_reason":"stop"' in run(["sh", "-ec", here(block("sh", "curl"), papi)])


def test_python(papi, tmp_path):
    program = tmp_path / "first.py"
    program.write_text(here(block("python"), papi))
    assert run([sys.executable, program]).strip()


def test_javascript(papi, node):
    program, folder = node
    assert run([program, "--input-type=module", "-e", here(block("js"), papi)], cwd=folder).strip()


def test_the_shown_configuration_is_valid(tmp_path):
    file = tmp_path / "papi.yaml"
    file.write_text(block("yaml"))
    done = papi_process.run_papi("check", "--config", file)
    assert done.returncode == 0 and done.stderr == "", done.stdout + done.stderr


def test_the_shown_variables_are_keys_that_are_found(tmp_path):
    names = [line.split("=")[0] for line in block("ini").splitlines()]
    (tmp_path / ".env").write_text("".join(f"{name}=test-{name}\n" for name in names))
    env = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "none")}
    done = papi_process.run_papi("check", "--json", env=env, cwd=tmp_path)
    assert [key["source"] for key in json.loads(done.stdout)["keys"]] == [".env:2", ".env:1", ".env:3"], done.stdout
    # As they stand, before anybody put a key there, they do no harm.
    (tmp_path / ".env").write_text(block("ini"))
    done = papi_process.run_papi("check", "--json", env=env, cwd=tmp_path)
    assert done.returncode == 0 and json.loads(done.stdout)["keys"] == [], done.stdout


# --- the table of commands --------------------------------------------------------------------------------------------
COMMANDS = re.findall(r"^\| `papi (.*?)` \|", README, re.MULTILINE)


def test_the_table_has_every_command():
    listed = re.findall(r"^  (\w+)  ", papi_process.run_papi("help").stdout, re.MULTILINE)
    assert {line.split()[0] for line in COMMANDS} == set(listed) - {"version", "help"}


# Commands of the owner, who reaches the instance by its data directory; and those that ask none.
BY_DATA = ("status", "requests", "reload", "client", "admin")
ALONE = ("provider", "check", "completion")


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.split()[0] not in ("serve", "mock", "doctor")])
def test_commands(papi, line, tmp_path):
    words = shlex.split(line)
    request_id = papi_process.chat(papi, "auto")[1]["x-request-id"]
    if words[0] == "request":
        words[1] = request_id
    if words[0] == "launch":
        words.append("--print-env")
    if words[0] in BY_DATA:
        words += ["--data", papi.arguments[papi.arguments.index("--data") + 1]]
    elif words[0] not in ALONE:
        words += ["--url", papi.url]
    done = papi_process.run_papi(*words, cwd=tmp_path, env={"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    assert (done.stdout + done.stderr).strip()  # an empty list says so on stderr


def test_links_lead_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links and [link for link in links if "://" not in link and not (ROOT / link).exists()] == []
