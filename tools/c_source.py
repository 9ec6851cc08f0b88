# SPDX-License-Identifier: Apache-2.0
"""What the checks need to know of C: which files are ours, code without comments and strings, where functions are.

This is a lexer, not a parser: it relies on the code being formatted by clang-format, which `make test` checks.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]

TOKEN = re.compile(
    r"""//[^\n]*(?:\\\n[^\n]*)*        # line comment
      | /\*.*?\*/                      # block comment
      | "(?:\\.|[^"\\\n])*"            # string
      | '(?:\\.|[^'\\\n])*'            # character
    """, re.VERBOSE | re.DOTALL)


def blank(text, keep_strings=False):
    """The text with comments (and strings) turned into spaces; every line keeps its number and length."""
    def wipe(match):
        token = match.group(0)
        if keep_strings and token[0] in "\"'":
            return token
        if token[0] in "\"'":
            return token[0] + re.sub(r"[^\n]", " ", token[1:-1]) + token[-1]
        return re.sub(r"[^\n]", " ", token)
    return TOKEN.sub(wipe, text)


def read(path):
    return path.read_text(encoding="utf-8")


def sources(root, folders=("src",)):
    """All .c and .h files below the folders, sorted."""
    found = []
    for folder in folders:
        found += [p for p in (root / folder).rglob("*.[ch]") if "node_modules" not in p.parts]
    return sorted(found)


def module_of(path, root):
    """The folder of src/ a file belongs to; "main" for src/main.c."""
    parts = path.relative_to(root / "src").parts
    return parts[0] if len(parts) > 1 else path.stem


def functions(text):
    """(name, first line, last line) of each function body. A body opens with `{` at the end of a line that starts a
    declaration in column 0 and closes with `}` in column 0: clang-format sees to both."""
    lines = blank(text).split("\n")
    found, start, name = [], None, ""
    head, head_line = "", 0
    for number, line in enumerate(lines, 1):
        if start is not None:
            if line.startswith("}"):
                found.append((name, start, number))
                start = None
            continue
        if line.startswith("#") or not line.strip():
            head = ""
            continue
        if not line[0].isspace() and line[0] not in "{}":
            head, head_line = "", number
        head += line + " "
        if line.rstrip().endswith((";", "}")):
            head = ""
            continue
        if line.rstrip().endswith("{"):
            called = re.search(r"(\w+)\s*\([^{]*\)\s*(?:__attribute__\s*\(\(.*?\)\)\s*)?\{\s*$", head)
            if called and "=" not in head.split("(")[0] and not head.lstrip().startswith(("struct {", "enum")):
                first = re.match(r"[^(]*?(\w+)\s*\(", re.sub(r"__attribute__\s*\(\(.*?\)\)", "", head))
                name, start = (first.group(1) if first else called.group(1)), head_line
            head = ""
    return found


def finish(problems, what):
    """Prints the problems and returns the exit code."""
    for problem in problems:
        print(problem)
    if problems:
        print(f"{len(problems)} {what}", file=sys.stderr)
    return 1 if problems else 0


def root_from_arguments():
    """Every check takes one optional argument, the tree to look at; its own tests use it."""
    return pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT
