# SPDX-License-Identifier: Apache-2.0
"""Completion: what `papi complete` offers, and that the scripts offer it in a real bash, zsh and fish."""

import pathlib
import re
import shutil
import socket
import subprocess
import time

import fake_instance
import papi_process
import pytest
import terminal
from papi_process import run_papi

PAPI = pathlib.Path(papi_process.papi_binary())


@pytest.fixture(name="instance", scope="module")
def fixture_instance(tmp_path_factory):
    with fake_instance.FakeInstance(tmp_path_factory.mktemp("instance")) as instance:
        instance.rows = [fake_instance.row(1)]
        instance.answers["GET", "/v1/models"] = (200, fake_instance.listed([
            {"id": "auto:fast", "providers": 1}, {"id": "modèle-d’été", "providers": 1}, {"id": "two\nlines", "providers": 1}]))
        yield instance


def offered(*words, env=None):
    done = run_papi("complete", "--", *words, env=env)
    assert (done.returncode, done.stderr) == (0, "")
    return [line.split("\t")[0] for line in done.stdout.splitlines()]


@pytest.mark.parametrize("words, expected", [
    ([], ["serve", "status"]), (["st"], ["status"]), (["re"], ["requests", "request", "reload"]), (["zzz"], []),
    (["provider", ""], ["list", "show", "test"]), (["provider", "s"], ["show"]), (["provider", "show", "gro"], ["groq"]),
    (["provider", "test", "groq", "mistr"], ["mistral"]), (["provider", "show", "groq", ""], []),
    (["model", "show", "gpt-oss-1"], ["gpt-oss-120b"]), (["explain", "--model", "gpt-oss-1"], ["gpt-oss-120b"]),
    (["explain", "--model=gpt-oss-1"], ["--model=gpt-oss-120b"]), (["-"], ["--help", "--version"]), (["status", "--j"], ["--json"]),
    (["requests", "--f"], ["--follow", "--failed"]), (["serve", "--config", ""], [":file"]), (["serve", "--data", "x"], [":directory"]),
    (["mock", "--scenario", "hea"], ["healthy", ":file"]), (["completion", ""], ["bash", "zsh", "fish"]), (["completion", "f"], ["fish"]),
    (["launch", "c"], ["claude", "codex"]), (["help", "pro"], ["provider"]), (["help", "provider", "s"], ["show"]),
    (["help", "serve", ""], []), (["serve", "--", "--"], []), (["--frobnicate", "stat"], ["status"]), (["nonsense", ""], []),
])
def test_what_is_offered(words, expected):
    found = offered(*words)
    for name in expected:
        assert name in found, found
    last = words[-1] if words else ""
    assert all(name.startswith((last, ":")) for name in found) and (expected or not found), found


def test_names_of_the_running_instance(instance):
    env = {"PAPI_DATA": str(instance.folder)}
    assert offered("chat", "--model", "mod", env=env) == ["modèle-d’été"]
    assert offered("chat", "--model", "two", env=env) == []  # a name of two lines would be two candidates
    assert offered("requests", "--client", "", env=env) == ["cl_1", "zoë"]
    assert offered("request", "", env=env) == ["req-0000000000000001"]
    assert "my-lab" in offered("requests", "--provider", "", env=env)
    assert offered("request", "--data", str(instance.folder), "") == ["req-0000000000000001"]


def test_silent_and_fast(tmp_path):
    """Whatever the instance does: nobody there, one that never answers, an address that is none."""
    assert offered("request", "", env={"PAPI_DATA": str(tmp_path / "none")}) == []
    assert offered("request", "--url", "nonsense", "") == []
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "papi.sock"))
        silent.listen(5)
        started = time.monotonic()
        assert "groq" in offered("provider", "show", "", env={"PAPI_DATA": str(tmp_path)})
        assert time.monotonic() - started < 5  # a sanitizer build on a busy machine; 0.4 s are waited


# --- real shells ------------------------------------------------------------------------------------------------------
def environment(instance):
    return papi_process.clean_environment({
        "PATH": f"{PAPI.parent}:/usr/bin:/bin", "PAPI_DATA": str(instance.folder), "HOME": str(instance.folder), "TERM": "xterm",
        "LC_ALL": "C.UTF-8", "COLUMNS": "200", "fish_features": "no-query-term"})


def needed(shell):
    path = shutil.which(shell)
    if path is None:
        pytest.skip(f"no {shell} here (scripts/setup --test installs it)")
    return path


CLEAR = "\x15\r"  # the line is forgotten, and an empty one entered

# What is typed, and what the line is after the tab.
TYPED = [
    ("papi stat", "papi status "), ("papi provider sh", "papi provider show "), ("papi provider show gro", "papi provider show groq "),
    ("papi explain --mod", "papi explain --model "), ("papi chat --model auto:f", "papi chat --model auto:fast "),
    ("papi chat --model mod", "papi chat --model modèle-d’été "), ("papi requests --client zo", "papi requests --client zoë "),
    ("papi request req-", "papi request req-0000000000000001 "), ("papi check --config settings-f", "papi check --config settings-file.yaml "),
    ("papi serve --data folder-o", "papi serve --data folder-of-mine/"), ("papi help mod", "papi help model "),
]


@pytest.fixture(name="folder", scope="module")
def fixture_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("typing")
    (folder / "settings-file.yaml").write_text("")
    (folder / "folder-of-mine").mkdir()
    return folder


def try_typing(screen, prompt):
    """Each line is typed with a tab; the cursor is then at its end."""
    for typed, expected in TYPED:
        screen.type(typed + "\t")
        screen.wait_for(expected.rstrip())
        screen.type(CLEAR)
        screen.wait_for(prompt)


def test_bash(instance, folder):
    with terminal.Terminal([needed("bash"), "--norc", "--noprofile", "-i"], environment(instance), 200, cwd=folder) as screen:
        screen.type("PS1='rea''dy> '; bind 'set enable-bracketed-paste off'; eval \"$(papi completion bash)\"\n")
        screen.wait_for("ready> ")
        try_typing(screen, "ready> ")
        screen.type("papi chat --model=auto:f\t")
        screen.wait_for("--model=auto:fast")
        screen.type(CLEAR)
        screen.wait_for("ready> ")
        screen.type("papi provider \t\t")
        seen = screen.wait_for("test")
        assert re.search(r"list\s+[^$]*show\s+test", terminal.plain(seen))


def test_zsh(instance, folder, tmp_path):
    (tmp_path / ".zshrc").write_text("PS1='rea''dy> '\nunsetopt promptsp\nautoload -Uz compinit && compinit -D -u\n"
                                     "eval \"$(papi completion zsh)\"\n")
    env = environment(instance) | {"ZDOTDIR": str(tmp_path)}
    with terminal.Terminal([needed("zsh"), "-i"], env, 200, cwd=folder) as screen:
        screen.wait_for("ready> ")
        try_typing(screen, "ready> ")
        screen.type("papi provider \t")
        seen = terminal.plain(screen.wait_for("test "))
        assert "try keys without spending quota" in seen or "list" in seen


def test_zsh_by_fpath(instance, folder, tmp_path):
    """As it is installed: _papi in a folder of $fpath."""
    shell = needed("zsh")
    (tmp_path / "_papi").write_text(run_papi("completion", "zsh").stdout)
    (tmp_path / ".zshrc").write_text(f"PS1='rea''dy> '\nunsetopt promptsp\nfpath=({tmp_path} $fpath)\nautoload -Uz compinit && compinit -D -u\n")
    with terminal.Terminal([shell, "-i"], environment(instance) | {"ZDOTDIR": str(tmp_path)}, 200, cwd=folder) as screen:
        screen.wait_for("ready> ")
        try_typing(screen, "ready> ")


def test_fish(instance, folder):
    """fish tells what it would offer, so nothing needs to be typed."""
    shell = needed("fish")
    for typed, expected in TYPED:
        done = subprocess.run([shell, "--no-config", "-c", f"papi completion fish | source; complete -C '{typed}'"], cwd=folder, text=True,
                              env=environment(instance), capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        assert expected.split()[-1] in [line.split("\t")[0] for line in done.stdout.splitlines()], (typed, done.stdout)
