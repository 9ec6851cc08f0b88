# SPDX-License-Identifier: Apache-2.0
"""What README.md and docs/guides/*.md tell people to type, typed: every ```sh and ```python block runs, in the order of its page, and
every command and option that any page names exists.

A page has an instance of its own: `papi serve --demo` in a home of its own, so that commands find it as a user's would, and `papi mock`
beside it. The usual addresses 127.0.0.1:7274 (serve), :7275 and :7280 (mock) become theirs; a block must end by itself, with exit code 0. What
differs is said by a comment on the line above the block, which readers do not see:

    <!-- sh: not run: REASON -->      it cannot run here: why, and where it is tried instead
    <!-- sh: exit 1 -->               it ends with this code
    <!-- serve -->                    above a ```yaml block: the page's instance runs with it, in place of --demo
"""

import contextlib
import json
import pathlib
import re
import shlex
import subprocess
import sys

import papi_process
import pytest
from papi_process import run_papi

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs" / "guides").glob("*.md"))]
ALL_PAGES = [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md")),
             *sorted((ROOT / "docs" / "internals").glob("*.md")), *sorted((ROOT / "docs" / "reference").glob("*.md"))]
BLOCK = re.compile(r"(?:^<!-- (?P<mark>[^\n]*?) -->\n)?^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
MARKS = {"sh": re.compile(r"sh: (not run: (?P<why>.{20,})|exit (?P<code>\d+))"), "yaml": re.compile(r"serve")}
USUAL = {"127.0.0.1:7274": "serve", "127.0.0.1:7275": "mock", "127.0.0.1:7280": "mock"}
PROGRAMS = {"sh": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-c"]}


def blocks_of(page):
    return [found.groupdict() for found in BLOCK.finditer(page.read_text(encoding="utf-8"))]


def runnable(page):
    return [block for block in blocks_of(page) if block["kind"] in PROGRAMS and not (block["mark"] or "").startswith("sh: not run")]


def name_of(page):
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_marks_are_known(page):
    text = page.read_text(encoding="utf-8")
    for block in blocks_of(page):
        if block["mark"] is not None:
            assert MARKS[block["kind"]].fullmatch(block["mark"]), f"{block['mark']!r} is no mark (see the top of this file)"
    marks = re.findall(r"^<!-- (?:sh: |serve\b)", text, re.MULTILINE)
    assert len(marks) == sum(block["mark"] is not None for block in blocks_of(page)), "a mark stands right above its block"


@contextlib.contextmanager
def stage(page, folder):
    """(environment, folder to be in, addresses) of the page's own instance and simulator."""
    configs = [block["text"] for block in blocks_of(page) if block["kind"] == "yaml" and block["mark"] == "serve"]
    assert len(configs) <= 1, "one instance a page"
    home = folder / "home"
    home.mkdir()
    env = {"HOME": str(home), "XDG_CONFIG_HOME": "", "XDG_DATA_HOME": "", "PAPI_DATA": ""}
    with papi_process.mock(folder / "mock", "healthy", env=env) as mock:
        extra = ["--demo"]
        if configs:
            here = re.sub(r"127\.0\.0\.1:72(75|80)", f"127.0.0.1:{mock.port}", configs[0])
            (folder / "papi.yaml").write_text(here)
            extra = ["--config", folder / "papi.yaml"]
        with papi_process.PapiProcess(["serve", "--listen", "127.0.0.1:0", *extra], env=env, cwd=home) as serve:
            addresses = {"serve": f"127.0.0.1:{serve.port}", "mock": f"127.0.0.1:{mock.port}"}
            yield papi_process.clean_environment(env), home, addresses


def run_block(block, env, home, addresses):
    text = block["text"]
    for usual, name in USUAL.items():
        text = text.replace(usual, addresses[name])
    env = env | {"PATH": f"{home / 'bin'}:{env['PATH']}"}
    done = subprocess.run([*PROGRAMS[block["kind"]], text], env=env, cwd=home, capture_output=True, text=True, timeout=120,
                          stdin=subprocess.DEVNULL, check=False)
    papi_process.assert_no_sanitizer_report(done.stderr)
    code = re.fullmatch(r"sh: exit (\d+)", block["mark"] or "")
    assert done.returncode == (int(code.group(1)) if code else 0), f"{text}\n--- stdout\n{done.stdout}\n--- stderr\n{done.stderr}"


@pytest.mark.parametrize("page", [page for page in PAGES if runnable(page)], ids=name_of)
def test_blocks_run(page, tmp_path):
    with stage(page, tmp_path) as (env, home, addresses):
        (home / "bin").mkdir()
        (home / "bin" / "papi").symlink_to(papi_process.papi_binary())
        for block in runnable(page):
            run_block(block, env, home, addresses)


# --- every command that is named --------------------------------------------------------------------------------------
COMMANDS = {command["name"]: command for command in json.loads(run_papi("reference", "json").stdout)}


def named_commands(page):
    """`papi ...` in running text, and the lines of sh blocks that begin with it."""
    text = page.read_text(encoding="utf-8")
    inline = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    for found in re.findall(r"`papi ([^`]+)`", re.sub(r"\s*\n\s*", " ", inline)):
        yield found.replace("\\|", "|")
    for block in blocks_of(page):
        if block["kind"] == "sh":
            for line in re.sub(r"\\\n", " ", block["text"]).splitlines():
                if line.startswith("papi "):
                    yield line.removeprefix("papi ")


def wrong_with(line):
    """What is wrong with a command as it is written, or None."""
    try:
        words = shlex.split(line.split(" | ")[0], comments=True)
    except ValueError:
        words = line.split()
    if not words or not words[0].islower():  # `papi COMMAND`
        return None
    names = [words[0]]
    if words[0] in COMMANDS and COMMANDS[words[0]]["group"] and len(words) > 1 and not words[1].startswith("-"):
        names = [f"{words[0]} {sub}" for sub in words[1].split("|") if sub.islower()]
    for name in names:
        if name not in COMMANDS:
            return f"there is no `papi {name}`"
        known = {option["name"] for option in COMMANDS[name]["options"]} | {"--help"}
        if COMMANDS[name]["group"]:
            known |= {option["name"] for command in COMMANDS.values() if command["name"].startswith(f"{name} ") for option in command["options"]}
        for word in words:
            if word.strip("[]") == "--":
                break
            option = word.strip("[]").split("=")[0]
            if option.startswith("--") and option not in known:
                return f"`papi {name}` has no {option}"
    return None


@pytest.mark.parametrize("page", ALL_PAGES, ids=name_of)
def test_commands_that_are_named_exist(page):
    wrong = {line: wrong_with(line) for line in named_commands(page)}
    assert not any(wrong.values()), {line: why for line, why in wrong.items() if why}


def test_wrong_commands_would_be_found():
    for line in ("frobnicate", "provider frobnicate", "requests --folow", "provider list|shw", "capacity --json=1 --x", "provider --jsn"):
        assert wrong_with(line), line
    for line in ("provider list|show", "requests --follow --failed", "COMMAND --x", "launch aider -- --model x", "explain --model=tiny"):
        assert wrong_with(line) is None, line
