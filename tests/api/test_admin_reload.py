# SPDX-License-Identifier: Apache-2.0
"""POST /admin/v1/reload: an answer that is given when somebody else has done the work."""

import json
import pathlib

import pytest

import admin
import description
import papi_process


def config_of(papi):
    return pathlib.Path(papi.arguments[papi.arguments.index("--config") + 1])


@pytest.fixture
def papi(start_serve, upstream):
    return start_serve({"providers": {"lab": papi_process.provider(upstream().url)}})


def change(papi, edit):
    file = config_of(papi)
    config = json.loads(file.read_text())
    edit(config)
    file.write_text(json.dumps(config, indent=1))


def test_a_new_model_is_there_with_the_answer(papi):
    before = admin.get(papi, "/admin/v1/status")
    change(papi, lambda config: config["providers"]["lab"]["models"].append("second"))
    status, fields, answer = admin.ask(papi, "POST", "/admin/v1/reload")
    assert status == 200, answer
    description.of(papi).check("POST", "/admin/v1/reload", status, fields, answer)
    assert answer["config_version"] > before["config_version"] and answer["warnings"] == []
    after = admin.get(papi, "/admin/v1/status")
    assert after["config_version"] == answer["config_version"]
    assert after["config_loaded_at"] >= before["config_loaded_at"]
    assert after["started_at"] == before["started_at"]
    assert admin.get(papi, "/admin/v1/models/second")["id"] == "second"


def test_what_is_wrong_is_told_with_its_place(papi):
    config_of(papi).write_text("providers:\n  lab:\n    typo: 1\n")
    status, fields, answer = admin.ask(papi, "POST", "/admin/v1/reload")
    assert status == 422, answer
    description.of(papi).check("POST", "/admin/v1/reload", status, fields, answer)
    assert answer["error"]["code"] == "invalid_configuration"
    assert "papi.yaml:3:" in answer["error"]["message"]
    assert admin.get(papi, "/admin/v1/models/test-model")["id"] == "test-model"


def test_threads_that_write_to_the_log_meanwhile(papi):
    """The store's thread tells of each client while loop 0 sets the log anew: ThreadSanitizer looks on."""
    with admin.UnixConnection(admin.socket_path(papi)) as reloads, admin.UnixConnection(admin.socket_path(papi)) as clients:
        for number in range(30):
            reloads.send(papi_process.request_bytes("POST", "/admin/v1/reload", headers={"content-length": "0"}))
            clients.send(papi_process.request_bytes("POST", "/admin/v1/clients", {"name": str(number)}))
            assert reloads.read_response()[0] == 200
            assert clients.read_response()[0] == 201


def test_many_at_once(papi):
    """All are answered, by the reading that began after them."""
    open_connections = [admin.UnixConnection(admin.socket_path(papi)) for _ in range(20)]
    for connection in open_connections:
        connection.send(papi_process.request_bytes("POST", "/admin/v1/reload", headers={"content-length": "0"}))
    versions = set()
    for connection in open_connections:
        status, _, body = connection.read_response()
        assert status == 200, body
        versions.add(json.loads(body)["config_version"])
        connection.close()
    assert 1 <= len(versions) <= 3


def test_those_who_leave_while_they_wait(papi):
    """The work goes on, its end finds nobody, and nothing is left behind."""
    before = papi.descriptors()
    for _ in range(20):
        connection = admin.UnixConnection(admin.socket_path(papi))
        connection.send(papi_process.request_bytes("POST", "/admin/v1/reload", headers={"content-length": "0"}))
        connection.close()
    papi_process.wait_for(lambda: admin.get(papi, "/admin/v1/status")["requests"]["open"] == 1,
                          what="nothing but this request open")
    papi_process.wait_for(lambda: papi.descriptors() <= before, what="all descriptors closed")
    assert admin.ask(papi, "POST", "/admin/v1/reload")[0] == 200


def test_the_end_of_the_process_while_somebody_waits(papi):
    """Stop checks the exit code and the sanitizers."""
    connection = admin.UnixConnection(admin.socket_path(papi))
    connection.send(papi_process.request_bytes("POST", "/admin/v1/reload", headers={"content-length": "0"}))
    papi.stop()
    connection.close()


def test_no_body_is_taken(papi):
    assert "takes no body" in admin.refused(papi, "POST", "/admin/v1/reload", 400, {"a": 1})["message"]
