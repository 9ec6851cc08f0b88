# SPDX-License-Identifier: Apache-2.0
"""`make install` into a folder of one's own, and manual pages as man would show them."""

import os
import pathlib
import re
import shutil
import stat
import subprocess

import papi_process
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs" / "man").glob("*.1"))


def install(*arguments):
    return subprocess.run([ROOT / "scripts" / "install", papi_process.papi_binary(), *arguments], capture_output=True, text=True, timeout=120,
                          cwd="/", check=False)


def files_below(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_install(tmp_path):
    done = install(tmp_path / "root", "/opt/papi")
    assert done.returncode == 0, done.stderr
    root = tmp_path / "root" / "opt" / "papi"
    installed = files_below(root)
    assert installed == files_below(tmp_path / "root" / "opt" / "papi") and {path.name for path in (tmp_path / "root").iterdir()} == {"opt"}
    units = {name for name in installed if name.startswith("lib/systemd/system/")}
    assert installed - units == {
        "bin/papi", "share/bash-completion/completions/papi", "share/zsh/site-functions/_papi", "share/fish/vendor_completions.d/papi.fish",
        "share/doc/papi-gateway/LICENSE", *(f"share/man/man1/{page.name}" for page in PAGES)}
    assert units == {f"lib/systemd/system/{unit.name}" for unit in (ROOT / "packaging" / "systemd").glob("papi.*")}
    for name in units:
        text = (root / name).read_text()
        assert "/usr/bin/papi" not in text and ("ExecStart=/opt/papi/bin/papi serve\n" in text or name.endswith(".socket")), text
    assert stat.S_IMODE(os.stat(root / "bin" / "papi").st_mode) == 0o755
    version = subprocess.run([root / "bin" / "papi", "version"], capture_output=True, text=True, timeout=60, check=True)
    assert version.stdout.startswith("papi ")
    assert install(tmp_path / "root", "/opt/papi").returncode == 0 and files_below(root) == installed  # again: the same


@pytest.mark.parametrize("arguments, words", [(["", "relative"], "must be an absolute path"), (["", ""], "usage:"), ([], "usage:")])
def test_install_used_wrongly(arguments, words):
    done = install(*arguments)
    assert done.returncode == 2 and words in done.stderr


def test_the_target_of_make():
    done = subprocess.run(["make", "--dry-run", "install", "PREFIX=/usr", "DESTDIR=/tmp/x y"], cwd=ROOT, capture_output=True, text=True,
                          timeout=60, check=True, env={k: v for k, v in os.environ.items() if not k.startswith("MAKE")})
    assert 'scripts/install build/release/papi "/tmp/x y" "/usr"' in done.stdout


def formatter():
    """What shows manual pages here, with all warnings."""
    if shutil.which("mandoc"):
        return ["mandoc", "-Tlint", "-Wwarning"]
    if shutil.which("groff"):
        return ["groff", "-mdoc", "-ww", "-Tutf8", "-z"]
    return pytest.skip("neither mandoc nor groff is here (scripts/setup --test installs one)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_manual_pages_are_clean(page):
    done = subprocess.run([*formatter(), page], capture_output=True, text=True, timeout=60, check=False)
    wrong = [line for line in done.stdout.splitlines() + done.stderr.splitlines() if "referenced manual not found" not in line]
    assert done.returncode == 0 and not wrong, wrong


def test_a_page_says_what_help_says():
    if not shutil.which("groff"):
        pytest.skip("no groff here (scripts/setup --test installs it)")
    done = subprocess.run(["groff", "-mdoc", "-Tascii", ROOT / "docs" / "man" / "papi-requests.1"], capture_output=True, text=True, timeout=60,
                          check=True)
    shown = re.sub(r"\x1b\[[0-9;]*m|.\x08", "", done.stdout)
    for part in ("PAPI-REQUESTS(1)", "--follow", "--since DURATION", "show further ones as they end, until Ctrl-C", "a whole number and a unit"):
        assert part in re.sub(r"\s+", " ", shown), shown
