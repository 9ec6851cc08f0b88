# SPDX-License-Identifier: Apache-2.0
"""A stage: `papi serve` in front of `papi mock`, one provider and one model for each thing a file of tests wants to see.

Provider NAME answers model m-NAME, so that a provider that rests after an error disturbs no other test.
"""

import contextlib
import json

import papi_process

GOOD_TEXT = "The quick brown fox jumps over the lazy dog."


class Stage:
    """`with Stage(folder, {"good": {}, "limited": {"always": "429"}}) as stage: stage.url ...`"""

    def __init__(self, folder, providers, **config):
        self.folder = folder
        self.providers = providers
        self.config = config
        self.mock = self.papi = None
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        scripts = [{"provider": name, **script} for name, script in self.providers.items()]
        self.mock = self._stack.enter_context(
            papi_process.mock(self.folder / "mock", json.dumps(scripts, indent=1) + "\n", ["--seed", "1"]))
        self.papi = self._stack.enter_context(papi_process.serve(self.folder / "serve", {
            "providers": {name: papi_process.provider(f"{self.mock.url}/{name}/v1", [f"m-{name}"])
                          for name in self.providers}, **self.config}))
        return self

    def __exit__(self, *what):
        return self._stack.__exit__(*what)

    @property
    def url(self):
        return self.papi.url + "/v1"

    def stats(self, name):
        """What the provider counted itself."""
        status, _, body = papi_process.request(self.mock, "GET", "/_mock/stats")
        assert status == 200
        return json.loads(body).get(name, {"requests": 0})

    def script(self, name, **script):
        """Sets a provider anew; faults left in its queue are gone."""
        status, _, body = papi_process.request(self.mock, "POST", "/_mock/script", {"provider": name, **script})
        assert status == 200, body

    def chat(self, model="m-good", **more):
        return papi_process.chat(self.papi, model, **more)

    def assert_alive(self):
        """The server goes on answering, and asks providers."""
        status, _, answer = self.chat()
        assert status == 200 and answer["choices"][0]["message"]["content"], answer


def assert_error(status, headers, body, expected, code, words=(), param=None):
    """The one form of an error: status, all four members, a sentence that names what is wrong, an id to find it again."""
    assert status == expected, body
    assert headers["content-type"].startswith("application/json"), headers
    answer = json.loads(body) if isinstance(body, (bytes, str)) else body
    assert set(answer) == {"error"}, answer
    error = answer["error"]
    assert set(error) == {"message", "type", "param", "code"}, error
    assert error["code"] == code, error
    assert error["param"] == param, error
    for word in words:
        assert word in error["message"], error
    return error
