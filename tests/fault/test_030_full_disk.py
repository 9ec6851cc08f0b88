# SPDX-License-Identifier: Apache-2.0
"""Case 30 of the fault list, a full disk: the data directory lies on a small file system of its own that fills up while requests run. They go
on, the store says that it is degraded, and once there is room everything that was answered is in the totals."""

import subprocess

import admin
import papi_process
import pytest
from load import Load
from papi_process import answer_script, provider, wait_for

SIZE_MIB = 96


@pytest.fixture
def small_disk(tmp_path):
    """A tmpfs; skipped where none may be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m", "papi-test", folder], capture_output=True, text=True,
                          timeout=60, check=False)
    if done.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", folder], timeout=60, check=True)


def fill(folder):
    """Takes all that is left, to the last block."""
    file = folder / "filler"
    with open(file, "ab", buffering=0) as out:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    out.write(b"\0" * size)
            except OSError:
                continue
    return file


def store_of(papi):
    return admin.get(papi, "/admin/v1/status")["store"]


def totals(papi):
    rows = admin.get(papi, "/admin/v1/usage?by=day&limit=1000")["data"]
    return sum(row["requests"] for row in rows)


def test_030_the_disk_of_the_store_is_full(tmp_path, small_disk, upstream):
    config = {"loops": 2, "providers": {"only": provider(upstream(answer_script()).url, ["m"], concurrency=100)}}
    papi = papi_process.serve(tmp_path / "serve", config)
    papi.arguments[papi.arguments.index("--data") + 1] = str(small_disk / "data")
    with papi:
        with Load(papi, count=10) as load:
            load.more(100)
            filler = fill(small_disk)

            def is_degraded():
                fill(small_disk)  # what the store gave back meanwhile
                return store_of(papi)["state"] == "degraded"
            wait_for(is_degraded, 60, "the store has noticed")
            assert store_of(papi)["reason"]
            load.more(300)
            assert papi_process.request(papi, "GET", "/readyz")[0] == 200
            filler.unlink()
            wait_for(lambda: store_of(papi)["state"] == "ok", 60, "there is room again")
            load.more(100)
        assert not load.failures
        wait_for(lambda: totals(papi) >= load.answers, 30, "every answer is in the totals")
        assert totals(papi) == load.answers
        assert store_of(papi)["details_dropped"] == 0
    with papi_process.PapiProcess(papi.arguments[1:], cwd=papi.cwd) as again:
        assert totals(again) == load.answers
        (account,) = admin.get(again, "/v1/papi/capacity")["accounts"]
        assert account
