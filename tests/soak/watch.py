# SPDX-License-Identifier: Apache-2.0
"""Samples of a process while a soak runs, and what they say: memory as a line, descriptors, reservations when nobody asks."""

import os
import pathlib
import sqlite3
import threading
import time

import papi_process
import trouble


def memory_kib(pid):
    """{"VmRSS": ..., "RssAnon": ..., "Threads": ...} of a process; None when it has gone."""
    try:
        lines = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    return {name: int(value.split()[0]) for name, _, value in (line.partition(":") for line in lines)
            if name in ("VmRSS", "RssAnon", "Threads")}


def descriptors(pid):
    """(all of them, those of connections kept to providers)"""
    inodes, count = set(), 0
    for entry in os.scandir(f"/proc/{pid}/fd"):
        try:
            target = os.readlink(entry.path)
        except OSError:
            continue
        count += 1
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    return count, inodes


def kept_connections(inodes, ports):
    """How many of these sockets are connected to one of the ports, as the kernel's table has it."""
    kept = 0
    with open("/proc/net/tcp", encoding="ascii") as table:
        for line in list(table)[1:]:
            fields = line.split()
            kept += fields[9] in inodes and int(fields[2].split(":")[1], 16) in ports
    return kept


def slope(samples):
    """Least squares: (change a minute, most that a sample is off the line); samples are (seconds, value)."""
    count = len(samples)
    middle_at, middle = sum(at for at, _ in samples) / count, sum(value for _, value in samples) / count
    spread = sum((at - middle_at) ** 2 for at, _ in samples)
    rise = sum((at - middle_at) * (value - middle) for at, value in samples) / spread if spread else 0.0
    off = max(abs(value - middle - rise * (at - middle_at)) for at, value in samples)
    return rise * 60, off


class Watch(threading.Thread):
    """Once a second, of the process that serves."""

    def __init__(self, stage):
        super().__init__(daemon=True)
        self.stage = stage
        self.samples = []
        self.states = {}
        self.cpu_s = {}

    def run(self):
        while not self.stage.over.wait(1.0):
            self._sample()

    def _sample(self):
        began, process = time.monotonic(), self.stage.lives.now
        try:
            pid = process.pid
            memory = memory_kib(pid)
            count, _ = descriptors(pid)
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
            self.cpu_s[pid] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
            status, _, answer = self.stage.lives.ask_admin("GET", "/admin/v1/status")
        except (OSError, AssertionError, AttributeError) as error:
            if not self.stage.lives.was_cut(began - 0.05, time.monotonic()) and process is self.stage.lives.now:
                self.stage.book.fail(f"a sample failed: {type(error).__name__}: {error}")
            return
        if memory is None or status != 200:
            return
        state = answer["store"]["state"]
        self.states[state] = self.states.get(state, 0) + 1
        self.samples.append({"at": began, "pid": pid, "rss": memory["VmRSS"], "anon": memory["RssAnon"], "threads": memory["Threads"],
                             "descriptors": count, "open": answer["requests"]["open"] - 1, "waiting": answer["requests"]["waiting"],
                             "store": state, "dropped": answer["store"]["details_dropped"]})


def charged(folder):
    """{(provider, unit): what attempts were charged, by the store}"""
    db = sqlite3.connect(f"file:{folder}/data/papi.db?mode=ro", uri=True, timeout=30)
    try:
        rows = db.execute("SELECT name.text, sum(charged_input + charged_output) FROM lane_hour JOIN lane ON lane.id = lane_hour.lane "
                          "JOIN name ON name.id = lane.provider GROUP BY 1").fetchall()
    finally:
        db.close()
    return {provider: tokens for provider, tokens in rows}


def at_rest(stage):
    """With nobody asking: nothing reserved, nothing held, and what limits have counted is what was charged. Returns the row of this rest."""
    trouble.idle(stage)
    pid = stage.lives.now.pid
    ports = {stage.providers.main.port, stage.providers.port}

    def reserved():
        status, _, answer = stage.lives.ask_admin("GET", "/admin/v1/capacity")
        assert status == 200, answer
        return sum(limit["used"] for account in answer["accounts"] for limit in account["limits"] if limit["unit"] == "concurrent"), answer
    try:
        papi_process.wait_for(lambda: reserved()[0] == 0, 10, "free slots")
    except AssertionError:
        stage.book.fail(f"reserved with nobody asking: {reserved()[1]}")
    held, answer = reserved()
    count, inodes = descriptors(pid)
    memory = memory_kib(pid)
    row = {"at": time.monotonic(), "pid": pid, "reserved": held, "descriptors": count - kept_connections(inodes, ports), "rss": memory["VmRSS"],
           "anon": memory["RssAnon"], "threads": memory["Threads"], **unsettled(stage, answer)}
    stage.rests.append(row)
    return row


def unsettled(stage, answer):
    """Tokens that limits of the month hold above what the store says was charged, once the store has what was recorded; judge.py says more."""
    months = {account["provider"]: limit["used"] for account in answer["accounts"] for limit in account["limits"]
              if limit["unit"] == "tokens" and "month" in limit["limit"]}
    seen = [charged(stage.lives.folder)]

    def unchanged():
        seen.append(charged(stage.lives.folder))
        return seen[-1] == seen[-2]
    stage.over.wait(1.0)  # the store writes in batches; there is nothing to see of one that waits
    papi_process.wait_for(unchanged, 30, "a store that has it all")
    return {"unsettled": {name: used - seen[-1].get(name, 0) for name, used in months.items()}, "charged": seen[-1]}
