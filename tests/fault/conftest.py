# SPDX-License-Identifier: Apache-2.0
"""What the fault suite shares: its helpers are importable, a gateway for a whole module, and one fault in four requests."""

import json
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / "api"))

pytest.register_assert_rewrite("faults")
import faults  # noqa: E402  pylint: disable=wrong-import-position
import papi_process  # noqa: E402  pylint: disable=wrong-import-position
from served import Served  # noqa: E402  pylint: disable=wrong-import-position


@pytest.fixture(scope="module")
def shared_gateway(tmp_path_factory):
    """One gateway with a good provider, for tests of what clients send: each case also proves that the ones before it
    disturbed nothing. At the end it must stop cleanly, without a leak."""
    with faults.Gateway(tmp_path_factory.mktemp("shared")) as gateway:
        yield gateway


@pytest.fixture
def hides_or_tells(start_serve, upstream):
    """hides_or_tells(play, outcome, ...): one upstream fault before any token, seen by four requests. See faults.py."""
    def run(play, outcome, **named):
        return faults.hide_or_tell(start_serve, upstream, play, outcome, **named)
    return run


@pytest.fixture
def breaks_after_token(start_serve, upstream):
    """breaks_after_token(play, outcome, ...): a fault after text went out. See faults.py."""
    def run(play, outcome, **named):
        return faults.break_after_token(start_serve, upstream, play, outcome, **named)
    return run


@pytest.fixture
def serves(start_serve, upstream):
    """serves(script, ...) -> (papi, upstream): one provider whose script is given."""
    def run(script, settings=None, **provider_settings):
        server = upstream(script)
        papi = start_serve({"loops": 1, "providers": {"only": papi_process.provider(
            server.url, **provider_settings)}, **(settings or {})})
        return papi, server
    return run


@pytest.fixture
def start_serve(start_serve):  # pylint: disable=redefined-outer-name
    """The one of all suites, with a short drain: a test that fails in the middle of a request need not wait for its end."""
    def start(config, **named):
        return start_serve({"drain_timeout": "2s", **config}, **named)
    return start


@pytest.fixture
def served_mock(tmp_path):
    """The provider `one` of `served`."""
    script = [{"provider": "one", "latency_ms": 20, "gap_ms": 5}]
    with papi_process.mock(tmp_path / "mock", json.dumps(script) + "\n", ["--seed", "1"]) as process:
        yield process


@pytest.fixture
def served(tmp_path, served_mock):  # pylint: disable=redefined-outer-name
    """served(loops, ...) -> Served: an address whose process can be upgraded."""
    made = []

    def make(loops=2, **more):
        one = papi_process.provider(f"{served_mock.url}/one/v1", ["m"], concurrency=200)
        config = {"loops": loops, **more, "providers": {"one": one, **more.get("providers", {})}}
        made.append(Served(tmp_path / "serve", config))
        return made[-1]
    yield make
    for one in made:
        for papi in one.all:
            if papi.process is not None and papi is not one.now:
                papi.kill()
        one.stop()
