# SPDX-License-Identifier: Apache-2.0
"""x-papi-strict: nothing of a request is left out, and no wish is passed over."""

import pytest

from papi_process import chat, completion, provider

STRICT = {"x-papi-strict": "true"}
ODD = {"a_member_nobody_knows": 1}


def answer(connection):
    connection.read_request()
    connection.respond(200, completion("Hello."))


def test_nothing_is_left_out(start_serve, upstream):
    """One that drops the member is not asked; one that keeps it is."""
    drops, keeps = upstream(answer), upstream(answer)
    papi = start_serve({"providers": {"drops": provider(drops.url), "keeps": provider(keeps.url, quirks={"keep_extras": True})}})
    status, fields, _ = chat(papi, headers=STRICT, **ODD)
    assert status == 200 and fields["x-papi-provider"] == "keeps" and "x-papi-warning" not in fields
    assert drops.connections == 0
    status, fields, _ = chat(papi, **ODD)
    assert status == 200 and fields["x-papi-provider"] == "drops" and "a_member_nobody_knows" in fields["x-papi-warning"]


def test_nobody_takes_it(start_serve, upstream):
    drops = upstream(answer)
    papi = start_serve({"providers": {"drops": provider(drops.url)}})
    status, _, body = chat(papi, headers=STRICT, **ODD)
    assert status == 400 and "x-papi-strict" in body["error"]["message"] and drops.connections == 0
    assert chat(papi, headers=STRICT)[0] == 200


def test_a_wish_is_not_passed_over(start_serve, upstream):
    papi = start_serve({"providers": {"one": provider(upstream(answer).url)}})
    wish = {"models": ["nobody-serves-this"]}
    assert chat(papi, **wish)[0] == 200
    status, _, body = chat(papi, headers=STRICT, **wish)
    assert status == 400 and "nobody-serves-this" in body["error"]["message"]


@pytest.mark.parametrize("value, status", [("true", 200), ("1", 200), ("false", 200), ("0", 200), ("maybe", 400)])
def test_its_values(start_serve, upstream, value, status):
    papi = start_serve({"providers": {"one": provider(upstream(answer).url)}})
    assert chat(papi, headers={"x-papi-strict": value})[0] == status
