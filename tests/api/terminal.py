# SPDX-License-Identifier: Apache-2.0
"""Programs in a pseudo-terminal: what a person would see, and what they type."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

ESCAPES = re.compile(r"\x1b(\[[0-9;?]*[ -/]*[@-~]|\][^\x07]*\x07|[()][A-Z0-9]|[=>])")


def plain(text):
    """Without what moves the cursor or colours."""
    text = ESCAPES.sub("", text).replace("\r\n", "\n").replace("\r", "").replace("\a", "")
    while "\b" in text:
        text = re.sub(r"[^\b\n]\x08|^\x08", "", text, count=1, flags=re.MULTILINE)
    return text


class Terminal:
    """A program whose stdin, stdout and stderr are a terminal of this many columns."""

    def __init__(self, arguments, env, columns=80, cwd=None):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        self.process = subprocess.Popen([str(a) for a in arguments], env=env, cwd=cwd, stdin=slave, stdout=slave, stderr=slave,
                                        start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)
        self.text = ""

    def _read(self, seconds):
        ready, _, _ = select.select([self.master], [], [], seconds)
        if not ready:
            return True
        try:
            more = os.read(self.master, 65536)
        except OSError:  # EIO: nobody has it open any more
            return False
        self.text += more.decode(errors="replace")
        return bool(more)

    def type(self, text):
        os.write(self.master, text.encode())

    def wait_for(self, words, seconds=30):
        """Until the words stand in what came since the last wait; returns that."""
        deadline = time.monotonic() + seconds
        while words not in plain(self.text):
            left = deadline - time.monotonic()
            assert left > 0, f"{words!r} did not come within {seconds} s:\n{self.text}"
            if not self._read(left):
                break
        assert words in plain(self.text), f"it ended without {words!r}:\n{self.text}"
        seen, self.text = self.text, ""
        return seen

    def end(self, seconds=60):
        """Reads to its end: (exit code, all that was not waited for)."""
        deadline = time.monotonic() + seconds
        while self._read(max(0.0, deadline - time.monotonic())):
            assert time.monotonic() < deadline, f"it does not end:\n{self.text}"
        return self.process.wait(seconds), self.text

    def interrupt(self):
        """Ctrl-C."""
        os.killpg(self.process.pid, signal.SIGINT)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def run_in_terminal(arguments, env, columns=80, cwd=None):
    """(exit code, what a person sees, escapes included)."""
    with Terminal(arguments, env, columns, cwd) as terminal:
        return terminal.end()
