# SPDX-License-Identifier: Apache-2.0
"""Case 30 of the fault list: no port is left for another outgoing connection."""

import json
import pathlib
import shutil
import subprocess
import sys

import papi_process
import pytest

SCRIPT = pathlib.Path(__file__).resolve().parent / "few_ports.py"


def test_030_ports_run_out(tmp_path):
    """The request that finds none is told in words, those that have one go on, and everything is well when ports are free again."""
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "-n", "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("a network of its own needs unshare(1) and the right to use it")
    done = subprocess.run([unshare, "-n", sys.executable, SCRIPT, tmp_path], env=papi_process.clean_environment(), capture_output=True, text=True,
                          timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    status, fields, body = seen["refused"]
    assert status in (429, 502, 503) and body["error"]["message"] and body["error"]["code"], seen
    assert fields["x-request-id"]
    assert seen["held"] == 4 and seen["served"] == [200] * 4 and seen["answered"] == 200
