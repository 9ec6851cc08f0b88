# SPDX-License-Identifier: Apache-2.0
"""The checks of tools/ must find what they are there for, and leave good code alone."""

import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SPDX = "// SPDX-License-Identifier: Apache-2.0\n"
OPENING = "/*\n * What it is.\n *\n * Why it is so.\n * What it promises.\n */\n"


@pytest.fixture
def tree(tmp_path):
    """tree({path: text}) -> a small checkout with the real tables."""
    def make(files):
        (tmp_path / "tools").mkdir()
        for table in ("layers.txt", "lengths.txt"):
            shutil.copy(ROOT / "tools" / table, tmp_path / "tools" / table)
        (tmp_path / "src").mkdir()
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return tmp_path
    return make


def run(check, folder):
    done = subprocess.run([ROOT / "tools" / check, folder], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("path, include", [
    ("src/base/a.c", '#include "json/json.h"'),
    ("src/scheduler/a.c", '#include "http/server.h"'),
    ("src/scheduler/a.c", '#include "message/task.h"'),
    ("src/surface/a.c", '#include "dialect/dialect.h"'),
    ("src/dialect/a.c", '#include "surface/surface.h"'),
    ("src/net/a.c", '#include "http/server.h"'),
    ("src/net/a.c", '#include "message/task.h"'),
    ("src/fake/a.c", '#include "scheduler/scheduler.h"'),
    ("src/mock/a.c", '#include "scheduler/scheduler.h"'),
    ("src/provider/a.c", '#include "scheduler/scheduler.h"'),
    ("src/gateway/a.c", '#include "admin/admin.h"'),
    ("src/http/a.c", "#include <uv.h>"),
    ("src/gateway/a.c", "#include <openssl/ssl.h>"),
    ("src/gateway/a.c", "# include <ares.h>"),
    ("src/net/a.c", "#include <llhttp.h>"),
    ("src/config/a.c", "#include <yaml.h>"),
    ("src/gateway/a.c", "#include <jansson.h>"),
    ("src/gateway/a.c", "#include <sqlite3.h>"),
    ("src/gateway/a.c", "#include <sodium.h>"),
    ("src/base/a.c", '#include "span.h"'),
    ("src/nonsense/a.c", '#include "base/span.h"'),
])
def test_layers_finds(tree, path, include):
    code, output = run("check_layers", tree({path: f"{SPDX}{include}\n"}))
    assert code == 1
    assert path in output


@pytest.mark.parametrize("path, include", [
    ("src/scheduler/a.c", '#include "scheduler/scheduler.h"'),
    ("src/scheduler/a.c", '#include "base/span.h"'),
    ("src/provider/a.c", '#include "scheduler/outcome.h"'),
    ("src/net/a.c", "#include <uv.h>"),
    ("src/net/a.c", "#include <openssl/ssl.h>"),
    ("src/http/a.c", "#include <llhttp.h>"),
    ("src/base/a.c", "#include <stdio.h>"),
    ("src/base/a.c", '/* #include "json/json.h" */'),
    ("src/gateway/a.c", '#include "scheduler/scheduler.h"'),
    ("src/main.c", '#include "cli/cli.h"'),
])
def test_layers_accepts(tree, path, include):
    assert run("check_layers", tree({path: f"{SPDX}{include}\n"})) == (0, "")


def test_layers_table_must_be_a_hierarchy(tree):
    folder = tree({})
    table = folder / "tools" / "layers.txt"
    table.write_text(table.read_text().replace("base      :", "base      : cli"))
    code, output = run("check_layers", folder)
    assert code == 1
    assert "base can include itself" in output


@pytest.mark.parametrize("path, line", [
    ("src/json/a.c", "    strcpy(a, b);"),
    ("src/json/a.c", "    sprintf (a, b);"),
    ("src/json/a.c", "    int n = atoi(text);"),
    ("src/json/a.c", "    strtok(a, b);"),
    ("src/json/a.c", "    n = rand();"),
    ("src/base/a.c", "    localtime(&now);"),
    ("src/base/a.c", "    tzset();"),
    ("src/cli/a.c", '    system("ls");'),
    ("src/json/a.c", "    char *p = malloc(8);"),
    ("src/json/a.c", "    free(p);"),
    ("src/json/a.c", "    return strdup(p);"),
    ("src/gateway/a.c", "    if (memcmp(secret->bytes, given, 32) == 0)"),
    ("src/gateway/a.c", "    if (strcmp(given, api_key) == 0)"),
])
def test_banned_finds(tree, path, line):
    code, output = run("check_banned", tree({path: f"{SPDX}void f(void) {{\n{line}\n}}\n"}))
    assert code == 1
    assert f"{path}:3:" in output


@pytest.mark.parametrize("path, line", [
    ("src/base/a.c", "    char *p = malloc(8);"),
    ("src/json/a.c", "    /* strcpy(a, b) would be wrong here */"),
    ("src/json/a.c", '    log("never call strcpy(a, b)");'),
    ("src/json/a.c", "    // sprintf(a, b)"),
    ("src/json/a.c", "    mem_free(p);"),
    ("src/json/a.c", "    pool->free(p);"),
    ("src/json/a.c", "    if (memcmp(name, other, 4) == 0)"),
    ("src/json/a.c", "    list_random(p);"),
])
def test_banned_accepts(tree, path, line):
    assert run("check_banned", tree({path: f"{SPDX}void f(void) {{\n{line}\n}}\n"})) == (0, "")


def function(lines, head="static int f(int a) {"):
    return head + "\n" + "    a++;\n" * (lines - 2) + "}\n"


def test_lengths_of_functions(tree):
    folder = tree({"src/json/good.c": SPDX + function(70), "src/json/bad.c": SPDX + function(71)})
    code, output = run("check_lengths", folder)
    assert code == 1
    assert "bad.c:2: f has 71 lines" in output
    assert "good.c" not in output


def test_lengths_sees_heads_over_several_lines(tree):
    head = "static __attribute__((noinline)) int long_name(int a,\n        int b) {"
    code, output = run("check_lengths", tree({"src/json/bad.c": SPDX + function(80, head)}))
    assert code == 1
    assert "long_name has" in output


def test_lengths_of_files(tree):
    folder = tree({"src/json/warned.c": SPDX + "int a;\n" * 600, "src/json/bad.c": SPDX + "int a;\n" * 800,
                   "src/json/wide.h": SPDX + "int a;\n" * 150, "src/json/own.h": SPDX + "int a;\n" * 150,
                   "src/dialect/user.c": SPDX + '#include "json/wide.h"\n'})
    code, output = run("check_lengths", folder)
    assert code == 1
    assert "warning: src/json/warned.c" in output
    assert "src/json/bad.c:1: 801 lines" in output
    assert "src/json/wide.h:1: 151 lines" in output
    assert "own.h" not in output


def test_lengths_of_parameter_lists_and_nesting(tree):
    many = "int f(int a, int b, int (*c)(int, int), int d, int e) {\n    return 0;\n}\n"
    more = many.replace("int e", "int e, int g")
    deep = "int g(int a) {\n" + "".join(" " * 4 * i + "if (a) {\n" for i in range(1, 6)) + "".join(
        " " * 4 * i + "}\n" for i in range(5, 0, -1)) + "}\n"
    code, output = run("check_lengths", tree({
        "src/json/good.c": SPDX + many, "src/json/more.c": SPDX + more, "src/json/deep.c": SPDX + deep}))
    assert code == 1
    assert "more.c:2: f has 6 parameters" in output
    assert "deep.c:2: g is nested 5 deep" in output
    assert "good.c" not in output


def test_lengths_exceptions_need_a_reason_and_a_function(tree):
    folder = tree({"src/json/bad.c": SPDX + function(71)})
    table = folder / "tools" / "lengths.txt"
    table.write_text("src/json/bad.c f 75 a table that reads better in one piece\n")
    assert run("check_lengths", folder)[0] == 0
    table.write_text("src/json/bad.c f 75\n")
    assert run("check_lengths", folder)[0] != 0
    table.write_text("src/json/bad.c gone 75 not there any more\n")
    assert "remove the row" in run("check_lengths", folder)[1]


@pytest.mark.parametrize("name, text, words", [
    ("src/json/a.c", OPENING, "the first line"),
    ("src/json/a.c", SPDX + "int a;\n", "opens with"),
    ("src/json/a.c", SPDX + OPENING + "int a; \n", "trailing"),
    ("src/json/a.c", SPDX + OPENING + "\tint a;\n", "a tab"),
    ("src/json/a.c", SPDX + OPENING + "/* TO" "DO: more */\n", "unfinished"),
    ("tests/api/node/package-lock.json", '{"resolved": "https://example.com/x"}', "addresses"),
    ("docs/a.md", "see registry" ".npmjs" ".org", "registry"),
    ("tools/thing", "#!/bin/sh\necho\n", "the first line"),
])
def test_files_finds(tree, name, text, words):
    code, output = run("check_files", tree({name: text}))
    assert code == 1
    assert name in output
    assert words in output


def test_files_accepts(tree):
    assert run("check_files", tree({"src/json/a.c": SPDX + OPENING + "int a;\n", "README.md": "Hello.\n"})) == (0, "")


def test_layers_fails_when_the_real_tree_is_broken(tmp_path):
    """The whole way: a copy of the real tree passes, the same copy with one wrong include does not."""
    for folder in ("src", "tools"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    assert run("check_layers", tmp_path)[0] == 0
    victim = next((tmp_path / "src" / "base").glob("*.c"))
    victim.write_text(victim.read_text() + '#include "json/json.h"\n')
    assert run("check_layers", tmp_path)[0] == 1
