# SPDX-License-Identifier: Apache-2.0
"""The official Node client, unmodified, against `papi serve` with `papi mock` behind it.

Each script in node/ runs once and prints a line for each of its checks; each check is a test here.
"""

import json
import pathlib
import re
import subprocess

import pytest

import papi_process
from stage import GOOD_TEXT, Stage

NODE = pathlib.Path(__file__).parent / "node"
SECONDS = 100
PROVIDERS = {
    "good": {"text": GOOD_TEXT},
    "drip": {"text": GOOD_TEXT, "gap_ms": 20},
    "tools": {"text": "It is warm."},
    "thinking": {"text": GOOD_TEXT, "reasoning": True},
    "short": {"always": "context"},
    "tomorrow": {"always": "429", "retry_after_ms": 4000000},
    "failing": {"always": "500"},
    "failing-too": {"always": "500"},
    "torn": {"always": "cut_mid_stream"},
    "silent": {"always": "stall_before_head"},
}


def checks_in(script):
    """The names of a script's checks: they stand at the start of their lines, two spaces in."""
    return re.findall(r"^  async (\w+)\(\)", (NODE / script).read_text(), re.MULTILINE)


@pytest.fixture(name="results", scope="module")
def fixture_results(tmp_path_factory):
    """Runs a script at most once; {check: None or why it failed}."""
    done = {}
    holder, dead = papi_process.closed_port()
    with Stage(tmp_path_factory.mktemp("node"), PROVIDERS, queue={"max_wait": "200ms"}) as stage:
        def run(node, script):
            if script not in done:
                done[script] = run_script(node, script, stage, dead)
            return done[script]
        yield run
        papi_process.wait_for(lambda: stage.stats("silent").get("open_now", 0) == 0 and
                              stage.stats("drip").get("open_now", 0) == 0, what="the end of what clients left")
    holder.close()


def run_script(node, script, stage, dead):
    program, folder = node
    env = papi_process.clean_environment({"PAPI_URL": stage.url, "GOOD_TEXT": GOOD_TEXT,
                                          "DEAD_URL": f"http://127.0.0.1:{dead}/v1"})
    ended = subprocess.run([program, script], cwd=folder, env=env, capture_output=True, text=True, timeout=SECONDS,
                           check=False)
    results = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("{")]
    assert ended.returncode == 0, ended.stderr
    return {result["name"]: None if result["ok"] else result["why"] for result in results}


@pytest.mark.parametrize("script, check", [(script, check) for script in ("chat.mjs", "errors.mjs")
                                           for check in checks_in(script)])
def test_node(node, results, script, check):
    outcome = results(node, script)
    assert check in outcome, f"{script} ended before {check}: {outcome}"
    assert outcome[check] is None, outcome[check]


def test_every_script_has_checks():
    assert len(checks_in("chat.mjs")) >= 12 and len(checks_in("errors.mjs")) >= 12
