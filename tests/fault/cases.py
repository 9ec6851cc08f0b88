# SPDX-License-Identifier: Apache-2.0
"""The list of faults that PAPI survives, and which tests prove each.

A test proves a case by its name (`test_07_...`, `test_031_...`), by the mark `@pytest.mark.fault(7)`, or, in C, by
standing in `elsewhere`. test_cases.py fails when a case has no proof or a proof names no case; scripts/reliability writes the table of
docs/reliability.md from here.
"""

import ast
import dataclasses
import functools
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = ("tests/fault", "tests/api")
NAMED = re.compile(r"test_0?(\d\d)_")


@dataclasses.dataclass(frozen=True)
class Case:
    fault: str
    expected: str
    elsewhere: tuple = ()  # "file: function" of tests in C
    later: str = ""        # what of it this version does not have yet


CASES = {
    1: Case("An upstream refuses the connection", "The next candidate at once; with none left, 502 and the reason; the breaker counts it"),
    2: Case("A connection is black-holed", "Connect timeout, then the next; never the whole time of the request"),
    3: Case("DNS: NXDOMAIN, SERVFAIL, empty, timeout; the first of several addresses dead; an address changes while running",
            "Bounded; other addresses are tried; the last good answer is kept for a while",
            ("tests/unit/net/test_resolver.c: test_failures_have_classes", "tests/unit/net/test_resolver.c: test_deadline_while_resolving",
             "tests/unit/net/test_resolver.c: test_last_good_answer_serves", "tests/unit/net/test_resolver.c: test_address_changes_while_running",
             "tests/unit/net/test_connector.c: test_dead_addresses_first", "tests/unit/net/test_connector.c: test_slow_address_first")),
    4: Case("Reset before any header", "Asked elsewhere, as long as no byte of an answer came"),
    5: Case("Reset after the head, before the body", "Asked elsewhere while nothing went out; else an error event, never `[DONE]`"),
    6: Case("Reset or end inside a chunk, an event, a character", "An error event and an abnormal end; what was generated is counted"),
    7: Case("End before the announced length, no last chunk, no last line end", "Truncated, not success; the connection is not used again"),
    8: Case("More bytes than announced, after the last chunk, after an answer without body", "Dropped, closed, never the next request's answer"),
    9: Case("204, 304 or an answer to HEAD with a length", "No body is waited for"),
    10: Case("Length and coding together, several, signed or huge lengths", "Request: 400; answer: 502; the connection is closed"),
    11: Case("Transfer codings that are unknown, repeated, oddly spelt, or of HTTP/1.0", "Refused"),
    12: Case("Chunk sizes that are empty, huge, signed, with endless extensions, badly ended", "Refused in bounded memory"),
    13: Case("Trailers: present, oversized, forbidden", "Dropped, bounded"),
    14: Case("Heads that are huge, endless, with bytes that may not be there", "400 or 431 to clients, 502 from upstreams, in fixed memory"),
    15: Case("Status lines: short, HTTP/0.9, HTTP/1.0 without length, garbage", "The legal ones are taken; the rest is 502"),
    16: Case("Interim answers: several, then silence, endless; an upgrade nobody asked for", "Swallowed and counted; an upgrade is 502"),
    17: Case("An upstream answers before the request is sent", "The answer counts; the rest is not sent; the connection is not used again"),
    18: Case("Half-close by client or upstream", "A client is gone and its upstream cancelled; an upstream's last bytes are read; no spin"),
    19: Case("A head of one byte a second, from either side", "Header timeout: 408, or the next candidate"),
    20: Case("A client that sends or reads next to nothing", "Timeout; buffers stay bounded; the upstream is paused, then cut"),
    21: Case("An upstream that accepts and stays silent, pauses, or sends comments for ever", "Timeouts of the head, of gaps, of the first token"),
    22: Case("A kept connection closes as the request is written", "Once more on a fresh one, silently"),
    23: Case("Pipelined requests; a malformed second one; a first body unread", "Served in order or closed; nothing is mixed"),
    24: Case("HTTP/1.0 clients, no Host or two, absolute targets, CONNECT, TRACE", "As RFC 9112 says, or 400; nothing is forwarded by accident"),
    25: Case("Hop-by-hop fields, `Connection: authorization`, expectations", "Stripped, never credentials; 100 or 417"),
    26: Case("Compressed answers: truncated, wrong checksum, a bomb, plain though declared, unasked", "Plain bytes are asked for; else an error, in bounded memory",
             ("tests/unit/http/test_decode.c: test_truncated", "tests/unit/http/test_decode.c: test_wrong_checksum",
              "tests/unit/http/test_decode.c: test_bomb", "tests/unit/http/test_decode.c: test_garbage")),
    27: Case("TLS: expired, wrong host, unknown authority, old version, stalls, an end without close_notify, HTTP/2 only",
             "Fails closed, each as what it is; an end without close_notify is truncation",
             later="Revocation: a certificate that was taken back before it expired is accepted"),
    28: Case("Bodies: too large, no JSON, nested 100,000 deep, duplicate members, lone surrogates, 64-bit numbers", "400 or 413 early; the same bytes go through"),
    29: Case("Redirects (inwards too), cookies, absolute URLs from an upstream", "Not followed, not handed on"),
    30: Case("Descriptors, ports, memory, disk or the log's disk run out; the clock jumps; EINTR; partial writes",
             "Load is shed with 503 and words, everything recovers by itself, no request is lost silently",
             ("tests/unit/store/test_store_faults.c: each_call_fails_once", "tests/unit/store/test_store_faults.c: a_full_disk_costs_rows_and_no_counts")),
    31: Case("TERM under load; a reload under streams; two upgrades in a row; kill -9",
             "No accepted request is dropped before the drain ends; streams finish; what was answered is recorded, at once and once"),
    32: Case("All candidates down; one flapping every second; one ten times slower; 200 with an error in it",
             "Bounded calls; the breaker does not open for a client's fault; good answers while anybody has one",
             ("tests/unit/scheduler/test_bench.c: five_failures_open_the_breaker", "tests/unit/scheduler/test_bench.c: one_probe_at_a_time",
              "tests/unit/scheduler/test_bench.c: faults_that_are_not_the_providers_never_open_it",
              "tests/unit/scheduler/test_bench.c: panic_asks_what_only_we_have_shut", "tests/unit/scheduler/test_outcomes.c: the_budget_ends_retries"),
             later="Speed is no part of the order of candidates yet: a slow one is left when its timeouts pass, not before"),
    33: Case("A stream whose first event is an error; an error after a role; after text", "The first two: asked elsewhere; the third is told in band"),
    34: Case("Streams without finish, without `[DONE]`, with two, with data behind it", "Success is never invented; it ends exactly once"),
    35: Case("Events split at every byte, mixed line ends, several data lines, BOM, comments, 10 MB", "The same reading at any split; bounded"),
    36: Case("Usage: missing, in the last chunk or every one, with choices, null, negative, as text", "Taken once; missing is estimated"),
    37: Case("The client leaves: before the first byte, in the queue, in a pause, between tries, in a stream, at the last byte",
             "The upstream is cancelled in 100 ms; slot, reservation and place in the queue are free; usage is settled and recorded once"),
    38: Case("429 with Retry-After in every form, resets in every form, inside a 200; 503 and 529",
             "The longest trustworthy time counts, a later one extends it; a client in a hurry rests nobody",
             ("tests/unit/scheduler/test_bench.c: retry_after_is_believed", "tests/unit/scheduler/test_bench.c: later_words_extend_and_never_cut")),
    39: Case("401, 402, 403 for one key of several; quota words in a 400 or 403", "That key or account rests, no other; the words are for the operator"),
    40: Case("Many at once against a limit; the store slow for 20 s, gone, back",
             "No more than the limit are let in; no request waits for the store; what happened meanwhile is recorded later",
             ("tests/sim/test_limits_sim.c: no_rule_is_ever_broken",),
             later="Several nodes with one ledger: each node counts for itself"),
    41: Case("Context too long, content filter, a retired model, an unsupported parameter", "No strike for the provider; a larger or another model where the request allows it",
             ("tests/unit/scheduler/test_bench.c: faults_that_are_not_the_providers_never_open_it",)),
    42: Case("Tool calls split inside an escape, interleaved, without arguments; reasoning first", "Order kept, every delta by itself"),
    43: Case("A failed try leaves something behind; the same id twice", "Each try begins clean; nothing is counted twice"),
    44: Case("Facts about models missing, malformed or older than the configuration",
             "They are part of the program and checked when it is built; a name they do not know is served, with nothing assumed",
             ("tests/unit/catalog/test_facts_read.c: *",)),
    45: Case("Secrets in error bodies, heads, logs, dumps", "Found nowhere: a test searches for planted ones"),
}


def _marks(function):
    """Numbers of `@pytest.mark.fault(...)` on a function."""
    for mark in function.decorator_list:
        if isinstance(mark, ast.Call) and isinstance(mark.func, ast.Attribute) and mark.func.attr == "fault":
            yield from (argument.value for argument in mark.args)


@functools.lru_cache
def proofs():
    """{number: [(file, test), ...]} of all tests in Python, by name or mark; in the order of files."""
    found = {}
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).glob("test_*.py")):
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if not isinstance(node, ast.FunctionDef) or not node.name.startswith("test_"):
                    continue
                name = NAMED.match(node.name) if folder == "tests/fault" else None
                for number in {*([int(name[1])] if name else []), *_marks(node)}:
                    found.setdefault(number, []).append((f"{folder}/{path.name}", node.name))
    return found


def table():
    """Rows (number, fault, expected, files that prove it, what comes later) for the page."""
    proved = proofs()
    rows = []
    for number, case in CASES.items():
        files = list(dict.fromkeys(path for path, _ in proved.get(number, [])))
        files += [path for path in dict.fromkeys(row.split(": ")[0] for row in case.elsewhere) if path not in files]
        rows.append((number, case.fault, case.expected, files, case.later))
    return rows


def page_rows():
    """{number: the row of the page's table, but for its last column, what a run brought}"""
    rows = {}
    for number, fault, expected, files, later in table():
        links = ", ".join(f"[{pathlib.PurePath(path).name}](../{path})" for path in files)
        expected += f". *Not yet*: {later[0].lower()}{later[1:]}" if later else ""
        rows[number] = f"| {number} | {fault} | {expected} | {links} |"
    return rows
