# SPDX-License-Identifier: Apache-2.0
"""What the catalog says of each provider, obeyed by the whole program: `papi mock` plays the limits as the facts state them, a
crowd comes, and by the provider's own count nothing is ever asked too often.
"""

import fnmatch
import json
import pathlib
import re

import pytest

from papi_process import run_papi
from pool import KEYS, Pool

FACTS = pathlib.Path(__file__).resolve().parents[2] / "src" / "catalog" / "facts"
UNITS = ("requests", "tokens", "input_tokens", "output_tokens", "concurrent")
SCOPES = {"account": "account", "key": "account", "ip": "ip", "server": "ip", "model": "model", "ip_model": "model"}
SHAPES = {"rolling": "rolling", "unknown": "rolling", "refill": "refill", "month": "month", "day": "day", "once": "once"}


def is_offered(file):
    """Hosted providers whose wire is spoken and that have free models."""
    text = file.read_text()
    return re.search(r"^dialect: openai", text, re.M) and re.search(r"^routes:", text, re.M) and not re.search(
        r"^kind: (paid|local)", text, re.M)


PROVIDERS = sorted(file.stem for file in FACTS.glob("*.yaml") if is_offered(file))


def played(row, upstream, charge):
    """A limit of the facts in the words of the simulator; None where it is not about this model or cannot be counted there."""
    if row["plan"] or not row["amount"] or row["unit"] not in UNITS or row["scope"] not in SCOPES:
        return None
    if row["models"] and not any(fnmatch.fnmatchcase(upstream, pattern) for pattern in row["models"]):
        return None
    limit = {row["unit"]: row["amount"], "scope": SCOPES[row["scope"]]}
    if row["unit"] == "concurrent":
        return limit
    if row["unit"] != "requests" and charge == "up_front":
        limit["charge"] = charge
    shape = SHAPES[row["shape"]]
    if shape == "once":
        return {**limit, "shape": "once"}
    if shape in ("day", "month"):
        return {**limit, "per": shape, "zone": row["zone"]}
    return {**limit, "window_ms": row["window_ms"], "shape": shape}


@pytest.fixture(name="world", scope="module")
def fixture_world(tmp_path_factory):
    """All of them at once, each with a key, at the simulator's address."""
    rows = {name: {"keys": [{"key": KEYS[0], "account": "work"}]} for name in PROVIDERS}
    with Pool(tmp_path_factory.mktemp("world"), {name: {} for name in PROVIDERS}, rows, env={"PAPI_KEYLESS": "all"}) as pool:
        yield pool


def chat_route(pool, name):
    """The provider's model that auto would take first."""
    rows = [row for row in pool.explain("auto", provider={"only": [name]}) if row["in"]]
    return rows[0]["upstream_model"] if rows else None


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_crowd_never_passes_what_the_facts_say(world, name):
    shown = json.loads(run_papi("provider", "show", name, "--json").stdout)
    charge = (re.search(r"^charge: (\w+)", (FACTS / f"{name}.yaml").read_text(), re.M) or ["", "usage"])[1]
    upstream = chat_route(world, name)
    if upstream is None:
        listed = {model["id"] for model in world.get("/v1/models")["data"] if model["owned_by"] == name}
        assert shown["free_models"] == 0 or not listed, (name, listed)
        return
    limits = [limit for limit in (played(row, upstream, charge) for row in shown["limits"]) if limit]
    world.script(name, limits=limits, latency_ms=50)
    answers = world.chats(30, model=f"{name}/{upstream}", max_tokens=300, headers={"x-papi-deadline-ms": "1500"})
    stats = world.stats(name)
    assert stats["refused_by_limit"] == 0, (limits, stats)
    served = [answer for answer in answers if answer.status == 200]
    cut = [answer for answer in answers if answer.status == 504]  # asked, and still without its answer at the deadline
    assert served and len(served) + len(cut) == stats["requests"], (limits, [a.status for a in answers])
    for answer in answers:
        if answer not in served + cut:
            assert answer.status == 429 and "x-ratelimit-reset-requests" in answer.headers, answer
