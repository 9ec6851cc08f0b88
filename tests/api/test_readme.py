# SPDX-License-Identifier: Apache-2.0
"""What the README tells a newcomer to type, typed; only the ports are free ones instead of the usual."""

import pathlib
import re
import subprocess
import sys

import papi_process
import pytest

README = (pathlib.Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
USUAL_ADDRESS = "127.0.0.1:7274"
MOCK_ADDRESS = "127.0.0.1:7280"


def block(kind, mark=""):
    """The one code block of this kind that holds the mark."""
    found = [text for name, text in re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)
             if name == kind and mark in text]
    assert len(found) == 1, f"{len(found)} blocks of {kind} with {mark!r}"
    return found[0]


@pytest.fixture
def papi(start_mock, start_serve):
    """PAPI with the README's simulated provider behind it."""
    config = re.search(r"<<'END'\n(.*?)END\n", block("sh", MOCK_ADDRESS), re.DOTALL).group(1)
    assert MOCK_ADDRESS in config
    playing = start_mock()
    return start_serve(config.replace(MOCK_ADDRESS, f"127.0.0.1:{playing.port}"))


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


def test_terminal(papi):
    question = re.search(r'build/release/papi chat ("[^"]+")', README).group(1).strip('"')
    done = papi_process.run_papi("chat", "--url", papi.url, question)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_the_shown_configuration_is_valid(tmp_path):
    file = tmp_path / "papi.yaml"
    file.write_text(block("yaml"))
    done = papi_process.run_papi("check", "--config", file, env={"EXAMPLE_API_KEY": "test"})
    assert done.returncode == 0, done.stdout + done.stderr
