# SPDX-License-Identifier: Apache-2.0
"""Case 3 of the fault list, end to end: the name of a provider leads nowhere. What the resolver does with each answer of a name server is
tested beside it (tests/unit/net/test_resolver.c)."""

import time

import pytest


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a.b.c.d.e.no-such-host.invalid", "xn--nosuch-host-7ib.invalid"])
def test_03_name_that_does_not_resolve(hides_or_tells, host):
    """Another candidate answers; alone, the client is told within the time of a connection."""
    began = time.monotonic()
    hides_or_tells(None, "dns_failed", url=f"http://{host}/v1", timeouts={"connect": "1s"}, also=("connect_timeout",))
    assert time.monotonic() - began < 20
