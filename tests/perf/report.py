# SPDX-License-Identifier: Apache-2.0
"""Judges measured numbers by tests/perf/budget.json and prints them beside each other."""

import json


def judge(row, nginx, papi):
    """(value that is compared, budget in words, verdict)"""
    compare = row["compare"]
    if compare == "ratio":
        value = papi / nginx if papi is not None and nginx else None
        limit, text = row["most"], f"<= {row['most']} x nginx"
    elif compare == "difference":
        value = papi - nginx if papi is not None and nginx is not None else None
        limit, text = row["most"], f"<= nginx + {row['most']}"
    elif compare == "least":
        value, limit, text = papi, row["least"], f">= {row['least']}"
    elif compare == "most":
        value, limit, text = papi, row["most"], f"<= {row['most']}"
    else:
        reference = row["reference"]
        if reference is None:
            return papi, "no reference yet", "-"
        value, limit, text = papi, reference * row["worse"], f"<= {reference} + {row['worse'] - 1:.0%}"
    if value is None:
        return None, text, "-"
    good = value >= limit if compare == "least" else value <= limit
    return value, text, "PASS" if good else "OVER"


def rows(budget, numbers):
    """numbers: metric -> {"nginx": x, "papi": y}; only metrics that were measured are listed."""
    table = []
    for metric, row in budget.items():
        if metric not in numbers:
            continue
        nginx, papi = numbers[metric].get("nginx"), numbers[metric].get("papi")
        value, text, verdict = judge(row, nginx, papi)
        ratio = papi / nginx if papi is not None and nginx else None
        table.append({"metric": metric, "what": row["what"], "unit": row["unit"], "nginx": nginx,
                      "papi": papi, "ratio": ratio, "value": value, "budget": text,
                      "goal": row.get("goal"), "verdict": verdict})
    return table


def number_text(number):
    if number is None:
        return "-"
    if abs(number) >= 1000:
        return f"{number:,.0f}"
    return f"{number:.2f}" if abs(number) < 100 else f"{number:.1f}"


def show(table):
    heads = ["", "unit", "nginx", "papi", "papi/nginx", "budget", ""]
    lines = [[row["what"], row["unit"], number_text(row["nginx"]), number_text(row["papi"]),
              number_text(row["ratio"]), row["budget"], row["verdict"]] for row in table]
    widths = [max(len(line[i]) for line in [heads, *lines]) for i in range(len(heads))]
    for line in [heads, *lines]:
        cells = [cell.rjust(width) if 2 <= i <= 4 else cell.ljust(width)
                 for i, (cell, width) in enumerate(zip(line, widths))]
        print("  ".join(cells).rstrip())


def save(path, document):
    with open(path, "w") as file:
        json.dump(document, file, indent=1)
        file.write("\n")
