# SPDX-License-Identifier: Apache-2.0
"""What the guides show, done: only the addresses are free ones instead of the usual."""

import contextlib
import json
import pathlib
import re

import papi_process
import pytest
from papi_process import closed_port, request, run_papi

GUIDES = pathlib.Path(__file__).resolve().parents[2] / "docs" / "guides"
USUAL_MOCK = "http://127.0.0.1:7280"
LINES_MAX = 120
KEYS = {name: f"sk-{name}" for name in ("GROQ_API_KEY", "GEMINI_API_KEY", "OPENROUTER_WORK", "OPENROUTER_HOME", "OPENAI_API_KEY",
                                        "CEREBRAS_API_KEY", "LAB_KEY")}


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


def yaml_blocks(name):
    return re.findall(r"```yaml\n(.*?)```", text_of(name), re.DOTALL)


PAGES = sorted(path.name for path in GUIDES.glob("*.md") if path.name != "simulator.md")


# --- every guide ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", PAGES)
def test_configurations_are_valid(tmp_path, name):
    blocks = yaml_blocks(name)
    assert blocks
    for block in blocks:
        file = tmp_path / "papi.yaml"
        file.write_text(block)
        done = run_papi("check", "--config", file, env=KEYS)
        assert done.returncode == 0 and done.stderr == "", block + done.stderr


@pytest.mark.parametrize("name", PAGES)
def test_pages_are_short_and_their_links_lead_somewhere(name):
    text = text_of(name)
    assert len(text.splitlines()) <= LINES_MAX
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    assert [link for link in links if not (GUIDES / link).resolve().exists()] == []


@contextlib.contextmanager
def instance(folder, name, index=0, env=None):
    """A guide's own configuration in front of the simulator, and the simulator."""
    config = yaml_blocks(name)[index]
    with papi_process.mock(folder / "mock", "healthy") as mock:
        with papi_process.serve(folder / "serve", config.replace(USUAL_MOCK, mock.url), env=env) as papi:
            yield papi, mock


def script(mock, provider, **settings):
    status, _, body = request(mock, "POST", "/_mock/script", {"provider": provider, **settings})
    assert status == 200, body


# --- models.md --------------------------------------------------------------------------------------------------------
@pytest.fixture(name="papi", scope="module")
def fixture_papi(tmp_path_factory):
    with instance(tmp_path_factory.mktemp("guides"), "models.md") as (papi, _):
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


# --- failover.md ------------------------------------------------------------------------------------------------------
FAILOVER = "failover.md"
# What plays the first cell of a row of the table.
PLAYED = {
    "cannot be reached": None,
    "refuses the key (401)": {"always": "401"},
    "has no credit (402)": {"always": "402"},
    "refuses by a rate limit (429)": {"always": "429", "retry_form": "none"},
    "does not know the model (404)": {"always": "404"},
    "is overloaded (503), fails (500)": {"always": "503"},
    "cuts or breaks its answer before a token": {"always": "cut_after_head"},
    "answers with another model": {"model": "gpt-oss-20b"},
    "answers with nothing": {"always": "empty_200"},
    "refuses with a 400 or 422": {"always": "400"},
    "says plainly that the request is wrong": {"always": "400_client"},
    "breaks off after the first token": {"always": "cut_mid_stream", "tokens": 40},
}
RESTS_S = {"10 minutes": 600, "an hour": 3600, "else 20 s": 20, "there, 10 s": 10, "60 s": 60, "rests 2 s": 2}


def failover_rows():
    return rows_under(text_of(FAILOVER), "`first`")


def test_every_way_to_fail_is_played():
    assert [next(head for head in PLAYED if row[0].startswith(head)) for row in failover_rows()] == list(PLAYED)


def stage_of(folder, played):
    """`first` that plays this, and `second`, which is well; both serve two models, so that another one can be answered with."""
    stack = contextlib.ExitStack()
    mock = stack.enter_context(papi_process.mock(folder / "mock", "healthy"))
    first = f"{mock.url}/first/v1"
    if played is None:
        holder, port = closed_port()
        stack.callback(holder.close)
        first = f"http://127.0.0.1:{port}/v1"
    elif "model" in played:
        liar = stack.enter_context(papi_process.ScriptedUpstream(papi_process.answer_script("No.", model=played["model"])))
        first = liar.url
    else:
        script(mock, "first", **played)
    models = ["gpt-oss-120b", "gpt-oss-20b"]
    papi = stack.enter_context(papi_process.serve(folder / "serve", {"providers": {
        "first": papi_process.provider(first, models), "second": papi_process.provider(f"{mock.url}/second/v1", models)}}))
    return stack, papi


def rest_of_first_s(papi):
    status, _, body = request(papi, "GET", "/v1/papi/explain?model=gpt-oss-120b")
    assert status == 200
    (row,) = [row for row in json.loads(body)["candidates"] if row["provider"] == "first"]
    return row["available_in_ms"] / 1000


@pytest.mark.parametrize("head", PLAYED)
def test_ways_to_fail(tmp_path, head):
    (_, then, rests), = [row for row in failover_rows() if row[0].startswith(head)]
    stack, papi = stage_of(tmp_path, PLAYED[head])
    with stack:
        stream = "first token" in head
        status, headers, body = request(papi, "POST", "/v1/chat/completions", {
            "model": "gpt-oss-120b", "stream": stream, "messages": [{"role": "user", "content": "hello"}]})
        if then.startswith("nobody"):
            assert headers["x-papi-attempts"] == "1"
            assert (status, b"[DONE]" in body) == ((200, False) if stream else (400, False)) and b'"error"' in body
        else:
            assert status == 200 and headers["x-papi-provider"] == "second" and headers["x-papi-attempts"] == "2", body
        expected = [seconds for words, seconds in RESTS_S.items() if words in rests]
        least = expected[0] - 3 if expected else 0
        assert least <= rest_of_first_s(papi) <= (expected[0] if expected else 0), rests


def without_numbers(text):
    return re.sub(" +", " ", re.sub(r"req-\w+", "req-ID", re.sub(r"\b\d+ ms|\b\d+\.\d+ s", "N", text)))


def test_the_shown_record(tmp_path):
    shown = re.search(r"```\n(req-.*?)```", text_of(FAILOVER), re.DOTALL).group(1)
    with instance(tmp_path, FAILOVER) as (papi, mock):
        script(mock, "first", always="503")
        status, headers, _ = papi_process.chat(papi, "gpt-oss-120b")
        assert status == 200
        told = run_papi("request", headers["x-request-id"], "--url", papi.url).stdout
        assert without_numbers(told) == without_numbers(shown)
        for name in rows_under(text_of(FAILOVER), "field of an answer"):
            for field in re.findall(r"`(.*?)`", name[0]):
                assert field in headers or field == "x-papi-warning"


def test_attempts_that_count_are_three(tmp_path):
    """As the page says: a fourth provider that could answer is not asked any more; refusals that cost nothing do not count."""
    with papi_process.mock(tmp_path / "mock", "healthy") as mock:
        names = ["p1", "p2", "p3", "p4"]
        providers = {name: papi_process.provider(f"{mock.url}/{name}/v1", ["m"]) for name in names}
        for fault, status, attempts in (("429", 200, "4"), ("503", 502, "3")):
            for name in names[:3]:
                script(mock, name, always=fault)
            with papi_process.serve(tmp_path / fault, {"providers": providers}) as papi:
                got, headers, _ = papi_process.chat(papi, "m")
                assert (got, headers["x-papi-attempts"]) == (status, attempts)


# --- limits-and-waiting.md --------------------------------------------------------------------------------------------
LIMITS = "limits-and-waiting.md"


def refused(papi, model, count, **more):
    """The refusal that follows `count` good answers."""
    for _ in range(count):
        assert papi_process.chat(papi, model)[0] == 200
    return papi_process.chat(papi, model, **more)


def test_refusals_are_told_as_shown(tmp_path):
    shown = json.loads(re.search(r"```json\n(.*?)```", text_of(LIMITS), re.DOTALL).group(1))
    with instance(tmp_path, LIMITS) as (papi, _):
        status, headers, body = refused(papi, "tiny", 2)
        assert status == 429 and json.loads(without_numbers(json.dumps(body))) == json.loads(without_numbers(json.dumps(shown)))
        reset_ms = float(re.fullmatch(r"([\d.]+)s", headers["x-ratelimit-reset-requests"]).group(1)) * 1000
        assert headers["x-ratelimit-remaining-requests"] == "0"
        assert reset_ms <= int(headers["retry-after-ms"]) <= reset_ms * 1.1 + 1
        assert int(headers["retry-after"]) == -(-int(headers["retry-after-ms"]) // 1000)
        assert "x-should-retry" not in headers
        line = re.search(r"```\n( +PROVIDER.*?)```", text_of(LIMITS), re.DOTALL).group(1)
        told = run_papi("explain", "--model", "tiny", "--url", papi.url).stdout
        assert without_numbers(told).strip() == without_numbers(line).strip()
        status, headers, body = refused(papi, "daily", 1)
        assert (status, body["error"]["code"]) == (429, "insufficient_quota")
        assert "retry-after" not in headers and headers["x-should-retry"] == "false"
        assert re.fullmatch(r"(\d+m)?[\d.]+s", headers["x-ratelimit-reset-requests"])
        # Who may wait longer than the queue's usual time, waits, and is answered.
        status, headers, _ = papi_process.chat(papi, "tiny", headers={"x-papi-deadline-ms": "20000"})
        assert status == 200 and int(headers["x-papi-queued-ms"]) > 0


def test_the_other_refusals(tmp_path):
    with papi_process.mock(tmp_path / "mock", "healthy") as mock:
        with papi_process.serve(tmp_path / "serve", {"queue": {"max_waiting": 0}, "providers": {
                "slow": papi_process.provider(f"{mock.url}/a/v1", ["slow"], limits=[{"requests": 1, "per": "10m"}]),
                "full": papi_process.provider(f"{mock.url}/b/v1", ["full"], limits=[{"requests": 1, "per": "5s"}]),
                "small": papi_process.provider(f"{mock.url}/c/v1", ["small"], limits=[{"tokens": 100, "per": "minute"}]),
        }}) as papi:
            status, headers, body = refused(papi, "slow", 1)
            assert (status, body["error"]["code"], headers["x-should-retry"]) == (429, "rate_limit_exceeded", "false")
            assert "retry-after" not in headers
            status, _, body = refused(papi, "full", 1)
            assert (status, body["error"]["code"]) == (429, "queue_full")
            status, headers, body = papi_process.chat(papi, "small", text="word " * 2000)
            assert (status, body["error"]["code"]) == (400, "context_length_exceeded")
            assert "retry-after" not in headers


def test_a_restart_remembers_counts(tmp_path):
    """The page says so, also of a process that was killed, and of the setting that keeps nothing."""
    assert "Counts outlive a restart" in text_of(LIMITS) and "With `store: {url: off}` nothing is kept" in text_of(LIMITS)
    with papi_process.mock(tmp_path / "mock", "healthy") as mock:
        config = yaml_blocks(LIMITS)[0].replace(USUAL_MOCK, mock.url)
        for statuses in ([200, 429], [429], [429]):
            with papi_process.serve(tmp_path / "serve", config) as papi:
                assert [papi_process.chat(papi, "daily")[0] for _ in statuses] == statuses
                papi.kill()
        for _ in range(2):
            with papi_process.serve(tmp_path / "forgets", config + "store: {url: off}\n") as papi:
                assert papi_process.chat(papi, "daily")[0] == 200


def test_capacity_counts_what_the_page_states(tmp_path):
    with instance(tmp_path, LIMITS) as (papi, _):
        told = json.loads(run_papi("capacity", "--json", "--url", papi.url).stdout)
        lab = {(limit["unit"], limit["shape"], limit["amount"]) for account in told["accounts"] if account["provider"] == "lab"
               for limit in account["limits"]}
        assert lab == {("requests", "rolling", 60), ("requests", "pacer", 60), ("tokens", "refill", 100000), ("requests", "day", 1000),
                       ("input_tokens", "month", 500000), ("output_tokens", "aligned", 20000), ("concurrent", "at_once", 4)}


# --- keys-and-terms.md ------------------------------------------------------------------------------------------------
TERMS = "keys-and-terms.md"


def start_bare(folder, env):
    """`papi serve` without a configuration; env comes in place of a developer's own."""
    return papi_process.PapiProcess(["serve", "--data", folder / "data", "--listen", "127.0.0.1:0"], cwd=folder,
                                    env={"HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "none"), **env})


@pytest.mark.parametrize("found, sentence", rows_under(text_of(TERMS), "found | the start screen"))
def test_keys_that_are_left_alone(tmp_path, found, sentence):
    variable = re.match(r"`(\w+)`", found).group(1)
    with start_bare(tmp_path, {variable: "test-key"}) as papi:
        assert f"({variable}) {sentence}" in papi.stdout, papi.stdout


def at_the_mock(config, mock, **providers):
    """The configuration with these providers' addresses at the simulator."""
    for name in providers:
        config = config.replace(f"{name}: {{", f"{name}: {{base_url: \"{mock.url}/{name}/v1\", ")
    return config


def test_a_paid_provider_is_asked_by_name_only(tmp_path):
    (block,) = [block for block in yaml_blocks(TERMS) if "tier: paid" in block]
    with papi_process.mock(tmp_path / "mock", "healthy") as mock:
        config = at_the_mock(block, mock, openai=1, groq=1)
        with papi_process.serve(tmp_path / "serve", config, env=KEYS) as papi:
            for model, provider in (("backup", "openai"), ("openai/gpt-4o-mini", "openai"), ("auto", "groq")):
                status, headers, answer = papi_process.chat(papi, model)
                assert (status, headers.get("x-papi-provider")) == (200, provider), answer
            status, _, answer = papi_process.chat(papi, "gpt-4o-mini")
            assert status == 404 and "openai/gpt-4o-mini" in answer["error"]["message"]


def test_accounts_and_plans(tmp_path):
    with papi_process.mock(tmp_path / "mock", "healthy") as mock:
        config = yaml_blocks(TERMS)[0].replace("openrouter:\n", f"openrouter:\n    base_url: {mock.url}/openrouter/v1\n")
        with papi_process.serve(tmp_path / "serve", at_the_mock(config, mock, groq=1), env=KEYS) as papi:
            told = json.loads(run_papi("capacity", "--json", "--url", papi.url).stdout)
            day = {account["account"]: limit["amount"] for account in told["accounts"] if account["provider"] == "openrouter"
                   for limit in account["limits"] if limit["shape"] == "day"}
            assert day == {"work": 50, "home": 1000}


def test_several_keys_share_one_account(tmp_path):
    with start_bare(tmp_path, {"GROQ_API_KEY": "test-a,test-b"}) as papi:
        assert re.search(r"groq +GROQ_API_KEY +2 keys, 1 account", papi.stdout), papi.stdout


@pytest.mark.parametrize("setting, used, more", [("safe", "ovhcloud", "kilo"), ("off", "off", "ovhcloud"), ("all", "kilo", None)])
def test_keyless(tmp_path, setting, used, more):
    with start_bare(tmp_path, {"PAPI_KEYLESS": setting}) as papi:
        (line,) = [line for line in papi.stdout.splitlines() if line.startswith("  Keyless")]
        inside, _, outside = line.partition("; keyless: all adds ")
        assert used in inside and (more or "") in outside


def test_who_is_left_out_for_an_audience(tmp_path):
    with start_bare(tmp_path, {"GROQ_API_KEY": "test", "PAPI_AUDIENCE": "public"}) as papi:
        assert "groq (GROQ_API_KEY) its terms do not allow this audience, or do not say so" in papi.stdout
    with start_bare(tmp_path, {"GROQ_API_KEY": "test", "PAPI_AUDIENCE": "group"}) as papi:
        assert "groq (GROQ_API_KEY) may train on prompts; data_use: any allows it" in papi.stdout
    with start_bare(tmp_path, {"GROQ_API_KEY": "test", "PAPI_AUDIENCE": "group", "PAPI_ROUTING_DATA_USE": "any"}) as papi:
        assert "groq              GROQ_API_KEY" in papi.stdout


# --- local-servers.md, proxies.md -------------------------------------------------------------------------------------
def test_local_servers_are_those_of_the_program(tmp_path):
    """The table's names are what the program looks for; ports are tried by tests/api/test_zero_config.py with others."""
    rows = rows_under(text_of("local-servers.md"), "server |")
    source = (GUIDES.parents[1] / "src" / "app" / "local_servers.c").read_text(encoding="utf-8")
    looked_for = re.findall(r'^    \{"(\w+)", (\d+), ', source, re.MULTILINE)
    assert [(row[1].strip("`"), row[2]) for row in rows] == looked_for
    for row in rows:
        assert run_papi("provider", "show", row[1].strip("`")).returncode == 0


@pytest.mark.parametrize("written, words", [("https://p:1", "must start with http://"), ("socks4://p:1", "must start with"),
                                            ("socks5h://u:w@p:1", None), ("p:3128", None)])
def test_proxies_that_are_spoken(tmp_path, written, words):
    (tmp_path / "papi.yaml").write_text(f'proxy: "{written}"\n')
    done = run_papi("check", "--config", tmp_path / "papi.yaml")
    assert (done.returncode == 1 and words in done.stderr) if words else done.returncode == 0
    assert "u:w" not in done.stdout + done.stderr


def test_a_provider_behind_a_proxy_that_is_gone(tmp_path):
    """A proxy that cannot be reached is told as one, and the next provider answers."""
    holder, port = closed_port()
    with contextlib.closing(holder), papi_process.mock(tmp_path / "mock", "healthy") as mock:
        providers = {"far": papi_process.provider("http://far.test/v1", ["m"], proxy=f"127.0.0.1:{port}"),
                     "near": papi_process.provider(f"{mock.url}/near/v1", ["m"])}
        with papi_process.serve(tmp_path / "serve", {"providers": providers}) as papi:
            status, headers, _ = papi_process.chat(papi, "m")
            assert status == 200 and headers["x-papi-provider"] == "near"
            told = json.loads(request(papi, "GET", f"/v1/papi/requests/{headers['x-request-id']}")[2])
            assert told["ladder"][0]["outcome"] == "proxy_unreachable"
