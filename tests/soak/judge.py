# SPDX-License-Identifier: Apache-2.0
"""The verdict of a soak: every promise is a row with what was found, what is allowed, and whether it holds."""

import sqlite3

import watch

# Resident memory over the second half of a life, least squares. Pages of SQLite's cache and of the mapped journal come and go, which
# is what the tolerance is for; a leak of 100 bytes a request at 30 requests a second would be 175 KiB a minute.
SLOPE_KIB_A_MINUTE = 48.0
LIFE_JUDGED_S = 400  # the first minutes touch the pages of journal and caches
DESCRIPTORS_MORE = 4  # the store's reading thread opens and closes its own
CLIENT_MINUTE_S = 60
LESS_SHARE = 0.01
TOKENS_A_REQUEST = 80  # a prompt and the longest answer


def lives_of(stage):
    """One row for each process: how long, its memory as a line over the second half, descriptors when nobody asked."""
    rows = []
    for life in stage.lives.all:
        samples = [row for row in stage.watch.samples if row["pid"] == life["pid"]]
        rests = [row for row in stage.rests if row["pid"] == life["pid"]]
        row = {"pid": life["pid"], "begin": life["begin"], "seconds": round(life["ended"] - life["began"]), "end": life["end"], "samples": len(samples),
               "descriptors_at_rest": [rest["descriptors"] for rest in rests], "rss_at_rest_kib": [rest["rss"] for rest in rests]}
        half = [sample for sample in samples if sample["at"] >= (life["began"] + life["ended"]) / 2]
        if row["seconds"] >= LIFE_JUDGED_S and len(half) >= 30:
            for name in ("rss", "anon"):
                change, off = watch.slope([(sample["at"], sample[name]) for sample in half])
                row[f"{name}_slope_kib_a_minute"], row[f"{name}_off_kib"] = round(change, 1), round(off)
                row[f"{name}_kib"] = round(sum(sample[name] for sample in half) / len(half))
            row["descriptors_most"] = max(sample["descriptors"] for sample in half)
        rows.append(row)
    return rows


def stored(folder):
    """What the database says at the end."""
    db = sqlite3.connect(f"file:{folder}/data/papi.db?mode=ro", uri=True)
    try:
        requests = {key: (status, tokens) for key, status, tokens in db.execute("SELECT key, status, output_tokens FROM request")}
        count = db.execute("SELECT count(*) FROM request").fetchone()[0]
        strangers = db.execute("SELECT count(*) FROM request WHERE client IS NULL AND status IN (401, 429)").fetchone()[0]
        attempts, attempt_tokens = db.execute("SELECT count(*), sum(output_tokens) FROM attempt").fetchone()
        day = db.execute("SELECT sum(requests), sum(attempts), sum(output_tokens) FROM day").fetchone()
        by_provider = dict(db.execute("SELECT name.text, sum(attempts) FROM day JOIN series ON series.id = day.series JOIN name ON "
                                      "name.id = series.provider GROUP BY 1").fetchall())
    finally:
        db.close()
    return {"requests": requests, "count": count, "strangers": strangers, "attempts": attempts, "attempt_tokens": attempt_tokens or 0, "day_requests": day[0],
            "day_attempts": day[1], "day_tokens": day[2], "by_provider": by_provider}


class Verdict:
    def __init__(self):
        self.rows = []

    def hold(self, name, found, allowed, good):
        self.rows.append({"promise": name, "found": found, "allowed": allowed, "holds": bool(good)})


def judge_limits(verdict, stage, stats):
    """The provider's own count of what came in. A kill may lose what was under way, and the new process of an upgrade knows only of some
    of what the old one begins until it lets go."""
    crowd = len(stage.people)
    for name, row in sorted(stats.items()):
        for limit in row["limits"]:
            label = f"{name}: {limit['amount']} {limit['unit']} {limit['shape']}"
            amount = limit["amount"] * (2 if limit["shape"] == "refill" else 1)  # a full bucket, and what flows in meanwhile
            slack = crowd * stage.lives.kills + (crowd * stage.lives.upgrades if limit["shape"] == "concurrent" else 0)
            verdict.hold(f"limit held, {label}", f"most let in {limit['most']}", f"<= {amount}",
                         limit["most"] <= amount or limit["unit"] == "tokens" and limit["most"] <= amount + crowd * TOKENS_A_REQUEST)
            verdict.hold(f"asked no more, {label}", f"refused {limit['refused']}", f"<= {slack} (under way at kills and upgrades)",
                         limit["refused"] <= slack)


def judge_reservations(verdict, stage):
    """With nobody asking, a limit of the month holds no more than was charged: more would be a reservation that nobody settled. It may hold a
    little less: of a request that was cut, the store keeps the larger of estimate and use for each part, the running limit that of the sum;
    and what the old process of an upgrade begins while the new one starts is counted by the new one from its next start on."""
    bound = len(stage.people) * TOKENS_A_REQUEST
    for number, life in enumerate(stage.lives.all, 1):
        rests = [row for row in stage.rests if row["pid"] == life["pid"]]
        if not rests:
            continue
        more = bound if life["begin"] == "upgrade" else 0  # estimates of what the old process had under way
        good = all(off <= more and -off <= LESS_SHARE * row["charged"][name] + TOKENS_A_REQUEST for row in rests for name, off in row["unsettled"].items())
        verdict.hold(f"no reservation unsettled, life {number}, by {life['begin']}", [row["unsettled"] for row in rests],
                     f"<= {more} tokens more than charged, <= {LESS_SHARE:.0%} less", good)


def judge_totals(verdict, stage, rows):
    book = stage.book
    missing = [number for number in book.whole if number not in rows["requests"]]
    wrong = [(number, rows["requests"][number], tokens) for number, tokens in book.whole.items() if number in rows["requests"]
             and (rows["requests"][number][0] != 200 or (tokens is not None and rows["requests"][number][1] != tokens))]
    told_missing = [(number, status) for number, status in book.told.items() if number not in rows["requests"]]
    told_wrong = [(number, status, rows["requests"][number][0]) for number, status in book.told.items()
                  if number in rows["requests"] and rows["requests"][number][0] != status]
    seen = len(book.whole) + len(book.told)
    others = rows["count"] - rows["strangers"] - seen + len(missing) + len(told_missing)
    verdict.hold("every whole answer is in the store", f"{len(book.whole)} answers, missing {missing[:5]}", "none missing", not missing)
    verdict.hold("with the tokens its client was told", wrong[:5], "none differs", not wrong)
    verdict.hold("every error a client was told is in the store", f"{len(book.told)} errors, missing {len(told_missing)} {told_missing[:5]}",
                 "none missing", not told_missing)
    verdict.hold("with its status", told_wrong[:5], "none differs", not told_wrong)
    verdict.hold("every wrong key is in the store", rows["strangers"], f">= {stage.stranger.count}", rows["strangers"] >= stage.stranger.count)
    verdict.hold("the store has no request that nobody made", others, f"0 to {book.left + book.cut} (left {book.left}, cut by a kill {book.cut})",
                 0 <= others <= book.left + book.cut)
    verdict.hold("totals of the day are the rows", [rows["day_requests"], rows["day_attempts"], rows["day_tokens"]],
                 [rows["count"], rows["attempts"], rows["attempt_tokens"]],
                 [rows["day_requests"], rows["day_attempts"], rows["day_tokens"]] == [rows["count"], rows["attempts"], rows["attempt_tokens"]])


def judge_attempts(verdict, stage, stats, rows):
    """What arrived at a provider is recorded, but for what was under way at a kill. A kept connection that is cut before the head of an answer is
    replaced silently: one attempt that arrived twice."""
    for name, row in sorted(stats.items()):
        recorded = rows["by_provider"].get(name, 0)
        allowed = len(stage.people) * stage.lives.kills + row["faults"].get("cut_before_head", 0)
        verdict.hold(f"attempts recorded, {name}", f"{row['requests']} arrived, {recorded} recorded", f"less by at most {allowed} (kills, replays)",
                     row["requests"] - recorded <= allowed)


def judge_clients(verdict, stage):
    times = sorted(stage.book.good_at.get(stage.limited_key, []))
    most, first = 0, 0
    for last, at in enumerate(times):
        while at - times[first] >= CLIENT_MINUTE_S - 1:
            first += 1
        most = max(most, last - first + 1)
    slack = 2 * (stage.lives.kills + stage.lives.upgrades)
    verdict.hold("a client's limit held", f"most answers in a minute {most}", f"<= {stage.limited_amount} + {slack} (under way at kills, upgrades)",
                 most <= stage.limited_amount + slack)


def judge(stage, stats):
    verdict, lives = Verdict(), lives_of(stage)
    book = stage.book
    verdict.hold("each client got an answer or an honest error", book.failures[:10], "no failure", not book.failures)
    verdict.hold("nobody waited long", f"{book.longest_s:.1f} s", "<= 40 s", book.longest_s <= 40)
    judged = [life for life in lives if "rss_slope_kib_a_minute" in life]
    verdict.hold("lives long enough to judge memory", len(judged), ">= 1", judged or stage.seconds < 2 * LIFE_JUDGED_S)
    for life in judged:
        verdict.hold(f"memory is flat, life of {life['seconds']} s", f"{life['rss_slope_kib_a_minute']} KiB/min of {life['rss_kib']} KiB",
                     f"<= {SLOPE_KIB_A_MINUTE} KiB/min", life["rss_slope_kib_a_minute"] <= SLOPE_KIB_A_MINUTE)
    for life in lives:
        if len(life["descriptors_at_rest"]) > 1:
            rest = life["descriptors_at_rest"]
            verdict.hold(f"descriptors are flat, life of {life['seconds']} s", rest, f"last <= first + {DESCRIPTORS_MORE}",
                         rest[-1] <= rest[0] + DESCRIPTORS_MORE)
    verdict.hold("nothing reserved with nobody asking", [row["reserved"] for row in stage.rests], "all 0",
                 stage.rests and not any(row["reserved"] for row in stage.rests))
    judge_reservations(verdict, stage)
    rows = stored(stage.lives.folder)
    judge_limits(verdict, stage, stats)
    judge_clients(verdict, stage)
    judge_totals(verdict, stage, rows)
    judge_attempts(verdict, stage, stats, rows)
    dropped = max((sample["dropped"] for sample in stage.watch.samples), default=0)
    verdict.hold("no row of the store was dropped", dropped, 0, dropped == 0)
    text = stage.lives.logged()
    read, refused = text.count(" reload.done "), text.count(" reload.failed ")
    asked = stage.lives.reloads
    verdict.hold("reloads were read", f"{read} done, {refused} refused", f"most of {asked} asked for, of which {stage.lives.broken_reloads} broken",
                 read + refused >= 0.9 * asked - 2 and (refused > 0 or stage.lives.broken_reloads < 2))
    verdict.hold("the database was never damaged", text.count(" store.corrupt ") + text.count(" store.damaged "), 0, " store.corrupt " not in text
                 and not list(stage.lives.folder.glob("data/*corrupt*")))
    return {"lives": lives, "verdict": verdict.rows, "stored": {name: rows[name] for name in rows if name != "requests"},
            "holds": all(row["holds"] for row in verdict.rows)}
