# SPDX-License-Identifier: Apache-2.0
"""A start whose vault or store could not be read is put right by a HUP, without a restart."""

import pathlib
import signal

import admin
import papi_process
import pytest
from papi_process import completion, provider, wait_for
from served import logged

SECRET = "gsk_" + "Zq7" * 12


def chat(papi, key):
    return papi_process.chat(papi, "m", headers={"authorization": f"Bearer {key}"})[0]


def hup(papi):
    before = len(logged(papi, "reload.done"))
    papi.process.send_signal(signal.SIGHUP)
    wait_for(lambda: len(logged(papi, "reload.done")) > before, 30, "reload.done")


class World:
    """A data directory with a key of a provider and a client that may ask four times a day and has asked twice."""

    def __init__(self, folder, url):
        self.folder, self.data = pathlib.Path(folder), pathlib.Path(folder) / "data"
        self.config = {"auth": "keys", "loops": 2, "keyless": "off", "local_servers": "off", "providers": {"groq": provider(url, ["m"])}}
        with self.serve() as papi:
            status, _, answer = admin.ask(papi, "POST", "/admin/v1/providers", {"provider": "groq", "key": SECRET})
            assert status == 201, answer
            status, _, answer = admin.ask(papi, "POST", "/admin/v1/clients", {"name": "anna", "limits": {"requests_per_day": 4}})
            assert status == 201, answer
            self.key = answer["key"]
            assert [chat(papi, self.key) for _ in range(2)] == [200, 200]

    def serve(self):
        return papi_process.serve(self.folder, self.config)

    def works_again(self, papi):
        """Everything of before is there: both keys, and what was used."""
        assert [chat(papi, self.key) for _ in range(3)] == [200, 200, 429]
        assert admin.get(papi, "/admin/v1/providers/groq")["accounts"][0]["source"] == "vault"
        hup(papi)
        assert chat(papi, self.key) == 429, "another reload charges or forgets nothing"


@pytest.fixture
def world(tmp_path, upstream):
    keys = []

    def script(connection):
        while (got := connection.read_request()) is not None:
            keys.append(got[0].get("authorization"))
            connection.respond(200, completion())
    yield World(tmp_path / "serve", upstream(script).url)
    assert set(keys) == {f"Bearer {SECRET}"}


def test_031_the_master_key_is_put_back(world):
    aside = world.data / "key.aside"
    (world.data / "key").rename(aside)
    with world.serve() as papi:
        assert chat(papi, world.key) == 401
        assert logged(papi, "vault.locked") and logged(papi, "clients.unread")
        hup(papi)
        assert chat(papi, world.key) == 401, "the key is still away"
        aside.rename(world.data / "key")
        hup(papi)
        assert logged(papi, "vault.opened")
        world.works_again(papi)


def test_031_the_store_comes_back(world):
    """A folder stands where the database was: the store is degraded until it has gone."""
    file = world.data / "papi.db"
    kept = {path: path.with_name(path.name + ".aside") for path in world.data.glob("papi.db*")}
    for path, aside in kept.items():
        path.rename(aside)
    file.mkdir()
    with world.serve() as papi:
        assert admin.get(papi, "/admin/v1/status")["store"]["state"] == "degraded"
        assert chat(papi, world.key) == 503
        file.rmdir()
        for path, aside in kept.items():
            aside.rename(path)
        wait_for(lambda: admin.get(papi, "/admin/v1/status")["store"]["state"] == "ok", 30, "the store is well")
        hup(papi)
        world.works_again(papi)
    assert SECRET not in papi.stderr
