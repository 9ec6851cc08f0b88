# SPDX-License-Identifier: Apache-2.0
"""What the guides show, done: only the addresses are free ones instead of the usual."""

import json
import pathlib
import re

import pytest

import papi_process
from papi_process import request

GUIDES = pathlib.Path(__file__).resolve().parents[2] / "docs" / "guides"
USUAL_MOCK = "http://127.0.0.1:7280"


def text_of(name):
    return (GUIDES / name).read_text(encoding="utf-8")


def rows_under(text, head):
    """The rows of the table whose head begins so, as lists of cells."""
    lines = text.split(f"| {head}", 1)[1].splitlines()[2:]
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


@pytest.fixture(name="papi", scope="module")
def fixture_papi(tmp_path_factory):
    """The guide's own configuration in front of the simulator."""
    folder = tmp_path_factory.mktemp("guides")
    config = re.search(r"```yaml\n(.*?)```", text_of("models.md"), re.DOTALL).group(1)
    with papi_process.mock(folder / "mock", "healthy") as mock:
        assert USUAL_MOCK in config
        file = folder / "papi.yaml"
        file.write_text(config.replace(USUAL_MOCK, mock.url))
        checked = papi_process.run_papi("check", "--config", file)
        assert checked.returncode == 0 and "warning" not in checked.stderr, checked.stderr
        with papi_process.PapiProcess(["serve", "--config", file, "--data", folder / "data", "--listen", "127.0.0.1:0"]) as papi:
            yield papi


NAMES = [(ask.strip("`"), leads.split(",")[0].strip("`")) for ask, leads in rows_under(text_of("models.md"), "ask for")]


@pytest.mark.parametrize("name, provider", NAMES)
def test_names(papi, name, provider):
    status, headers, answer = papi_process.chat(papi, name)
    assert status == 200, answer
    assert headers["x-papi-provider"] == provider


def test_every_kind_of_name_has_an_example():
    assert len(NAMES) >= 9


def test_the_family_of_auto_is_what_is_listed(papi):
    told = {name for row in rows_under(text_of("models.md"), "name | first come") for name in re.findall(r"`((?:auto|claude)[\w:-]+|auto)`", " ".join(row))}
    listed = {model["id"] for model in json.loads(request(papi, "GET", "/v1/models")[2])["data"]}
    assert told == {name for name in listed if name.startswith(("auto", "claude"))} | {"auto"}


def test_wishes_are_understood(papi):
    """Every wish of the table, and no other member, changes who may answer."""
    for wish in ({"order": ["two"]}, {"only": ["two"]}, {"ignore": ["one"]}):
        status, headers, _ = papi_process.chat(papi, "gpt-oss-120b", provider=wish)
        assert status == 200 and headers["x-papi-provider"] == "two"
    status, headers, _ = papi_process.chat(papi, "nobody-has-this", models=["eyes"])
    assert status == 200 and headers["x-papi-provider"] == "two" and "nobody-has-this" in headers["x-papi-warning"]
