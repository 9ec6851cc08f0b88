# SPDX-License-Identifier: Apache-2.0
"""Captured refusals (tests/golden/signals) through the whole program: played by `papi mock` to a provider that is configured
by its name in the catalog; what the ladder says must be what the golden case promises, and so must be who rests.

A case leaves its provider resting, so the n-th cases of all providers share one pair of processes.
"""

import calendar
import pathlib
import re
import time

import pytest

from pool import Pool

SIGNALS = pathlib.Path(__file__).resolve().parents[1] / "golden" / "signals"
CLOCK_S = 1790000000  # the golden cases' own time
BELIEVED_S = 24 * 3600  # of what is told
KEY = "sk-captured-0001"
FORMS = ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S", "%a, %d %b %Y %H:%M:%S GMT")
INSTANT = re.compile(r"\b17[89]\d{7}(?:\d{3})?\b|\b2026-09-2\dT\d\d:\d\d:\d\d(?:\.\d+)?Z|\b2026-09-2\d \d\d:\d\d:\d\d"
                     r"|\b[MTWFS][a-z]{2}, 2\d Sep 2026 \d\d:\d\d:\d\d GMT")


class Case:
    """One case of a golden file."""

    def __init__(self, file, text):
        lines = text.split("\n", 1)
        self.file, self.name = file, lines[0].strip()
        sections = dict(part.split("\n", 1) for part in re.split(r"^== ", lines[1], flags=re.M)[1:])
        self.sections = {name.strip(): body for name, body in sections.items()}
        answer = [line.split(" ", 1) for line in self.sections["answer"].splitlines() if line.strip()]
        self.facts = {word: rest for word, rest in answer if word != "sent"}
        self.sent = [rest for word, rest in answer if word == "sent"]
        self.verdict = [line for line in self.sections["verdict"].splitlines() if line.strip()]

    @property
    def provider(self):
        return self.facts.get("provider", "stranger")

    @property
    def outcome(self):
        return self.verdict[0].split(" by ")[0]

    @property
    def status(self):
        return int(self.facts["status"])

    @property
    def rests(self):
        """True and False as the case says so itself, None where the outcome's own row decides."""
        return {"nobody rests": False}.get(self.verdict[1], None if self.verdict[1] == "as the outcome says" else True)

    @property
    def told_s(self):
        found = re.search(r"^told (\d+(?:\.\d+)?) s$", "\n".join(self.verdict), re.M)
        return float(found.group(1)) if found else None

    def replay(self, now_s):
        headers = dict(re.split(r":\s*", line, maxsplit=1) for line in self.sections.get("head", "").splitlines() if line.strip())
        body = self.sections.get("body", "").rstrip("\n")
        headers.setdefault("content-type", "application/json" if body.startswith(("{", "[")) else "text/plain")
        return {"status": self.status, "headers": {k: moved(v, now_s) for k, v in headers.items()}, "body": moved(body, now_s)}


def moved(text, now_s):
    """Instants are as far from now as they were from the cases' own time."""
    def one(found):
        word = found.group()
        if word.isdigit():
            shift = (now_s - CLOCK_S) * (1000 if len(word) > 10 else 1)
            return str(int(word) + shift)
        form = FORMS[2] if word[0].isalpha() else FORMS["T" not in word]
        at_s = calendar.timegm(time.strptime(re.sub(r"\.\d+Z", "Z", word), form))
        return time.strftime(form, time.gmtime(at_s - CLOCK_S + now_s))
    return INSTANT.sub(one, text)


def all_cases():
    cases = []
    for file in sorted(SIGNALS.glob("*.txt")):
        parts = re.split(r"^=== ", file.read_text(), flags=re.M)[1:]
        cases += [Case(file.stem, part) for part in parts]
    return cases


CASES = all_cases()
PROVIDERS = sorted({case.provider for case in CASES})
ROUNDS = max(sum(case.provider == name for case in CASES) for name in PROVIDERS)


def test_the_files_are_read():
    assert len(CASES) > 200 and len(PROVIDERS) > 25 and all(case.outcome and case.status for case in CASES)


def row(case):
    model = {"id": f"m-{case.provider}", "upstream": case.facts.get("model", "captured-model"), "free": True, "context": 0}
    return {"keys": [KEY], "models": [model], "data_use": "no-training"}


def question(case):
    """What was asked when the answer was captured. A format that is only said to be text is one that anybody is asked for."""
    form = "json_object" if "json_object" in case.sent else "text"
    more = {"response_format": {"type": form}} if case.sent else {}
    return {"text": "word " * int(case.facts.get("input", 1)), **more}


def complaints(pool, case):
    """What differs from the case's promise."""
    model = f"{case.provider}/m-{case.provider}"
    answer = pool.chat(model, **question(case))
    rungs = pool.ladder(answer)
    where = f"{case.file}: {case.name}"
    if not rungs:
        return [f"{where}: nobody was asked: {answer}"]
    found = []
    if rungs[0] != (case.provider, case.outcome, case.status):
        found.append(f"{where}: {rungs[0]} instead of {case.outcome} {case.status}")
    if answer.status in (401, 402, 403) or answer.status == 200:
        found.append(f"{where}: the client was told {answer.status}")
    now = pool.explain(model)[0]
    limited = now.get("limit") is not None
    if case.rests is not None and not limited and now["in"] == case.rests:
        found.append(f"{where}: rests: {case.rests}, but {now}")
    told_s = min(case.told_s or 0, BELIEVED_S)
    if case.rests and now["available_in_ms"] is not None and now["available_in_ms"] < (told_s - 3) * 1000:
        found.append(f"{where}: told {case.told_s} s, but {now}")
    return found


@pytest.mark.fault(38, 39)
@pytest.mark.parametrize("number", range(ROUNDS))
def test_captured_refusals(tmp_path, number):
    of_provider = {name: [case for case in CASES if case.provider == name] for name in PROVIDERS}
    cases = [cases[number] for cases in of_provider.values() if number < len(cases)]
    now_s = int(time.time())
    scripts = {case.provider: {"always": case.replay(now_s)} for case in cases}
    with Pool(tmp_path, scripts, {case.provider: row(case) for case in cases}, queue={"max_wait": "1ms"},
              env={"PAPI_KEYLESS": "all"}) as pool:
        found = [words for case in cases for words in complaints(pool, case)]
        assert not found, "\n" + "\n".join(found)
