# SPDX-License-Identifier: Apache-2.0
"""papi doctor: for each thing it looks for, a machine on which exactly that is broken. The finding is there, names its cure and
fails; what is not broken stays as it was; no key is ever shown."""

import email.utils
import json
import os
import resource
import shutil
import socket
import sqlite3
import subprocess
import time

import pytest
from authority import Authority
from papi_process import clean_environment, closed_port, papi_binary, provider, run_papi, serve

KEY = "sk-test-0123456789abcdef"
CHECKS = ["config", "data", "permissions", "disk", "store", "descriptors", "port", "ca", "proxy", "catalog", "local", "dns", "clock",
          "providers", "keys"]
MODELS = {"object": "list", "data": [{"id": "test-model", "object": "model"}]}


def answers(status=200, body=None, seconds_off=0):
    """An upstream that answers with one thing, and tells a time of its own."""
    def script(connection):
        while connection.read_request() is not None:
            date = email.utils.formatdate(time.time() + seconds_off, usegmt=True)
            connection.respond(status, MODELS if body is None else body, {"date": date})
    return script


class Patient:
    """A machine that is well: one lab that answers. Tests break one thing of it."""

    def __init__(self, folder, url):
        self.folder, self.data = folder, folder / "data"
        self.file = folder / "papi.yaml"
        self.env = {"TEST_KEY": KEY}
        self.settings = {"listen": "127.0.0.1:0", "keyless": "off",
                         "providers": {"lab": {**provider(url), "keys": [{"key": "env:TEST_KEY"}]}}}
        self.more = []

    def lab(self, name, url, **more):
        self.settings["providers"][name] = {**provider(url), "keys": [{"key": "env:TEST_KEY"}], **more}

    def write(self):
        if not self.file.exists():
            self.file.write_text(json.dumps(self.settings))

    def examine(self, *arguments):
        self.write()
        done = run_papi("doctor", "--config", self.file, "--data", self.data, "--json", *arguments, *self.more, env=self.env,
                        cwd=self.folder)
        assert done.stderr == ""
        return self.read(done)

    def read(self, done):
        assert KEY not in done.stdout + done.stderr and "0123456789abcdef" not in done.stdout + done.stderr
        report = json.loads(done.stdout)
        grades = [finding["grade"] for finding in report["findings"]]
        assert report["failed"] == grades.count("fail") and report["warnings"] == grades.count("warn")
        assert report["ok"] == (report["failed"] == 0) and done.returncode == (0 if report["ok"] else 1)
        for finding in report["findings"]:
            assert set(finding) == {"check", "title", "subject", "grade", "says", "cure"}
            assert (finding["cure"] != "") == (finding["grade"] in ("warn", "fail")), finding
            assert finding["says"], finding
        assert list(dict.fromkeys(finding["check"] for finding in report["findings"])) == CHECKS
        return report["findings"]


@pytest.fixture(name="patient")
def fixture_patient(tmp_path, upstream):
    return Patient(tmp_path, upstream(answers()).url)


def broken(findings, check, grade="fail", also=()):
    """The findings that are not well are all of this check, but those of the checks in `also`."""
    wrong = [finding for finding in findings if finding["grade"] in ("warn", "fail")]
    assert {finding["check"] for finding in wrong} <= {check, *also}, wrong
    of_check = [finding for finding in wrong if finding["check"] == check]
    assert of_check and of_check[0]["grade"] == grade, findings
    return of_check[0]


# --- well -------------------------------------------------------------------------------------------------------------
def test_a_healthy_machine(patient):
    assert all(finding["grade"] == "ok" for finding in patient.examine())


def test_for_people(patient):
    patient.write()
    done = run_papi("doctor", "--config", patient.file, "--data", patient.data, env=patient.env, cwd=patient.folder)
    assert done.returncode == 0 and done.stdout.rstrip().endswith("0 failed, 0 warnings")
    assert all(line.startswith(("ok ", "warn ", "fail ", "skipped ")) for line in done.stdout.splitlines()[:-2])
    assert KEY not in done.stdout + done.stderr and "\033" not in done.stdout


def test_offline_asks_nobody(patient, upstream):
    def fail(connection):
        raise AssertionError("--offline asked a provider")
    patient.lab("lab", upstream(fail).url)
    findings = patient.examine("--offline")
    skipped = {finding["check"] for finding in findings if finding["grade"] == "skipped"}
    assert skipped == {"dns", "providers", "keys"}
    assert all(finding["grade"] in ("ok", "skipped") for finding in findings)


def test_nothing_is_made(patient):
    patient.examine()
    assert not patient.data.exists() and sorted(path.name for path in patient.folder.iterdir()) == ["papi.yaml"]


# --- files ------------------------------------------------------------------------------------------------------------
def test_configuration_with_an_error(patient):
    patient.file.write_text("lisen: 127.0.0.1:1\n")
    findings = patient.examine()
    finding = broken(findings, "config")
    assert finding["subject"].endswith("papi.yaml:1:1") and "did you mean 'listen'" in finding["says"]
    assert {f["check"] for f in findings if f["grade"] == "skipped"} == {"proxy", "catalog", "local", "dns", "providers", "keys"}


def test_configuration_that_is_not_there(patient):
    patient.more = ["--config", patient.folder / "nothing.yaml"]
    assert "cannot read" in broken(patient.examine(), "config")["says"]


def test_key_variable_that_is_not_set(patient):
    patient.env = {}
    assert "TEST_KEY" in broken(patient.examine(), "config")["says"]


def test_mistyped_variable_in_dotenv(patient):
    dotenv = patient.folder / ".env"
    dotenv.write_text("GROQ_APIKEY=gsk_x\n")
    dotenv.chmod(0o600)
    finding = broken(patient.examine(), "config", "warn")
    assert finding["subject"] == ".env:1:1" and "GROQ_API_KEY" in finding["says"]


def test_address_beyond_loopback_without_keys(patient):
    patient.more = ["--listen", "0.0.0.0:0"]
    assert "auth: keys" in broken(patient.examine(), "config")["says"]


def test_data_directory_that_is_a_file(patient):
    patient.data.write_text("")
    patient.data.chmod(0o600)
    finding = broken(patient.examine(), "data")
    assert "no directory" in finding["says"] and "--data" in finding["cure"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_data_directory_that_cannot_be_written(patient):
    patient.data.mkdir(mode=0o500)
    assert "cannot be written" in broken(patient.examine(), "data")["says"]


def test_no_data_directory(patient):
    patient.write()
    env = clean_environment(patient.env)
    for name in ("HOME", "XDG_DATA_HOME"):
        env.pop(name, None)
    done = subprocess.run([papi_binary(), "doctor", "--json", "--config", str(patient.file)], env=env, cwd=patient.folder,
                          capture_output=True, text=True, timeout=60, check=False)
    assert "HOME" in broken(patient.read(done), "data")["says"]


@pytest.mark.parametrize("name, mode, cure", [
    ("", 0o755, "chmod 700"), ("key", 0o640, "chmod 600"), ("papi.db", 0o644, "chmod 600"), ("papi.sock", 0o666, "chmod 600")])
def test_data_that_others_can_read(patient, name, mode, cure):
    patient.data.mkdir(mode=0o700)
    path = patient.data / name
    if name:
        path.write_text("")
    path.chmod(mode)
    finding = broken(patient.examine(), "permissions")
    assert finding["cure"].startswith(f"Run: {cure}") and finding["subject"].endswith(name) and f"{mode:04o}" in finding["says"]


def test_dotenv_that_others_can_read(patient):
    dotenv = patient.folder / ".env"
    dotenv.write_text(f"GROQ_API_KEY={KEY}\n")
    dotenv.chmod(0o644)
    patient.settings["providers"]["groq"] = {"base_url": patient.settings["providers"]["lab"]["base_url"]}
    finding = broken(patient.examine(), "permissions", also=("config",))
    assert finding["subject"] == ".env" and "chmod 600 .env" in finding["cure"]


@pytest.mark.parametrize("literal, mode, wrong", [(False, 0o644, False), (False, 0o664, True), (True, 0o644, True), (True, 0o600, False)])
def test_configuration_that_others_can_change_or_read(patient, literal, mode, wrong):
    """Who can change it sends keys elsewhere; who can read it has those that are written out in it."""
    if literal:
        patient.settings["providers"]["lab"]["keys"] = [KEY]
    patient.write()
    patient.file.chmod(mode)
    findings = [f for f in patient.examine() if f["check"] == "permissions"]
    assert [f["grade"] for f in findings] == (["fail"] if wrong else ["ok"])


def test_keys_in_the_vault_are_told_and_not_opened(patient):
    patient.settings["providers"] = {}
    patient.data.mkdir(mode=0o700)
    path = patient.data / "papi.db"
    database = sqlite3.connect(path)
    database.execute("create table provider_key (sealed blob)")
    database.executemany("insert into provider_key values (?)", [(b"x",), (b"y",)])
    database.commit()
    database.close()
    path.chmod(0o600)
    before = path.read_bytes()
    findings = patient.examine()
    assert [(f["grade"], f["subject"]) for f in findings if f["check"] == "keys"] == [("skipped", "vault")]
    assert all(f["grade"] in ("ok", "skipped") for f in findings)
    assert path.read_bytes() == before and [p.name for p in patient.data.iterdir()] == ["papi.db"]


@pytest.mark.parametrize("bytes_of, words", [
    (lambda good: b"this is no database, but long enough to look like one " * 100, "cannot be read"),
    (lambda good: good[:4096] + b"\xff" * 4096 + good[8192:], "damaged")], ids=["not a database", "a page overwritten"])
def test_broken_store(patient, bytes_of, words):
    patient.data.mkdir(mode=0o700)
    path = patient.data / "papi.db"
    database = sqlite3.connect(path)
    database.execute("create table t (a text)")
    database.executemany("insert into t values (?)", [("x" * 1000,)] * 100)
    database.commit()
    database.close()
    path.chmod(0o600)
    assert [f["grade"] for f in patient.examine() if f["check"] == "store"] == ["ok"]
    path.write_bytes(bytes_of(path.read_bytes()))
    assert words in broken(patient.examine(), "store")["says"]


# --- the machine ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("options, grade, words, cure", [
    ("size=4m", "fail", "4 MiB free", "Free some space"), ("size=100m", "warn", "MiB free", "Free some space"),
    ("size=1g", "ok", "MiB free", ""), ("size=1g,nr_inodes=4", "fail", "no room for further files", "Free some space"),
    ("size=1g,ro", "fail", "mounted read-only", "Mount it for writing")])
def test_disk(patient, options, grade, words, cure):
    """A disk of its own below the data directory, in a name space where everybody may mount."""
    apart = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", f'mount -t tmpfs -o mode=700,{options} none "$0" && exec "$@"']
    if shutil.which("unshare") is None or subprocess.run([*apart, str(patient.folder), "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this system lets nobody mount in a name space of their own")
    patient.data.mkdir(mode=0o700)
    patient.write()
    done = subprocess.run([*apart, str(patient.data), papi_binary(), "doctor", "--json", "--offline", "--config", str(patient.file), "--data",
                           str(patient.data)], env=clean_environment(patient.env), cwd=patient.folder, capture_output=True, text=True,
                          timeout=60, check=False)
    finding = [f for f in patient.read(done) if f["check"] == "disk"][0]
    assert (finding["grade"], finding["subject"]) == (grade, str(patient.data)) and words in finding["says"] and cure in finding["cure"], finding


def test_few_descriptors(patient):
    def limited(hard):
        patient.write()
        done = subprocess.run([papi_binary(), "doctor", "--json", "--offline", "--config", str(patient.file), "--data", str(patient.data)],
                              env=clean_environment(patient.env), cwd=patient.folder, capture_output=True, text=True, timeout=60,
                              check=False, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard)))
        return patient.read(done)
    patient.settings["limits"] = {"connections": 1000}
    assert broken(limited(1024), "descriptors", "warn")["says"].startswith("1024 may be open")
    assert "LimitNOFILE" in broken(limited(200), "descriptors", "fail")["cure"]


def test_port_that_is_taken(patient):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        patient.settings["listen"] = f"127.0.0.1:{other.getsockname()[1]}"
        finding = broken(patient.examine(), "port")
        assert "another program" in finding["says"] and "listen" in finding["cure"]


def test_port_of_this_gateway_and_of_another(patient, tmp_path):
    with serve(tmp_path / "other", {}) as papi:
        patient.settings["listen"] = f"127.0.0.1:{papi.port}"
        assert "another PAPI" in broken(patient.examine(), "port", "warn")["says"]
        patient.data = tmp_path / "other" / "data"
        findings = {f["check"]: f for f in patient.examine()}
        assert findings["port"]["grade"] == "ok" and "this gateway" in findings["port"]["says"]
        assert "serves it now" in findings["data"]["says"]


@pytest.mark.parametrize("listen, words", [("192.0.2.1:7274", "address of this machine"), ("[2001:db8::1]:7274", "address of this machine")])
def test_address_of_another_machine(patient, listen, words):
    patient.settings |= {"listen": listen, "auth": "keys", "insecure_http": True}
    assert words in broken(patient.examine(), "port")["cure"]


def test_broken_ca_bundle(patient):
    patient.env["SSL_CERT_FILE"] = str(patient.folder / "nothing.pem")
    assert "SSL_CERT_FILE" in broken(patient.examine(), "ca", "warn")["says"]
    bundle = patient.folder / "bundle.pem"
    bundle.write_text("-----BEGIN CERTIFICATE-----\nxxxx\n-----END CERTIFICATE-----\n")
    patient.env["SSL_CERT_FILE"] = str(bundle)
    assert "no certificate" in broken(patient.examine(), "ca", "warn")["says"]


@pytest.mark.parametrize("dates, grade, words", [
    (("20200101000000Z", "20210101000000Z"), "fail", "all of its 2 certificates have expired"),
    (("20200101000000Z", "20700101000000Z"), "warn", "more than three years old")], ids=["expired", "outdated"])
def test_old_ca_bundle(patient, tmp_path, dates, grade, words):
    authority = Authority(tmp_path, "old")
    bundle = patient.folder / "bundle.pem"
    bundle.write_text("".join(authority.sign(name, dates=dates).file.read_text() for name in ("one", "two")))
    patient.env["SSL_CERT_FILE"] = str(bundle)
    finding = broken(patient.examine(), "ca", grade)
    assert words in finding["says"] and finding["subject"] == str(bundle) and "ca-certificates" in finding["cure"]


def test_broken_ca_file_of_a_provider(patient):
    bundle = patient.folder / "own.pem"
    bundle.write_text("nothing\n")
    patient.settings["providers"]["lab"]["ca_file"] = str(bundle)
    finding = broken(patient.examine(), "ca")
    assert "ca_file of lab" in finding["says"] and finding["subject"] == str(bundle)


# --- proxies ----------------------------------------------------------------------------------------------------------
def test_only_the_proxy_for_http(patient):
    patient.env["HTTP_PROXY"] = "http://user:geheim@192.0.2.1:3128"
    patient.more = ["--offline"]
    assert "HTTPS_PROXY" in broken(patient.examine(), "proxy", "warn")["cure"]


def test_proxy_that_is_down(patient):
    holder, port = closed_port()
    with holder:
        patient.lab("far", "https://lab.example/v1", proxy=f"http://user:geheim@127.0.0.1:{port}")
        findings = patient.examine()
    assert "proxy" in broken(findings, "providers")["cure"]
    assert "geheim" not in json.dumps(findings)


# --- the network ------------------------------------------------------------------------------------------------------
def test_name_that_does_not_resolve(patient):
    patient.lab("far", "https://no-such-host.invalid/v1")
    findings = patient.examine()
    finding = broken(findings, "dns", also=("providers",))
    assert finding["subject"] == "no-such-host.invalid" and "resolv.conf" in finding["cure"]
    assert [f["grade"] for f in findings if f["check"] == "providers"] == ["ok", "fail"]


@pytest.mark.parametrize("seconds, grade, word", [(3600, "fail", "behind"), (-3600, "fail", "ahead"), (60, "warn", "behind"), (3, "ok", "agrees")])
def test_clock(patient, upstream, seconds, grade, word):
    patient.lab("lab", upstream(answers(seconds_off=seconds)).url)
    finding = [f for f in patient.examine() if f["check"] == "clock"][0]
    assert finding["grade"] == grade and word in finding["says"], finding
    assert grade == "ok" or "NTP" in finding["cure"]


def test_one_wrong_clock_among_three(patient, upstream):
    patient.lab("two", upstream(answers()).url)
    patient.lab("three", upstream(answers(seconds_off=86400)).url)
    assert [f["grade"] for f in patient.examine() if f["check"] == "clock"] == ["ok"]


def test_provider_that_is_down(patient):
    holder, port = closed_port()
    with holder:
        patient.lab("far", f"http://127.0.0.1:{port}/v1")
        finding = broken(patient.examine(), "providers")
    assert finding["subject"] == "far" and "refused" in finding["says"] and "base_url" in finding["cure"]


def test_provider_that_nobody_trusts(patient, upstream, tmp_path):
    leaf = Authority(tmp_path, "strangers").sign("leaf")
    far = upstream(answers(), tls=leaf.context())
    patient.lab("far", far.url.replace("http://", "https://"))
    assert "ca_file" in broken(patient.examine(), "providers")["cure"]


@pytest.mark.parametrize("status, body, grade, words", [
    (401, {"error": {"message": f"Incorrect API key provided: {KEY}.", "code": "invalid_api_key"}}, "fail", "new key"),
    (402, {"error": {"message": "Insufficient Balance"}}, "fail", "money"),
    (403, {"error": {"message": "no"}}, "fail", "rights"),
    (403, {"error": {"message": "x", "code": "unsupported_country_region_territory"}}, "fail", "region"),
    (429, {"error": {"message": "Too many requests"}}, "warn", "Wait"),
    (200, "<!DOCTYPE html><title>Just a moment...</title>", "warn", "base_url"),
])
def test_keys(patient, upstream, status, body, grade, words):
    patient.lab("far", upstream(answers(status, body)).url)
    finding = broken(patient.examine(), "keys", grade)
    assert finding["subject"].startswith("far, default (papi.yaml:")
    assert words in finding["cure"] + finding["says"], finding


def test_nobody_to_ask(patient):
    patient.settings["providers"] = {}
    assert "API_KEY" in broken(patient.examine(), "providers", "warn")["cure"]


def test_local_server_that_is_loading(patient, upstream):
    """llama.cpp answers 503 until its model is loaded."""
    def script(connection):
        while connection.read_request() is not None:
            connection.respond(503, {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}},
                               {"server": "llama.cpp"})
    patient.env |= {"PAPI_LOCAL_SERVERS": "auto", "PAPI_LOCAL_PORTS": f"llamacpp={upstream(script).port}"}
    finding = broken(patient.examine(), "local", "warn", also=("providers", "keys"))
    assert "loading" in finding["says"]


def test_many_accounts_of_a_silent_provider(patient, upstream):
    """One after the other would take a minute. What there was no time for says so, and is not told to be well or ill."""
    def silent(connection):
        connection.wait_closed(60)
    patient.env |= {f"KEY_{index}": f"{KEY}{index}" for index in range(6)}
    keys = [{"key": f"env:KEY_{index}", "account": f"a{index}"} for index in range(6)]
    patient.settings["providers"]["silent"] = {**provider(upstream(silent).url), "keys": keys}
    begun = time.monotonic()
    findings = patient.examine()
    assert time.monotonic() - begun < 16
    assert [f["grade"] for f in findings if f["check"] == "providers"] == ["ok", "fail"]
    of_keys = [f for f in findings if f["check"] == "keys" and f["subject"].startswith("silent")]
    assert [f["grade"] for f in of_keys] == ["skipped"] * 6
    assert ["took all the time" in f["says"] for f in of_keys] == [False] + [True] * 5


def test_silent_provider_does_not_hold_it_up(patient, upstream):
    """The slowest of many in parallel: about eight seconds, however many are silent."""
    def silent(connection):
        connection.wait_closed(60)
    for index in range(4):
        patient.lab(f"silent{index}", upstream(silent).url)
    begun = time.monotonic()
    findings = patient.examine()
    assert time.monotonic() - begun < 16
    assert [f["grade"] for f in findings if f["check"] == "providers"] == ["ok"] + ["fail"] * 4


def test_usage():
    assert run_papi("doctor", "--nothing").returncode == 2
    helped = run_papi("doctor", "--help")
    assert helped.returncode == 0 and "--offline" in helped.stdout
