# SPDX-License-Identifier: Apache-2.0
"""Clients: keys that let in, limits that refuse, over the admin socket and as official SDKs see them."""

import concurrent.futures
import contextlib
import datetime
import json
import re
import sqlite3
import subprocess
import time

import openai
import pytest

import admin
import papi_process
from papi_process import wait_for

JSON = {"content-type": "application/json"}


def ask_admin(papi, method, path, body=None):
    """One call by the socket: (status, answer)."""
    data = None if body is None else json.dumps(body).encode()
    status, _, answer = admin.ask(papi, method, path, data, JSON if data else None)
    return status, answer


def add(papi, name="anna", **settings):
    """A new client: its row, with the key."""
    status, answer = ask_admin(papi, "POST", "/admin/v1/clients", {"name": name, **settings})
    assert status == 201, answer
    return answer


@contextlib.contextmanager
def keys_pool(folder, script=None, **config):
    """A gateway in keys mode in front of one simulated provider; stopping and starting it again is up to the test."""
    scripts = [{"provider": "lab", **(script or {})}]
    with papi_process.mock(folder / "mock", json.dumps(scripts) + "\n", ["--seed", "1"]) as mock:
        providers = {"lab": {"type": "openai", "base_url": f"{mock.url}/lab/v1", "models": ["gpt-a", "gpt-b", "llama-c"]}}
        with papi_process.serve(folder / "serve", {"auth": "keys", "loops": 2, "providers": providers, **config}) as papi:
            yield papi


@pytest.fixture(name="papi")
def papi_in_keys_mode(tmp_path):
    with keys_pool(tmp_path) as papi:
        yield papi


def chat(papi, key, model="gpt-a", header="authorization", **more):
    """One chat by key: (status, headers, body)."""
    value = f"Bearer {key}" if header == "authorization" else key
    fields = {**JSON, **({header: value} if key is not None else {})}
    body = {"model": model, "messages": [{"role": "user", "content": "hello"}], **more}
    with papi_process.RawConnection(papi.address()) as connection:
        connection.send(papi_process.request_bytes("POST", "/v1/chat/completions", json.dumps(body).encode(), fields))
        status, headers, answer = connection.read_response()
    return status, headers, json.loads(answer)


def get(papi, path, key):
    fields = {"authorization": f"Bearer {key}"} if key else {}
    with papi_process.RawConnection(papi.address()) as connection:
        connection.send(papi_process.request_bytes("GET", path, None, fields))
        status, headers, answer = connection.read_response()
    return status, headers, json.loads(answer)


def rfc3339(seconds_from_now):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds_from_now)
    return at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def parse_time(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


# --- who is let in ----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("header", ["authorization", "x-api-key", "api-key", "x-goog-api-key"])
def test_a_key_is_taken_from_every_header(papi, header):
    key = add(papi)["key"]
    assert chat(papi, key, header=header)[0] == 200


def test_each_wrong_key_is_refused_in_words(papi):
    key = add(papi)["key"]
    expired = add(papi, "old", expires_at=rfc3339(-10))["key"]
    revoked = add(papi, "gone")
    assert ask_admin(papi, "DELETE", f"/admin/v1/clients/{revoked['id']}")[0] == 200
    swapped = key[:12] + ("a" if key[12] != "a" else "b") + key[13:]
    wrong = {None: "needs a key", "sk-proj-1234": "begin with sk-papi-", swapped: "mistyped", expired: "has expired",
             revoked["key"]: "was revoked"}
    for text, word in wrong.items():
        status, _, answer = chat(papi, text)
        assert status == 401, (text, answer)
        error = answer["error"]
        assert error["code"] == "invalid_api_key" and error["type"] == "invalid_request_error"
        assert word in error["message"] and "papi client" in error["message"], error
        assert text is None or text not in error["message"]
    assert chat(papi, key)[0] == 200


def test_revoked_at_once_on_every_loop(papi):
    client = add(papi)
    connections = [papi_process.RawConnection(papi.address()) for _ in range(8)]
    request = papi_process.request_bytes("GET", "/v1/models", None, {"authorization": f"Bearer {client['key']}"})
    with contextlib.ExitStack() as stack:
        for connection in connections:
            stack.enter_context(connection)
            connection.send(request)
            assert connection.read_response()[0] == 200
        status, answer = ask_admin(papi, "DELETE", f"/admin/v1/clients/{client['id']}")
        assert status == 200 and answer["revoked_at"] is not None and "key" not in answer
        for connection in connections:
            connection.send(request)
            assert connection.read_response()[0] == 401


def test_rotation_with_and_without_grace(papi):
    client = add(papi)
    path = f"/admin/v1/clients/{client['id']}/rotate"
    second = ask_admin(papi, "POST", path, {"grace_s": 3600})[1]["key"]
    assert chat(papi, client["key"])[0] == 200 and chat(papi, second)[0] == 200
    third = ask_admin(papi, "POST", path)[1]["key"]
    assert [chat(papi, key)[0] for key in (client["key"], second, third)] == [401, 401, 200]
    assert len({client["key"], second, third}) == 3


def test_models_are_hidden_and_refused(papi):
    client = add(papi, models=["gpt-*"])
    key = client["key"]
    listed = {row["id"] for row in get(papi, "/v1/models", key)[2]["data"]}
    assert {"gpt-a", "gpt-b"} <= listed and "llama-c" not in listed
    assert chat(papi, key, "gpt-b")[0] == 200
    status, _, answer = chat(papi, key, "llama-c")
    assert status == 403 and answer["error"]["code"] == "model_not_allowed", answer
    assert get(papi, "/v1/models/llama-c", key)[0] == 403
    assert get(papi, "/v1/models/gpt-a", key)[0] == 200
    status, _, answer = chat(papi, key, "auto")  # what stands behind it is looked at
    assert status == 200 and answer["model"].startswith("gpt-"), answer
    assert chat(papi, key, "gpt-a", models=["llama-c"])[2].get("model", "gpt-a").startswith("gpt-")
    assert ask_admin(papi, "PATCH", f"/admin/v1/clients/{client['id']}", {"models": None})[1]["models"] is None
    assert chat(papi, key, "llama-c")[0] == 200


def test_a_clients_key_is_no_admin_token(papi):
    key, token = add(papi)["key"], add(papi, "root", role="admin")["key"]
    assert token.startswith("sk-papi-admin-")
    assert get(papi, "/admin/v1/status", None)[0] == 401
    status, _, answer = get(papi, "/admin/v1/status", key)
    assert status == 403 and "papi admin token" in answer["error"]["message"]
    assert get(papi, "/admin/v1/status", token)[0] == 200
    assert chat(papi, token)[0] == 200


def test_accounts_are_not_told_to_clients(papi):
    key, token = add(papi)["key"], add(papi, "root", role="admin")["key"]
    for who, told in ((key, False), (token, True)):
        candidates = get(papi, "/v1/papi/explain?model=gpt-a", who)[2]["candidates"]
        assert candidates and all(("account" in row) == told for row in candidates)
        capacity = get(papi, "/v1/papi/capacity", who)[2]
        assert "pool" in capacity and bool(capacity["accounts"]) == told


# --- limits -----------------------------------------------------------------------------------------------------------

def test_three_a_minute(papi):
    client = add(papi, limits={"requests_per_minute": 3, "tokens_per_day": 100000})
    for remaining in (2, 1, 0):
        status, headers, _ = chat(papi, client["key"])
        assert status == 200
        assert headers["x-ratelimit-limit-requests"] == "3"
        assert headers["x-ratelimit-remaining-requests"] == str(remaining)
        assert headers["x-ratelimit-limit-tokens"] == "100000"
        assert re.fullmatch(r"(\d+m)?\d+(\.\d{3})?s", headers["x-ratelimit-reset-requests"])
    status, headers, answer = chat(papi, client["key"])
    assert status == 429 and answer["error"]["code"] == "rate_limit_exceeded"
    assert "3 requests a minute" in answer["error"]["message"]
    told = re.search(r"try again in (\d+\.\d+)s \(at ([^)]+)\)", answer["error"]["message"])
    assert 50 < float(told[1]) <= 60
    assert abs(parse_time(told[2]) - time.time() - float(told[1])) < 2
    assert headers["x-ratelimit-remaining-requests"] == "0"
    assert float(told[1]) <= int(headers["retry-after"]) <= 60
    limits = get(papi, "/v1/papi/limits", client["key"])[2]
    assert limits["client"]["id"] == client["id"]
    rows = {row["limit"]: row for row in limits["limits"]}
    assert rows["requests_per_minute"]["used"] == 3 and rows["requests_per_minute"]["remaining"] == 0
    assert 0 < rows["tokens_per_day"]["used"] < 100000
    assert parse_time(rows["tokens_per_day"]["resets_at"]) > time.time()


def test_a_day_that_is_used_up_is_final(papi):
    key = add(papi, limits={"requests_per_day": 1})["key"]
    assert chat(papi, key)[0] == 200
    status, headers, answer = chat(papi, key)
    assert status == 429 and answer["error"]["code"] == "rate_limit_exceeded"
    wait = float(re.search(r"try again in (\d+\.\d+)s", answer["error"]["message"])[1])
    midnight = 86400 - time.time() % 86400
    assert abs(wait - midnight) < 30
    if wait > 60:
        assert headers["x-should-retry"] == "false" and "retry-after" not in headers


def test_explain_tells_of_a_limit_that_is_used_up(papi):
    """It says what the call would be told, costs nothing itself, and is the choice of the real call while there is room."""
    client = add(papi, limits={"requests_per_day": 1, "tokens_per_minute": 100000})

    def explain(key=client["key"]):
        return get(papi, "/v1/papi/explain?model=gpt-a", key)[2]
    for _ in range(3):
        told = explain()
        assert told["refusal"] is None and [row["chosen"] for row in told["candidates"]] == [True]
    assert chat(papi, client["key"])[0] == 200
    told, (status, headers, refused) = explain(), chat(papi, client["key"])
    assert status == 429 and told["refusal"]["limit"] == "requests_per_day"
    assert told["refusal"]["why"].split(" in ")[0] == refused["error"]["message"].split(" in ")[0]
    assert 0 < told["refusal"]["available_in_ms"] <= 86400 * 1000
    assert [(row["in"], row["chosen"]) for row in told["candidates"]] == [(True, False)]
    assert headers["x-ratelimit-remaining-requests"] == "0"
    assert explain(add(papi, "other")["key"])["refusal"] is None
    shown = papi_process.run_papi("explain", "--model", "gpt-a", "--url", papi.url, env={"PAPI_API_KEY": client["key"]})
    assert shown.returncode == 0 and "\nNobody would be asked: Rate limit reached" in shown.stdout and "->" not in shown.stdout


def test_explain_tells_of_a_request_too_large_for_its_client(papi):
    told = get(papi, "/v1/papi/explain?model=gpt-a", add(papi, limits={"tokens_per_day": 1})["key"])[2]
    assert told["refusal"]["limit"] == "tokens_per_day" and told["refusal"]["available_in_ms"] is None
    assert "reduce the length" in told["refusal"]["why"]


@pytest.mark.fault(40)
def test_a_hundred_at_once_against_ten(papi):
    key = add(papi, limits={"requests_per_day": 10})["key"]
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        statuses = list(pool.map(lambda _: chat(papi, key)[0], range(100)))
    assert statuses.count(200) == 10 and statuses.count(429) == 90


def test_concurrency(tmp_path):
    with keys_pool(tmp_path, {"latency_ms": 1500}) as papi:
        key = add(papi, limits={"concurrency": 2})["key"]
        with concurrent.futures.ThreadPoolExecutor(5) as pool:
            answers = list(pool.map(lambda _: chat(papi, key), range(5)))
        assert sorted(answer[0] for answer in answers) == [200, 200, 429, 429, 429]
        refused = next(answer for answer in answers if answer[0] == 429)
        assert "2 requests at once" in refused[2]["error"]["message"]
        assert refused[1]["retry-after"] in ("1", "2")
        assert chat(papi, key)[0] == 200


def test_a_refusal_costs_nothing_and_changes_keep_counts(papi):
    client = add(papi, limits={"requests_per_day": 2})
    assert [chat(papi, client["key"])[0] for _ in range(4)] == [200, 200, 429, 429]
    path = f"/admin/v1/clients/{client['id']}"
    changed = ask_admin(papi, "PATCH", path, {"limits": {"requests_per_day": 3}})[1]
    assert changed["limits"]["requests_per_day"] == 3
    assert [chat(papi, client["key"])[0] for _ in range(2)] == [200, 429]
    ask_admin(papi, "PATCH", path, {"limits": {"requests_per_day": None}})
    status, headers, _ = chat(papi, client["key"])
    assert status == 200 and "x-ratelimit-limit-requests" not in headers


def test_leaving_before_the_first_token_is_not_free(tmp_path):
    """The provider has read the prompt; and it is remembered over a restart."""
    def used(papi, key):
        rows = get(papi, "/v1/papi/limits", key)[2]["limits"]
        return {row["limit"]: row["used"] for row in rows}

    script = json.dumps([{"provider": "lab", "latency_ms": 60000}]) + "\n"
    with papi_process.mock(tmp_path / "mock", script, ["--seed", "1"]) as mock:
        config = {"auth": "keys", "loops": 1, "providers": {
            "lab": {"type": "openai", "base_url": f"{mock.url}/lab/v1", "models": ["gpt-a"]}}}

        def arrived():
            stats = json.loads(papi_process.request(mock, "GET", "/_mock/stats")[2])
            return stats.get("lab", {"requests": 0})["requests"] > 0

        with papi_process.serve(tmp_path, config) as papi:
            key = add(papi, limits={"tokens_per_day": 10**6, "requests_per_day": 10})["key"]
            body = {"model": "gpt-a", "messages": [{"role": "user", "content": "word " * 4000}]}
            with papi_process.RawConnection(papi.address()) as connection:
                connection.send(papi_process.request_bytes("POST", "/v1/chat/completions", body, {
                    "authorization": f"Bearer {key}"}))
                wait_for(arrived, what="the provider has it")
            left = wait_for(lambda: [row for row in admin.get(papi, "/admin/v1/requests")["data"] if row["status"] == 499],
                            what="the row of who left")
            now = used(papi, key)
            assert now["requests_per_day"] == 1 and now["tokens_per_day"] == left[0]["input_tokens"] > 1000
        with papi_process.serve(tmp_path, config) as papi:
            assert used(papi, key) == now


def test_open_mode_has_no_limits(tmp_path):
    with papi_process.serve(tmp_path, {"loops": 1}) as papi:
        answer = get(papi, "/v1/papi/limits", "anything")[2]
        assert answer["client"] is None and answer["limits"] == [] and answer["note"]


# --- the admin API ----------------------------------------------------------------------------------------------------

def test_lists_in_pages_and_finds_by_name(papi):
    made = [add(papi, f"student {i}")["id"] for i in range(7)]
    seen, cursor = [], None
    while True:
        page = admin.get(papi, "/admin/v1/clients?limit=3" + (f"&cursor={cursor}" if cursor else ""))
        seen += [row["id"] for row in page["data"]]
        assert all("key" not in row for row in page["data"])
        cursor = page["next_cursor"]
        assert page["has_more"] == (cursor is not None)
        if cursor is None:
            break
    assert seen == made
    assert admin.get(papi, "/admin/v1/clients/student%203")["id"] == made[3]
    admin.refused(papi, "GET", "/admin/v1/clients/nobody", 404)
    add(papi, "student 3")
    admin.refused(papi, "GET", "/admin/v1/clients/student%203", 409)
    assert admin.refused(papi, "GET", "/admin/v1/clients?cursor=cl_nobody", 400)["param"] == "cursor"


@pytest.mark.parametrize("body", [
    {}, {"name": ""}, {"name": "x" * 65}, {"name": "a", "limits": {"requests_per_hour": 1}},
    {"name": "a", "limits": {"requests_per_day": 0}}, {"name": "a", "limits": {"requests_per_day": -1}},
    {"name": "a", "limits": {"requests_per_day": 2**60}}, {"name": "a", "role": "king"}, {"name": "a", "models": [""]},
    {"name": "a", "models": ["x" * 129]}, {"name": "a", "models": ["a\nb"]}, {"name": "a", "models": ["m"] * 65}, {"name": "a", "expires_at": "tomorrow"}, {"name": "a", "data_use": "sell"},
    {"name": "a", "colour": "red"}, []])
def test_refuses_what_makes_no_sense(papi, body):
    admin.refused(papi, "POST", "/admin/v1/clients", 400, json.dumps(body).encode(), JSON)
    assert admin.get(papi, "/admin/v1/clients")["data"] == []


def test_an_end_long_ago_is_no_never(papi):
    client = add(papi, "past", expires_at="1970-01-01T00:00:00Z")
    assert client["expires_at"].startswith("1970-01-01T00:00:00")
    status, _, answer = chat(papi, client["key"])
    assert status == 401 and "expired" in answer["error"]["message"], answer


def test_clients_outlive_the_process(tmp_path):
    config = {"auth": "keys", "loops": 1}
    with papi_process.serve(tmp_path, config) as papi:
        client = add(papi, "anna", limits={"requests_per_month": 5}, models=["a*", "b"], data_use="no-training",
                     priority="batch", expires_at=rfc3339(86400))
    with papi_process.serve(tmp_path, config) as papi:
        row = admin.get(papi, f"/admin/v1/clients/{client['id']}")
        assert {**row, "last_used_at": None} == {**{k: v for k, v in client.items() if k != "key"}, "last_used_at": None}
        assert get(papi, "/v1/models", client["key"])[0] == 200


def test_a_store_that_is_locked_at_the_start(tmp_path):
    """Keys are a 503 as long as nobody can know them; then clients, their counts and the vault's keys are there without a restart."""
    with papi_process.mock(tmp_path / "mock", json.dumps([{"provider": "lab"}]) + "\n", ["--seed", "1"]) as mock:
        config = {"auth": "keys", "loops": 2, "providers": {
            "lab": {"type": "openai", "base_url": f"{mock.url}/lab/v1", "models": ["gpt-a"]}}}
        with papi_process.serve(tmp_path / "serve", config) as papi:
            key = add(papi, limits={"requests_per_day": 3})["key"]
            assert ask_admin(papi, "POST", "/admin/v1/providers", {"provider": "groq", "key": "gsk_" + "Zq7" * 12})[0] == 201
            assert chat(papi, key)[0] == 200
        holder = sqlite3.connect(tmp_path / "serve" / "data" / "papi.db", isolation_level=None)
        holder.execute("BEGIN EXCLUSIVE")
        with papi_process.serve(tmp_path / "serve", config) as papi:
            status, headers, answer = chat(papi, key)
            assert status == 503 and "store" in answer["error"]["message"] and "retry-after" in headers, answer
            assert chat(papi, "sk-proj-1234")[0] == 401
            assert "nobody has one yet" not in papi.stdout
            holder.execute("ROLLBACK")
            holder.close()
            wait_for(lambda: chat(papi, key)[0] == 200, 20, "the client is known")
            wait_for(lambda: [row["source"] for row in admin.get(papi, "/admin/v1/providers/groq")["accounts"]] == ["vault"],
                     20, "the vault's key is used")
            assert chat(papi, key)[0] == 200 and chat(papi, key)[0] == 429  # the one before the restart counts


def test_what_was_used_outlives_the_process(tmp_path):
    config = {"auth": "keys", "loops": 1}
    with papi_process.mock(tmp_path / "mock", json.dumps([{"provider": "lab"}]) + "\n", ["--seed", "1"]) as mock:
        config["providers"] = {"lab": {"type": "openai", "base_url": f"{mock.url}/lab/v1", "models": ["gpt-a"]}}
        with papi_process.serve(tmp_path, config) as papi:
            month = add(papi, "month", limits={"requests_per_month": 2, "tokens_per_day": 100000})
            free = add(papi, "free", limits={"requests_per_month": 2})
            for _ in range(2):
                assert chat(papi, month["key"])[0] == 200
            assert chat(papi, month["key"])[0] == 429
            before = get(papi, "/v1/papi/limits", month["key"])[2]["limits"]
        with papi_process.serve(tmp_path, config) as papi:
            status, _, answer = chat(papi, month["key"])
            assert status == 429 and "2 requests a month" in answer["error"]["message"]
            after = get(papi, "/v1/papi/limits", month["key"])[2]["limits"]
            assert [(row["limit"], row["used"]) for row in after] == [(row["limit"], row["used"]) for row in before]
            assert chat(papi, free["key"])[0] == 200
            assert admin.get(papi, f"/admin/v1/clients/{month['id']}")["last_used_at"] is not None


def test_no_key_is_written_anywhere(tmp_path):
    with keys_pool(tmp_path) as papi:
        made = [add(papi, f"c{i}", role="admin" if i == 1 else "client") for i in range(3)]
        keys = [row["key"] for row in made]
        keys.append(ask_admin(papi, "POST", f"/admin/v1/clients/{made[0]['id']}/rotate", {"grace_s": 60})[1]["key"])
        for key in keys:
            assert chat(papi, key)[0] == 200
            chat(papi, key[:-1])
        shown = [json.dumps(admin.get(papi, path)) for path in (
            "/admin/v1/clients", f"/admin/v1/clients/{made[0]['id']}", "/admin/v1/status", "/v1/papi/limits")]
        status, _, metrics = admin.ask(papi, "GET", "/metrics")
        assert status == 200
        shown += [metrics if isinstance(metrics, str) else json.dumps(metrics)]
        wait_for(lambda: "client.rotated" in papi.stderr, what="the log")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.name == "papi.db" for path in files)
    texts = [path.read_bytes() for path in files] + [text.encode() for text in (*shown, papi.stdout, papi.stderr)]
    for key in keys:
        secret = key.rsplit("-", 1)[1].encode()
        for text in texts:
            assert secret not in text and secret[:20] not in text


# --- official SDKs ----------------------------------------------------------------------------------------------------

def sdk(papi, key, **more):
    return openai.OpenAI(base_url=f"{papi.url}/v1", api_key=key, **more)


def test_the_python_sdk_raises_its_classes(papi):
    client = add(papi, limits={"requests_per_minute": 1}, models=["gpt-a"])
    messages = [{"role": "user", "content": "hello"}]
    with pytest.raises(openai.AuthenticationError):
        sdk(papi, "sk-wrong").chat.completions.create(model="gpt-a", messages=messages)
    with pytest.raises(openai.PermissionDeniedError):
        sdk(papi, client["key"]).chat.completions.create(model="llama-c", messages=messages)
    assert sdk(papi, client["key"]).chat.completions.create(model="gpt-a", messages=messages).choices
    with pytest.raises(openai.RateLimitError) as refused:
        sdk(papi, client["key"], max_retries=0).chat.completions.create(model="gpt-a", messages=messages)
    assert refused.value.code == "rate_limit_exceeded"


def test_the_python_sdk_obeys_retry_after(tmp_path):
    with keys_pool(tmp_path, {"latency_ms": 700}) as papi:
        key = add(papi, limits={"concurrency": 1})["key"]
        client = sdk(papi, key, max_retries=3)
        messages = [{"role": "user", "content": "hello"}]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(
                lambda _: client.chat.completions.create(model="gpt-a", messages=messages), range(2)))
        assert all(answer.choices for answer in answers)


def test_the_node_sdk(node, tmp_path):
    """401, 403, 429, and a Retry-After that it obeys: node/clients.mjs."""
    program, folder = node
    with keys_pool(tmp_path, {"latency_ms": 700}) as papi:
        keys = {"narrow": add(papi, "narrow", models=["gpt-*"])["key"], "daily": add(papi, "daily", limits={"requests_per_day": 1})["key"],
                "single": add(papi, "single", limits={"concurrency": 1})["key"]}
        env = papi_process.clean_environment({"PAPI_URL": papi.url + "/v1", "KEYS": json.dumps(keys)})
        ended = subprocess.run([program, "clients.mjs"], cwd=folder, env=env, capture_output=True, text=True, timeout=100, check=False)
    results = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("{")]
    assert [result for result in results if not result["ok"]] == [], ended.stderr
    assert len(results) == 4, ended.stderr
