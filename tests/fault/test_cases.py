# SPDX-License-Identifier: Apache-2.0
"""The list of faults, its tests and its page stay together."""

import re

import cases
import pytest

PAGE = cases.ROOT / "docs" / "reliability.md"


def test_the_list_is_whole():
    assert list(cases.CASES) == list(range(1, 46))


@pytest.mark.parametrize("number", cases.CASES)
def test_each_case_is_proved(number):
    case = cases.CASES[number]
    assert cases.proofs().get(number) or case.elsewhere, f"nothing proves case {number}: {case.fault}"


def test_each_proof_has_a_case():
    assert set(cases.proofs()) <= set(cases.CASES)


@pytest.mark.parametrize("row", sorted({row for case in cases.CASES.values() for row in case.elsewhere}))
def test_what_is_proved_elsewhere_is_there(row):
    path, function = row.split(": ")
    text = (cases.ROOT / path).read_text(encoding="utf-8")
    if function != "*":
        assert re.search(rf"^static void {re.escape(function)}\(void \*\*state\)", text, re.MULTILINE), row
        assert f"cmocka_unit_test({function})" in text, row
    assert "cmocka_unit_test(" in text


def test_the_page_has_each_case():
    """`scripts/reliability --page` writes it anew from the last results."""
    text = PAGE.read_text(encoding="utf-8")
    for number, row in cases.page_rows().items():
        assert f"\n{row} " in text, f"docs/reliability.md: case {number} has changed: run scripts/reliability --page"
    assert len(re.findall(r"^\| \d+ \|", text, re.MULTILINE)) == len(cases.CASES)
