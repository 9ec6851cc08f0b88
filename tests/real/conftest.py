# SPDX-License-Identifier: Apache-2.0
"""One llama.cpp server for the whole suite: loading the weights is the slow part."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import llama_server  # noqa: E402  pylint: disable=wrong-import-position


@pytest.fixture(scope="session")
def llama():
    with llama_server.LlamaServer() as server:
        yield server
