# SPDX-License-Identifier: Apache-2.0
"""One address that several processes serve one after another, each taking over from the one before."""

import os
import socket

import papi_process
from papi_process import wait_for


class Served:
    """One address, whoever serves it now."""

    def __init__(self, folder, config):
        self.folder, self.config = folder, config
        self.now = papi_process.serve(folder, config).start()
        self.all = [self.now]

    def address(self):
        return self.all[0].address()

    def heir(self, config=None, wait_ready=True, extra=()):
        papi = papi_process.serve(self.folder, config or self.config, extra=["--upgrade", *extra])
        papi.wait_ready = wait_ready
        self.all.append(papi)
        return papi

    def upgrade(self, config=None):
        """The new process, once the old one has ended well."""
        old, new = self.now, self.heir(config).start()
        old.wait_exit(0)
        assert new.address() == old.address()
        self.now = new
        return new

    def stop(self):
        self.now.stop()


def logged(papi, event):
    return [line for line in papi.stderr_lines if f" {event} " in line]


def talk(one, how, meanwhile=lambda: None):
    """Plays an heir up to the moment at which everything is its own, then goes away or says no more."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as heir:
        heir.settimeout(30)
        heir.connect(str(one.folder / "data" / "upgrade.sock"))
        heir.send(b"papi-upgrade 1")
        data, descriptors, _, _ = socket.recv_fds(heir, 65536, 16)
        assert data.startswith(b"sockets 127.0.0.1 ") and len(descriptors) == 3
        for descriptor in descriptors:
            os.close(descriptor)
        if how == "silent":
            heir.send(b"go away")  # no word of the talk
            assert heir.recv(100) == b""
            return
        heir.send(b"ready")
        lines = 0
        while True:
            data, descriptors, _, _ = socket.recv_fds(heir, 65536, 16)
            if data == b"yours":
                break
            lines += data.count(b"\n") - 1
        assert len(descriptors) == 1
        os.close(descriptors[0])
        meanwhile()
    wait_for(lambda: logged(one.now, "upgrade.failed"), 20, "the old one goes on")
