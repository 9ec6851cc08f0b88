# SPDX-License-Identifier: Apache-2.0
"""What a client with a key sees of accounts and of others' requests, and what the owner sees."""

import json

import pytest

import admin
import papi_process


@pytest.fixture
def papi(start_serve, upstream):
    return start_serve({"auth": "keys", "providers": {"lab": papi_process.provider(upstream().url)}})


def make_client(papi, name):
    status, _, answer = admin.ask(papi, "POST", "/admin/v1/clients", {"name": name})
    assert status == 201, answer
    return answer


def get(papi, path, key):
    status, _, body = papi_process.request(papi, "GET", path, headers={"authorization": f"Bearer {key}"})
    return status, json.loads(body)


def test_accounts_are_the_owners_matter(papi):
    key, token = make_client(papi, "one")["key"], admin.token(papi)
    assert get(papi, "/v1/papi/capacity", key)[1]["accounts"] == []
    assert get(papi, "/v1/papi/capacity", token)[1]["accounts"][0]["account"] == "default"
    assert "account" not in get(papi, "/v1/papi/explain?model=test-model", key)[1]["candidates"][0]
    assert get(papi, "/v1/papi/explain?model=test-model", token)[1]["candidates"][0]["account"] == "default"
    assert get(papi, "/admin/v1/capacity", key)[0] in (401, 403)


def test_requests_are_their_clients(papi):
    one, two, token = make_client(papi, "one"), make_client(papi, "two"), admin.token(papi)
    status, fields, _ = papi_process.chat(papi, headers={"authorization": f"Bearer {one['key']}"})
    assert status == 200
    path = "/v1/papi/requests/" + fields["x-request-id"]

    def check():
        status, own = get(papi, path, one["key"])
        assert status == 200 and "account" not in own["ladder"][0]
        assert get(papi, path, two["key"])[0] == 404
        assert get(papi, path, token)[1]["ladder"][0]["account"] == "default"
        row = admin.get(papi, "/admin/v1/requests/" + fields["x-request-id"])
        assert row["client"] == one["id"]
    check()  # from memory
    papi_process.wait_for(lambda: admin.get(papi, f"/admin/v1/requests?client={one['id']}")["data"], what="the row")
    assert admin.get(papi, f"/admin/v1/requests?client={two['id']}")["data"] == []
    check()
