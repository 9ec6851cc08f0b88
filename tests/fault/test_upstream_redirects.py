# SPDX-License-Identifier: Apache-2.0
"""A provider that sends clients elsewhere is not followed, and what it wants to leave with a client is not handed on."""

import pytest
from papi_process import chat, completion, provider


@pytest.mark.fault(29)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(start_serve, upstream, status):
    inside = upstream(lambda connection: connection.respond(200, completion("Secret.")))

    def elsewhere(connection):
        connection.read_request()
        connection.respond(status, {"moved": True}, {"location": f"{inside.url}/chat/completions", "set-cookie": "a=b"})
    good = upstream(answer)
    papi = start_serve({"providers": {"moved": provider(upstream(elsewhere).url), "good": provider(good.url)}})
    got, fields, _ = chat(papi)
    assert got == 200 and fields["x-papi-provider"] == "good"
    assert inside.connections == 0 and good.connections == 1


@pytest.mark.fault(29)
def test_a_redirect_of_the_only_one_is_a_failure(start_serve, upstream):
    def elsewhere(connection):
        connection.read_request()
        connection.respond(307, {}, {"location": "http://169.254.169.254/latest", "set-cookie": "a=b"})
    papi = start_serve({"providers": {"moved": provider(upstream(elsewhere).url)}})
    got, fields, body = chat(papi)
    assert got == 502 and "location" not in fields and "set-cookie" not in fields
    assert "169.254" not in str(body)


def answer(connection):
    connection.read_request()
    connection.respond(200, completion("Hello."), {"set-cookie": "session=1", "x-internal": "host-7", "location": "http://10.0.0.1/"})


@pytest.mark.fault(29)
def test_fields_of_a_provider_stay_here(start_serve, upstream):
    papi = start_serve({"providers": {"one": provider(upstream(answer).url)}})
    got, fields, _ = chat(papi)
    assert got == 200 and not {"set-cookie", "x-internal", "location"} & set(fields)
