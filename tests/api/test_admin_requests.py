# SPDX-License-Identifier: Apache-2.0
"""/admin/v1/requests and /admin/v1/usage: lists with places and filters, one request with its ladder, a store that is away."""

import concurrent.futures
import datetime
import json
import sqlite3
import time

import pytest

import admin
import description
import papi_process


def flaky(connection):
    """Fails for the model 'bad', answers for others. Takes two milliseconds, since those that end in one have no order."""
    while (got := connection.read_request()) is not None:
        time.sleep(0.002)
        body = json.loads(got[1])
        if body["model"] == "bad":
            connection.respond(400, {"error": {"message": "no such thing", "type": "invalid_request_error"}})
        else:
            connection.respond(200, papi_process.completion("Hi.", body["model"]))


@pytest.fixture
def papi(start_serve, upstream):
    """Two loops: their records are merged by the time at which requests ended."""
    return start_serve({"loops": 2, "providers": {
        "lab": papi_process.provider(upstream(flaky).url, ["good", "bad", "other"])}})


def ask(papi, model):
    """One request; its id."""
    status, fields, _ = papi_process.chat(papi, model)
    assert status == (400 if model == "bad" else 200)
    return fields["x-request-id"]


def wait_kept(papi, identity):
    """The row as the list has it; it is there a moment after the answer."""
    def kept():
        return [row for row in admin.get(papi, "/admin/v1/requests?limit=1000")["data"] if row["id"] == identity]
    return papi_process.wait_for(kept, what=f"{identity} in the list")[0]


def pages(papi, query, limit):
    """All rows, page by page; each page is as described."""
    described = description.of(papi)
    rows, cursor = [], None
    while True:
        path = f"/admin/v1/requests?limit={limit}{query}" + (f"&cursor={cursor}" if cursor else "")
        status, fields, page = admin.ask(papi, "GET", path)
        assert status == 200, page
        described.check("GET", path, status, fields, page)
        assert len(page["data"]) <= limit
        rows += page["data"]
        if not page["has_more"]:
            assert page["next_cursor"] is None
            return rows
        cursor = page["next_cursor"]


def test_one_request_in_the_list_and_alone(papi):
    identity = ask(papi, "good")
    row = wait_kept(papi, identity)
    assert row["model"] == "good" and row["served"] == "good" and row["provider"] == "lab"
    assert row["status"] == 200 and row["error"] is None and row["attempts"] == 1 and row["stream"] is False
    assert (row["input_tokens"], row["output_tokens"]) == (3, 2)
    path = f"/admin/v1/requests/{identity}"
    status, fields, one = admin.ask(papi, "GET", path)
    assert status == 200
    description.of(papi).check("GET", path, status, fields, one)
    ladder = one.pop("ladder")
    assert one == row
    assert [rung["outcome"] for rung in ladder] == ["ok"]
    assert ladder[0]["provider"] == "lab" and ladder[0]["account"] == "default" and ladder[0]["upstream_model"] == "good"
    assert row["at"] <= ladder[0]["at"]


def test_strangers_fill_no_disk(start_serve):
    """Rows show that somebody without a key knocks, but not each time; a preflight is no request."""
    papi = start_serve({"loops": 1, "auth": "keys"})
    key = admin.token(papi)
    body, fields = {"model": "m", "messages": []}, {"content-type": "application/json"}
    with papi_process.RawConnection(papi.address()) as connection:
        for _ in range(200):
            connection.send(papi_process.request_bytes("POST", "/v1/chat/completions", body, fields))
            assert connection.read_response()[0] == 401
        connection.send(papi_process.request_bytes("OPTIONS", "/v1/chat/completions"))
        assert connection.read_response()[0] == 204
        connection.send(papi_process.request_bytes("POST", "/v1/chat/completions", body, {
            "authorization": f"Bearer {key}", **fields}))
        status, fields, _ = connection.read_response()
    assert status == 400
    assert wait_kept(papi, fields["x-request-id"])["model"] in ("m", None)
    rows = pages(papi, "", 1000)
    assert 0 < len([row for row in rows if row["status"] == 401 and row["model"] is None]) <= 90
    assert not [row for row in rows if row["status"] == 204]


def test_requests_of_two_loops_stand_in_one_order(papi):
    """Each in turn on one of many connections, which the loops share out among themselves."""
    links = [papi_process.RawConnection((papi.host, papi.port)) for _ in range(12)]
    body = json.dumps({"model": "good", "messages": [{"role": "user", "content": "Hi"}]})
    ids = []
    for number in range(60):
        link = links[number * 5 % 12]
        link.send(f"POST /v1/chat/completions HTTP/1.1\r\nHost: {papi.host}:{papi.port}\r\nContent-Type: application/json\r\n"
                  f"Content-Length: {len(body)}\r\n\r\n{body}")
        status, headers, _ = link.read_response()
        assert status == 200
        ids.append(headers["x-request-id"])
    for identity in ids[-12:]:
        wait_kept(papi, identity)
    assert [row["id"] for row in admin.get(papi, "/admin/v1/requests?limit=60")["data"]] == ids[::-1]


def test_filters(papi):
    ids = {model: [ask(papi, model) for _ in range(3)] for model in ("good", "bad", "other")}
    wait_kept(papi, ids["other"][-1])

    def listed(query):
        return [row["id"] for row in admin.get(papi, "/admin/v1/requests?limit=1000&" + query)["data"]]
    assert listed("") == (ids["good"] + ids["bad"] + ids["other"])[::-1]
    assert listed("model=good") == ids["good"][::-1]
    assert listed("failed=true") == listed("status=400") == ids["bad"][::-1]
    assert listed("failed=false") == listed("")
    assert listed("provider=lab&status=200") == (ids["good"] + ids["other"])[::-1]
    assert listed("provider=none") == [] and listed("client=cl_none") == [] and listed("status=500") == []
    now = datetime.datetime.now(datetime.timezone.utc)
    later = (now + datetime.timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    sooner = (now - datetime.timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert len(listed(f"since={sooner}&until={later}")) == 9
    assert listed(f"since={later}") == [] and listed(f"until={sooner}") == []
    assert listed(f"after={ids['good'][-1]}") == ids["bad"] + ids["other"]
    assert listed(f"after={ids['other'][-1]}") == []


def test_pages_lose_and_repeat_nothing(papi):
    ids = [ask(papi, "good") for _ in range(25)]
    wait_kept(papi, ids[-1])
    first = admin.get(papi, "/admin/v1/requests?limit=10")
    more = [ask(papi, "good") for _ in range(5)]  # they shift nothing
    wait_kept(papi, more[-1])
    second = admin.get(papi, f"/admin/v1/requests?limit=10&cursor={first['next_cursor']}")
    third = admin.get(papi, f"/admin/v1/requests?limit=10&cursor={second['next_cursor']}")
    assert [row["id"] for page in (first, second, third) for row in page["data"]] == ids[::-1]
    assert third["has_more"] is False and third["next_cursor"] is None


@pytest.mark.parametrize("query, param, words", [
    ("limit=0", "limit", "from 1 to 1000"),
    ("limit=1001", "limit", "from 1 to 1000"),
    ("limit=-1", "limit", "from 1 to 1000"),
    ("limit=1e2", "limit", "from 1 to 1000"),
    ("limit=", "limit", "from 1 to 1000"),
    ("cursor=x", "cursor", "next_cursor of the page before"),
    ("cursor=u-1-1", "cursor", "next_cursor of the page before"),
    ("cursor=r-1", "cursor", "next_cursor of the page before"),
    ("cursor=r-01-0", "cursor", "next_cursor of the page before"),
    ("cursor=r-11111111111111111-0", "cursor", "next_cursor of the page before"),
    ("cursor=r-1-0-0", "cursor", "next_cursor of the page before"),
    ("cursor=", "cursor", "1 to 64 bytes"),
    ("status=99", "status", "from 100 to 599"),
    ("failed=yes", "failed", "true or false"),
    ("since=yesterday", "since", "2026-11-24T10:11:12Z"),
    ("since=2026-11-24", "since", "2026-11-24T10:11:12Z"),
    ("since=2026-13-45T00:00:00Z", "since", "2026-11-24T10:11:12Z"),
    ("since=2026-11-24T10:11:12", "since", "2026-11-24T10:11:12Z"),
    ("client=" + "c" * 200, "client", "1 to 128 bytes"),
    ("cursor=r-5-0&after=req-x", "cursor", "Give one of them"),
    ("model=%00", "model", "1 to 256 bytes"),
    ("page=2", None, "Known are: limit, cursor"),
])
def test_hostile_queries(papi, query, param, words):
    error = admin.refused(papi, "GET", "/admin/v1/requests?" + query, 400)
    assert error["param"] == param and words in error["message"], error


def test_what_is_not_kept(papi):
    assert "x-request-id" in admin.refused(papi, "GET", "/admin/v1/requests/req-none", 404)["message"]
    assert "not kept" in admin.refused(papi, "GET", "/admin/v1/requests?after=req-none", 404)["message"]


def test_a_place_far_away_is_an_empty_page(papi):
    wait_kept(papi, ask(papi, "good"))
    assert admin.get(papi, "/admin/v1/requests?cursor=r-1-0")["data"] == []
    assert len(admin.get(papi, "/admin/v1/requests?cursor=r-ffffffffffffffff-0")["data"]) <= 1


def test_usage(papi):
    for model in ("good", "good", "bad"):
        identity = ask(papi, model)
    wait_kept(papi, identity)
    described = description.of(papi)
    for by in ("minute", "hour", "day"):
        status, fields, page = admin.ask(papi, "GET", f"/admin/v1/usage?by={by}")
        assert status == 200, page
        described.check("GET", "/admin/v1/usage", status, fields, page)
        assert sum(row["requests"] for row in page["data"]) == 3
        assert sum(row["output_tokens"] for row in page["data"] if row["outcome"] == "ok") == 4
    rows = admin.get(papi, "/admin/v1/usage?model=good")["data"]
    assert {row["model"] for row in rows} == {"good"} and sum(row["attempts"] for row in rows) == 2
    first = admin.get(papi, "/admin/v1/usage?limit=1")
    assert first["has_more"] and len(first["data"]) == 1
    assert admin.get(papi, f"/admin/v1/usage?limit=1&cursor={first['next_cursor']}")["data"] != first["data"]
    assert admin.refused(papi, "GET", "/admin/v1/usage?by=week", 400)["param"] == "by"
    assert admin.refused(papi, "GET", "/admin/v1/usage?cursor=r-1-1", 400)["param"] == "cursor"


def test_at_once_and_after_a_restart(papi):
    """From memory before the store has it, from the store when the memory is gone."""
    identity = ask(papi, "good")
    public, own = f"/v1/papi/requests/{identity}", f"/admin/v1/requests/{identity}"
    described = description.of(papi)
    before = {}
    for path in (public, own):
        status, fields, before[path] = admin.ask(papi, "GET", path)
        assert status == 200, before[path]
        described.check("GET", path, status, fields, before[path])
    wait_kept(papi, identity)
    papi.stop()
    with papi_process.PapiProcess(papi.arguments[1:], cwd=papi.cwd) as again:
        for path in (public, own):
            status, fields, answer = admin.ask(again, "GET", path)
            assert status == 200, answer
            described.check("GET", path, status, fields, answer)
            answer.pop("at", None), before[path].pop("at", None)
            for rung in answer["ladder"] + before[path]["ladder"]:
                rung.pop("at", None)
            assert abs(answer.pop("accepted_ms", 0) - before[path].pop("accepted_ms", 0)) <= 2
            assert answer == before[path]
        assert papi_process.request(again, "GET", "/v1/papi/requests/req-none")[0] == 404


def test_memory_where_there_is_no_store(start_serve, upstream):
    papi = start_serve({"providers": {"lab": papi_process.provider(upstream(flaky).url, ["good", "bad"])},
                        "store": {"url": "off"}})
    identity = ask(papi, "bad")
    one = admin.get(papi, f"/admin/v1/requests/{identity}")
    assert one["status"] == 400 and one["served"] is None and one["ladder"][0]["provider"] == "lab"
    assert admin.ask(papi, "GET", f"/v1/papi/requests/{identity}")[0] == 200
    assert "x-request-id" in admin.refused(papi, "GET", "/v1/papi/requests/req-none", 404)["message"]


def test_a_store_that_is_away(start_serve, upstream, tmp_path):
    """The database's place is taken by a folder: said, and requests are served all the same."""
    config = {"providers": {"lab": papi_process.provider(upstream(flaky).url, ["good"])}}
    place = tmp_path / "serve0" / "data"
    (place / "papi.db").mkdir(parents=True)
    papi = start_serve(config)
    store = papi_process.wait_for(lambda: [state for state in [admin.get(papi, "/admin/v1/status")["store"]]
                                           if state["state"] == "degraded"], what="the store degraded")[0]
    assert store["reason"]
    identity = ask(papi, "good")
    for path in ("/admin/v1/requests", "/admin/v1/usage"):
        status, fields, answer = admin.ask(papi, "GET", path)
        assert status == 503 and store["reason"] in answer["error"]["message"], answer
        description.of(papi).check("GET", path, status, fields, answer)
    assert admin.get(papi, f"/admin/v1/requests/{identity}")["id"] == identity


def test_a_store_that_is_off(start_serve, upstream):
    papi = start_serve({"providers": {"lab": papi_process.provider(upstream().url)}, "store": {"url": "off"}})
    for path in ("/admin/v1/requests", "/admin/v1/usage", "/admin/v1/requests/req-x"):
        status, fields, answer = admin.ask(papi, "GET", path)
        assert status == 503 and "store.url is off" in answer["error"]["message"]
        description.of(papi).check("GET", path, status, fields, answer)
    assert admin.get(papi, "/admin/v1/status")["store"]["state"] == "off"
    for method, path, body in (("GET", "/admin/v1/clients", None), ("POST", "/admin/v1/clients", {"name": "a"}),
                               ("DELETE", "/admin/v1/clients/a", None), ("POST", "/admin/v1/providers/lab/pause", None),
                               ("POST", "/admin/v1/providers/import", {"text": "GROQ_API_KEY=gsk_" + "A" * 40})):
        assert "store.url" in admin.refused(papi, method, path, 503, body)["message"], path


def test_the_state_of_the_store(papi):
    store = admin.get(papi, "/admin/v1/status")["store"]
    assert store["state"] == "ok" and store["reason"] is None and store["bytes"] > 0 and store["details_dropped"] == 0


def database(papi):
    return admin.socket_path(papi).parent / "papi.db"


def test_ten_thousand_rows(papi):
    """Read page by page while requests go on; what is read is in order and whole."""
    template = wait_kept(papi, ask(papi, "good"))
    db = sqlite3.connect(database(papi), timeout=30)
    columns = [row[1] for row in db.execute("pragma table_info(request)")]
    assert columns, "the store's table of requests"
    sample = dict(zip(columns, db.execute("select * from request limit 1").fetchone()))
    names = ", ".join(columns)
    marks = ", ".join("?" for _ in columns)
    key = next(row[1] for row in db.execute("pragma table_info(request)") if row[5])
    with db:
        for index in range(10000):
            row = dict(sample)
            row[key] = sample[key] + 1 + index
            for name in columns:
                if sample[name] == template["id"]:
                    row[name] = f"req-many-{index:06}"
            db.execute(f"insert into request ({names}) values ({marks})", [row[name] for name in columns])
    db.close()
    rows = pages(papi, "", 1000)
    ids = [row["id"] for row in rows]
    assert len(ids) == len(set(ids)) == 10001
    assert ids[0] == "req-many-009999" and ids[-1] == template["id"]
    small = pages(papi, "&model=other", 7)
    assert small == []


def test_readers_and_requests_at_once(start_serve, upstream):
    """Many lists and details while rows come from several loops: nothing fails, nothing is missing."""
    papi = start_serve({"loops": 3, "providers": {"lab": papi_process.provider(upstream(flaky).url, ["good"])}})
    identity = ask(papi, "good")
    wait_kept(papi, identity)

    def work(index):
        if index % 3 == 0:
            return ask(papi, "good")
        path = "/admin/v1/requests?limit=50" if index % 3 == 1 else f"/admin/v1/requests/{identity}"
        status, _, answer = admin.ask(papi, "GET", path)
        assert status == 200, answer
        return None
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        ids = [found for found in pool.map(work, range(120)) if found]
    wait_kept(papi, ids[-1])
    assert {row["id"] for row in admin.get(papi, "/admin/v1/requests?limit=1000")["data"]} == {identity, *ids}


def test_more_than_the_reader_takes(papi):
    """What waits for the reading thread is bounded; those beyond it are told to come back, and requests go on."""
    identity = ask(papi, "good")
    wait_kept(papi, identity)
    headers = {"authorization": f"Bearer {admin.token(papi)}"}
    question = papi_process.request_bytes("GET", "/admin/v1/usage?by=minute&limit=1000", headers=headers)
    connections = [papi_process.RawConnection(papi.address(), 60) for _ in range(600)]
    for connection in connections:
        connection.send(question)
    ask(papi, "good")
    statuses = []
    for connection in connections:
        status, fields, body = connection.read_response()
        statuses.append(status)
        assert status == 200 or status == 503 and "retry-after" in fields, body
        connection.close()
    assert statuses.count(200) >= 256
    assert admin.get(papi, "/admin/v1/requests")["data"]


def test_those_who_leave_before_the_page(papi):
    identity = ask(papi, "good")
    wait_kept(papi, identity)
    before = papi.descriptors()
    for _ in range(50):
        connection = admin.UnixConnection(admin.socket_path(papi))
        connection.send(papi_process.request_bytes("GET", "/admin/v1/requests"))
        connection.close()
    papi_process.wait_for(lambda: admin.get(papi, "/admin/v1/status")["requests"]["open"] == 1,
                          what="nothing but this request open")
    papi_process.wait_for(lambda: papi.descriptors() <= before, what="all descriptors closed")
    assert admin.get(papi, f"/admin/v1/requests/{identity}")["id"] == identity
