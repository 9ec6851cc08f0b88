# SPDX-License-Identifier: Apache-2.0
"""What the commands that look at a running instance print: columns that hold, waits in words, and what to type next."""

import re

import pytest

from papi_process import PapiProcess, chat, closed_port, papi_binary, provider, run_papi, serve


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("words")
    with PapiProcess(["serve", "--demo", "--data", folder / "data", "--listen", "127.0.0.1:0"], cwd=folder) as papi:
        yield papi


def test_what_the_screen_says_to_try_can_be_typed(demo):
    line = next(line for line in demo.stdout_lines if line.startswith("  Try it "))
    assert line.split()[2] == papi_binary() and line.rstrip("\n").endswith(f' chat --url {demo.url} "Hello!"')


def test_rows_of_explain_stand_in_columns(demo):
    head, *rows = run_papi("explain", "--url", demo.url).stdout.splitlines()
    assert head.split() == ["PROVIDER", "ACCOUNT", "MODEL", "WHY"]
    assert any("llama-3.3-70b-instruct:free" in row for row in rows)
    assert {row.rindex("open") for row in rows} == {head.index("WHY")}, rows


def test_waits_are_told_in_words_and_only_where_something_is_used(demo):
    assert chat(demo, "auto")[0] == 200
    accounts, limits = run_papi("capacity", "--url", demo.url).stdout.split("\n\n")
    assert re.split(r"  +", accounts.splitlines()[0])[1:] == ["REQ NOW", "REQ TODAY", "REQ MONTH", "TOK NOW", "TOK TODAY", "TOK MONTH"]
    assert accounts.splitlines()[-1].startswith("in all, shared ones once  ")
    head, *lines = limits.splitlines()
    assert head.split() == ["ACCOUNT", "MODEL", "LEFT", "OF", "MORE", "IN"]
    rows = [re.fullmatch(r"\S+ +\S+ +(\d+)  (\d+) .*?  +(-|\d+ (?:s|min)|\d+ h \d+ min|\d+ d \d+ h)", row) for row in lines]
    assert rows and all(rows), lines
    used = [row for row in rows if int(row[1]) < int(row[2])]
    assert used and all(row[3] != "-" for row in used)
    assert not [row[0] for row in rows if row[1] == row[2] and row[3] != "-"]


def test_an_answered_request_has_no_error(demo):
    _, headers, _ = chat(demo, "auto")
    told = run_papi("request", headers["x-request-id"], "--url", demo.url).stdout
    assert told.splitlines()[0].endswith("asked for auto  status 200") and told.splitlines()[1].endswith("; 1 attempt"), told


def test_a_refusal_says_what_to_type_next(demo, tmp_path):
    unknown = run_papi("chat", "--model", "nope", "--url", demo.url, "hi")
    assert unknown.returncode == 1 and f"`papi model list --url {demo.url}` lists" in unknown.stderr
    holder, port = closed_port()
    with serve(tmp_path, {"providers": {"gone": provider(f"http://127.0.0.1:{port}/v1", ["m"])}}) as papi:
        failed = run_papi("chat", "--model", "m", "--url", papi.url, "hi")
        assert failed.returncode == 1 and f"`papi explain --model m --url {papi.url}` tells why" in failed.stderr
    holder.close()
