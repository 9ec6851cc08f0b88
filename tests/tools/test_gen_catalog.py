# SPDX-License-Identifier: Apache-2.0
"""The generator of the catalog's tables: the same files give the same bytes, and a bad row stops it with its place."""

import pathlib
import shutil
import subprocess

import papi_process
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
FACTS = ROOT / "src" / "catalog" / "facts"


@pytest.fixture
def generator():
    program = pathlib.Path(papi_process.papi_binary()).parent / "tools" / "gen_catalog"
    assert program.is_file(), "the build makes it"
    return program


@pytest.fixture
def files(tmp_path):
    copy = tmp_path / "facts"
    shutil.copytree(FACTS, copy)
    return copy


def run(generator, out, files):
    return subprocess.run([generator, out, *sorted(files.glob("*.yaml"))], capture_output=True, text=True, check=False)


def test_the_same_files_give_the_same_bytes(generator, files, tmp_path):
    for name in ("one.c", "two.c"):
        done = run(generator, tmp_path / name, files)
        assert (done.returncode, done.stderr) == (0, "")
    one = (tmp_path / "one.c").read_bytes()
    assert one == (tmp_path / "two.c").read_bytes()
    assert b"const struct facts facts_built_in" in one


def test_a_bad_row_stops_it_with_place_and_nearest_word(generator, files, tmp_path):
    groq = files / "groq.yaml"
    lines = groq.read_text(encoding="utf-8").split("\n")
    number = next(i for i, line in enumerate(lines) if "shape: rolling" in line)
    column = lines[number].index("rolling") + 1
    lines[number] = lines[number].replace("shape: rolling", "shape: roling")
    groq.write_text("\n".join(lines), encoding="utf-8")
    done = run(generator, tmp_path / "out.c", files)
    assert done.returncode == 1
    assert f"groq.yaml:{number + 1}:{column}: unknown shape 'roling'; the nearest known is 'rolling'" in done.stderr
    assert not (tmp_path / "out.c").exists()


def test_a_file_that_is_not_there(generator, files, tmp_path):
    done = subprocess.run([generator, tmp_path / "out.c", files / "none.yaml"], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 1
    assert "none.yaml cannot be read" in done.stderr
