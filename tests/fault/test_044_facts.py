# SPDX-License-Identifier: Apache-2.0
"""Case 44 of the fault list: a configuration that knows more than the facts of the program. It starts, and serves."""

from faults import GOOD, assert_good, ask
from papi_process import answer_script, provider


def test_044_models_and_providers_nobody_has_heard_of(start_serve, upstream):
    """A provider and a model of next year: asked as the configuration says, with nothing assumed."""
    server = upstream(answer_script(GOOD))
    papi = start_serve({"providers": {"new-lab-2031": provider(server.url, ["frontier-9-ultra", {"id": "short", "upstream": "frontier-9-mini-2031-01"}])}})
    for model in ("frontier-9-ultra", "short", "new-lab-2031/short", "auto"):
        assert_good(ask(papi, model))


def test_044_another_model_of_a_known_provider(start_serve, upstream):
    """The provider stands in the facts, the model does not."""
    server = upstream(answer_script(GOOD))
    papi = start_serve({"providers": {"groq": {"base_url": server.url, "keys": [{"key": "gsk_0123456789abcdefghij"}],
                                               "models": ["not-in-the-facts-yet"]}}})
    assert_good(ask(papi, "not-in-the-facts-yet"))
