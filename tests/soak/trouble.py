# SPDX-License-Identifier: Apache-2.0
"""What goes wrong during a soak, and what its operator does meanwhile: two threads, each with a plan made of the length of the run."""

import random
import threading
import time

import papi_process

# Of a provider, for the next few requests.
FAULTS = ("500", "503", "529", "429", "502_html", "504", "400_client", "stall_before_head", "stall_after_head", "stall_mid_stream", "cut_before_head",
          "cut_after_head", "cut_mid_event", "cut_mid_stream", "empty_200", "role_only", "error_in_200", "error_mid_stream", "no_done",
          "no_finish", "bad_json", "429_in_200", "usage_missing", "usage_wrong", "usage_null", "usage_every", "crlf", "bom", "slow_drip",
          "double_done", "data_after_done", "wrong_model", "comments_only", "gzip_truncated")
OUTAGES = ("503", "stall_before_head", "cut_before_head", "429", "error_in_200")
PROVIDERS = ("swift", "bucket", "narrow", "shaky", "shaky", "daily")
UPGRADES = (0.08, 0.18, 0.40, 0.88)
KILLS = (0.28, 0.94)
LOCKS = (0.22, 0.60)
CALMS = (0.12, 0.24, 0.35, 0.46, 0.53, 0.60, 0.67, 0.74, 0.81, 0.86)
LOCK_S = 20


class Faults(threading.Thread):
    """Each provider's weather."""

    def __init__(self, stage, seconds):
        super().__init__(daemon=True)
        self.stage, self.ends = stage, time.monotonic() + seconds
        self.random = random.Random(5)
        self.spells = self.outages = 0

    def run(self):
        outage_until, absent_until, struck = 0, time.monotonic() + 20, None
        while not self.stage.over.wait(self.random.uniform(0.4, 1.6)):
            now, providers = time.monotonic(), self.stage.providers
            if now > self.ends:
                break
            if struck and now > outage_until:
                providers.script(provider=struck, always="none")
                struck = None
            elif struck is None and self.random.random() < 0.08:
                struck, outage_until = self.random.choice(PROVIDERS), now + self.random.uniform(1, 8)
                providers.script(provider=struck, always=self.random.choice(OUTAGES))
                self.outages += 1
            else:
                name = self.random.choice(PROVIDERS)
                if name != struck:
                    providers.script(provider=name, faults=[self.random.choice(FAULTS) for _ in range(self.random.randint(1, 4))])
                    self.spells += 1
            if now > absent_until:
                absent_until = now + self.random.uniform(5, 30)
                (providers.absent_starts if providers.absent is None else providers.absent_goes)()
        if struck:
            self.stage.providers.script(provider=struck, always="none")


class Life(threading.Thread):
    """Reloads every few seconds, logs turned, the store locked by somebody else, upgrades, kills, and calm in between."""

    def __init__(self, stage, seconds):
        super().__init__(daemon=True)
        self.stage, self.seconds, self.began = stage, seconds, time.monotonic()
        self.random = random.Random(3)
        self.variant = 0
        plan = [(share, self.stage.lives.upgrade) for share in UPGRADES] + [(share, self.stage.lives.kill) for share in KILLS]
        plan += [(share, self._lock) for share in LOCKS] + [(share, self.stage.rest) for share in CALMS]
        self.plan = sorted(((self.began + share * seconds, what) for share, what in plan), key=lambda row: row[0])
        self.lock = None

    def run(self):
        try:
            self._run()
        except Exception as error:  # pylint: disable=broad-except
            self.stage.book.fail(f"the life ended early: {type(error).__name__}: {str(error)[:2000]}")
            self.stage.over.set()

    def _run(self):
        next_reload = next_log = time.monotonic()
        while not self.stage.over.is_set() and time.monotonic() < self.began + self.seconds:
            now = time.monotonic()
            if self.plan and now >= self.plan[0][0]:
                _, what = self.plan.pop(0)
                self._remember(what.__name__.lstrip("_"))
                what()
            elif now >= next_reload:
                self.variant += 1
                self.stage.lives.reload(self.variant)
                next_reload = now + self.random.uniform(2, 6)
            elif now >= next_log:
                self.stage.lives.turn_log()
                next_log = now + 17
            self.stage.over.wait(0.05)
        self.variant += 1 if self.variant % 7 == 5 else 2
        self.stage.lives.reload(self.variant - self.variant % 7)

    def _remember(self, name):
        self.stage.events.append((round(time.monotonic() - self.began, 1), name))
        print(f"{time.monotonic() - self.began:7.1f} s  {name}", flush=True)

    def _lock(self):
        if self.lock is not None:
            self.lock.join()
        self.lock = threading.Thread(target=self._hold, daemon=True)
        self.lock.start()

    def _hold(self):
        try:
            self.stage.lives.lock_store(min(LOCK_S, self.seconds * 0.03), self.stage.over)
        except Exception as error:  # pylint: disable=broad-except
            self.stage.book.fail(f"the store could not be locked: {error}")


def idle(stage, seconds=45):
    """Waits until nothing is under way, at the gateway and at its providers; the status that says so."""
    def quiet():
        status, _, answer = stage.lives.ask_admin("GET", "/admin/v1/status")
        if status != 200 or answer["requests"]["open"] > 1 or answer["requests"]["waiting"] > 0:
            return None
        return answer if all(row["open_now"] == 0 for row in stage.providers.stats().values()) else None
    return papi_process.wait_for(quiet, seconds, "an idle gateway")
