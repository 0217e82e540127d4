"""Does the suite bite? Plants mistakes in a copy of the tree, one at a time, and runs the tests that claim the place.

Run: .venv/bin/python benchmarks/mutations.py [--seed 1] [--count 60] [--only touched] [--from 1] [--list]
Mistakes are drawn by the seed from the code itself: a condition of the catalogue dropped, `<` for `<=`, a branch of a
union left out, a statement of access not made, a guard that finds nothing, a number off by one. A mistake that every
test of its place passes has survived: it is listed, and wants a test. Exit code 1 when one survives.

Not here: the tests (a claim names them), or mistakes in tests.
"""

from __future__ import annotations

import argparse
import ast
import fnmatch
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

PROJECT = Path(__file__).parents[1]
# Which tests claim a place, quickest first; the first pattern that fits says it.
CLAIMS: dict[str, tuple[str, ...]] = {
    "dbt_project/kpi_catalogue.yml": (
        "tests/unit/test_catalogue.py",
        "tests/integration/test_every_indicator.py",
        "tests/integration/test_small_days.py",
        "tests/integration/test_settling.py",
        "tests/integration/test_indicators_exact.py",
    ),
    "dbt_project/models/touched/*.sql": (
        "tests/integration/test_nights.py",
        "tests/integration/test_order_and_repetition.py",
        "tests/integration/test_published_values.py",
    ),
    "dbt_project/models/kpi/touched_*.sql": (
        "tests/integration/test_nights.py",
        "tests/integration/test_order_and_repetition.py",
        "tests/integration/test_published_values.py",
    ),
    "dbt_project/models/kpi/int_kpi_restated.sql": ("tests/integration/test_published_values.py",),
    "dbt_project/models/kpi/*.sql": (
        "tests/integration/test_settling.py",
        "tests/integration/test_double_entry.py",
        "tests/integration/test_kpi_period.py",
    ),
    "dbt_project/models/*.sql": (
        "tests/integration/test_small_days.py",
        "tests/integration/test_dbt_project.py",
        "tests/integration/test_indicators_exact.py",
        "tests/integration/test_lists.py",
    ),
    "dbt_project/indicators/live.sql.j2": ("tests/integration/test_live.py",),
    "dbt_project/indicators/list_lines.sql.j2": (
        "tests/integration/test_lists.py",
        "tests/integration/test_small_days.py",
    ),
    "dbt_project/indicators/customer_order.sql.j2": (
        "tests/integration/test_small_days.py",
        "tests/integration/test_definitions.py",
    ),
    "dbt_project/indicators/bi_daily.sql.j2": ("tests/integration/test_bi_views.py",),
    "dbt_project/indicators/kpi_period_*.sql.j2": (
        "tests/integration/test_kpi_period.py",
        "tests/integration/test_bi_views.py",
    ),
    "dbt_project/indicators/*.sql.j2": (
        "tests/integration/test_small_days.py",
        "tests/integration/test_errors.py",
        "tests/integration/test_settling.py",
        "tests/integration/test_indicators_exact.py",
    ),
    "orchestration/marts/access*.py": ("tests/integration/test_access.py", "tests/integration/test_login.py"),
    "orchestration/marts/guests.py": ("tests/integration/test_locks.py", "tests/integration/test_access.py"),
    "orchestration/marts/zones.py": ("tests/faults/test_zone_rules.py",),
    "orchestration/marts/dependents.py": ("tests/integration/test_dependents.py",),
    "orchestration/marts/feeds.py": ("tests/integration/test_connected_feeds.py",),
    "orchestration/marts/publication.py": (
        "tests/integration/test_publication.py",
        "tests/integration/test_published_values.py",
        "tests/faults/test_publication.py",
        "tests/integration/test_dependents.py",
    ),
    "orchestration/marts/transaction.py": ("tests/integration/test_locks.py", "tests/faults/test_publication.py"),
    "orchestration/marts/*.py": (
        "tests/integration/test_publication.py",
        "tests/faults/test_publication.py",
        "tests/integration/test_dependents.py",
    ),
    "expectations/profiles.py": ("tests/integration/test_feeds.py", "tests/faults/test_feeds.py"),
    "expectations/feeds.py": (
        "tests/integration/test_feeds.py",
        "tests/faults/test_feeds.py",
        "tests/faults/test_guards.py",
    ),
    "expectations/settling.py": ("tests/integration/test_settling_guards.py", "tests/faults/test_guards.py"),
    "expectations/answers.py": ("tests/integration/test_verification.py",),
    "expectations/*.py": ("tests/faults/test_guards.py", "tests/integration/test_double_entry.py"),
    "orchestration/assets/checks.py": ("tests/faults/test_guards.py",),
    "orchestration/sources/loading/erasure.py": ("tests/integration/test_erasure.py",),
    "orchestration/sources/loading/upgrade.py": ("tests/integration/test_upgrade.py",),
    "orchestration/sources/loading/change_kind.py": ("tests/integration/test_novelty.py",),
    "orchestration/sources/loading/quarantine.py": ("tests/integration/test_quarantine.py",),
    "orchestration/sources/loading/raw_tables.py": (
        "tests/integration/test_upgrade.py",
        "tests/integration/test_loading_rules.py",
    ),
    "orchestration/sources/loading/rivals.py": (
        "tests/integration/test_novelty.py",
        "tests/integration/test_loading_rules.py",
        "tests/integration/test_loading_laws.py",
    ),
    "orchestration/sources/loading/profile.py": ("tests/integration/test_feeds.py",),
    "orchestration/sources/loading/*.py": (
        "tests/integration/test_loading_rules.py",
        "tests/integration/test_loading_laws.py",
        "tests/integration/test_ledger.py",
    ),
}
PATIENCE_SECONDS = 1800
COMPARISONS = {"<=": "<", ">=": ">", "<": "<=", ">": ">="}


@dataclass(frozen=True)
class Mutation:
    """One mistake: of what kind, where, and the text of the whole file with it."""

    kind: str
    path: str
    line: int
    was: str
    becomes: str
    text: str

    @property
    def claims(self) -> tuple[str, ...]:
        return next(tests for pattern, tests in CLAIMS.items() if fnmatch.fnmatch(self.path, pattern))


# --- mistakes that each kind of file invites --------------------------------------------------------------------------


def candidates(path: str, text: str) -> Iterator[Mutation]:
    """Every mistake that can be planted in a file."""
    if path.endswith(".py"):
        yield from _of_python(path, text)
    yield from _comparisons(path, text)
    yield from _numbers(path, text)
    if path.endswith("kpi_catalogue.yml"):
        yield from _conditions(path, text)
    if "/touched" in path and path.endswith(".sql"):
        yield from _branches(path, text)


def _changed(kind: str, path: str, text: str, start: int, end: int, becomes: str) -> Mutation:
    line = text.count("\n", 0, start) + 1
    was = " ".join(text[start:end].split())
    return Mutation(
        kind, path, line, was, " ".join(becomes.split()) or "(nothing)", text[:start] + becomes + text[end:]
    )


def _code(path: str, text: str) -> list[tuple[int, int]]:
    """The stretches in which a comparison or a number means something: SQL without its comments. In Python that is
    what stands in strings that read like SQL."""
    if path.endswith(".py"):
        starts = [0]
        for line in text.splitlines(keepends=True):
            starts.append(starts[-1] + len(line))
        return [
            stretch
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and re.search(r"\b(select|where|when)\b.*\b(from|where|case|join|then)\b", node.value, re.S)
            for stretch in _outside(
                re.compile(r"--.*|'[^'\n]*'"),
                text,
                starts[node.lineno - 1] + node.col_offset,
                starts[(node.end_lineno or 0) - 1] + (node.end_col_offset or 0),
            )
        ]
    if path.endswith(".yml"):
        return [
            m.span()
            for m in re.finditer(r"^ +(?:where|join|value|anchor_expression|on):.*(?:\n {6,}[^-\s].*)*", text, re.M)
        ]
    return _outside(re.compile(r"--.*|<\w+>|\{#.*?#\}|\{\{ config.*?\}\}|'[^'\n]*'", re.S), text, 0, len(text))


def _outside(comments: re.Pattern[str], text: str, begin: int, end: int) -> list[tuple[int, int]]:
    """The stretches of a text that are neither comment nor literal."""
    spans = []
    for found in comments.finditer(text, begin, end):
        spans.append((begin, found.start()))
        begin = found.end()
    return [*spans, (begin, end)]


def _comparisons(path: str, text: str) -> Iterator[Mutation]:
    for begin, end in _code(path, text):
        # No column of PostgreSQL's catalogue has the number 0: whether it is left out makes no difference.
        for found in re.finditer(r"(?<!attnum )(?<!objsubid )(?<=[\w)\s])(<=|>=|<|>)(?=\s)", text[begin:end]):
            start = begin + found.start()
            yield _changed("comparison", path, text, start, begin + found.end(), COMPARISONS[found[1]])


def _numbers(path: str, text: str) -> Iterator[Mutation]:
    for begin, end in _code(path, text):
        for found in re.finditer(r"(?<![\w.'%\]])(?<!select )(\d+)(?![\w.%])", text[begin:end]):
            if re.search(r"\b(?:order|group) by [\d, ]*$", text[begin : begin + found.start()]):
                continue
            yield _changed("number", path, text, begin + found.start(), begin + found.end(), str(int(found[1]) + 1))
    for found in re.finditer(r"interval '(\d+) (?:minute|hour|day|second)s?'", text):
        yield _changed("number", path, text, found.start(1), found.end(1), str(int(found[1]) + 1))


def _conditions(path: str, text: str) -> Iterator[Mutation]:
    """`where: a and b` without a; and without b."""
    for found in re.finditer(r"^ +where: (?!>)(\"?)(.+?)\1$", text, re.M):
        parts = re.split(r" and (?![^()]*\))", found[2])
        if "between" in found[2]:
            continue
        for dropped in range(len(parts)):
            left = " and ".join(part for number, part in enumerate(parts) if number != dropped)
            yield _changed("condition", path, text, found.start(2), found.end(2), left or "true is true")


def _branches(path: str, text: str) -> Iterator[Mutation]:
    """One branch of a union of the outermost level is left out."""
    bounds = [m.span() for m in re.finditer(r"^union(?: all)?\n", text, re.M)]
    for number, (start, end) in enumerate(bounds):
        stop = bounds[number + 1][0] if number + 1 < len(bounds) else len(text)
        branch = text[end:stop]
        if branch.count("(") == branch.count(")"):
            yield _changed("branch", path, text, start, stop, "")


def _of_python(path: str, text: str) -> Iterator[Mutation]:
    lines = text.splitlines(keepends=True)

    def without(kind: str, node: ast.stmt, instead: str) -> Mutation:
        first, last = node.lineno - 1, node.end_lineno or node.lineno
        indent = " " * node.col_offset
        was = " ".join("".join(lines[first:last]).split())
        return Mutation(
            kind, path, node.lineno, was, instead, "".join([*lines[:first], f"{indent}{instead}\n", *lines[last:]])
        )

    for node in ast.walk(ast.parse(text)):
        if path.startswith("expectations/") and isinstance(node, ast.FunctionDef) and node.name.startswith("judge"):
            body = [one for one in node.body if not isinstance(one, ast.Expr)]
            yield without("guard", body[0], "return []")
        if path.startswith("orchestration/marts/access") and isinstance(node, ast.Expr):
            call = node.value
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "execute":
                yield without("access", node, "pass")
        if (
            isinstance(node, ast.keyword)
            and node.arg in ("blocking", "is_error")
            and isinstance(node.value, ast.Constant)
        ):
            start = sum(map(len, lines[: node.value.lineno - 1])) + node.value.col_offset
            end = sum(map(len, lines[: node.value.lineno - 1])) + (node.value.end_col_offset or 0)
            yield _changed("guard", path, text, start, end, str(not node.value.value))


def draw(seed: int, count: int, only: str) -> list[Mutation]:
    """So many mistakes, of each kind and file in turn."""
    tracked = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=True)
    by_kind: dict[str, dict[str, list[Mutation]]] = {}
    for path in tracked.stdout.split():
        if only in path and any(fnmatch.fnmatch(path, pattern) for pattern in CLAIMS):
            for mutation in candidates(path, (PROJECT / path).read_text(encoding="utf-8")):
                if mutation.text != (PROJECT / path).read_text(encoding="utf-8"):
                    by_kind.setdefault(mutation.kind, {}).setdefault(path, []).append(mutation)
    rng = Random(seed)
    drawn: list[Mutation] = []
    while len(drawn) < count and by_kind:
        for kind in sorted(by_kind):
            of_file = by_kind[kind]
            path = rng.choice(sorted(of_file))
            drawn.append(of_file[path].pop(rng.randrange(len(of_file[path]))))
            if not of_file[path]:
                del of_file[path]
            if not of_file:
                del by_kind[kind]
    return drawn[:count]


# --- what the tests say of them ---------------------------------------------------------------------------------------


def copy_of_the_tree(folder: Path) -> Path:
    """What git tracks, beside the environment that it runs in."""
    tree = folder / "tree"
    tracked = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=True)
    for path in tracked.stdout.split():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PROJECT / path, tree / path)
    (tree / ".venv").symlink_to(PROJECT / ".venv")
    shutil.copytree(PROJECT / "dbt_project" / "target", tree / "dbt_project" / "target")
    return tree


def verdict(tree: Path, mutation: Mutation, patience: float) -> str:
    """`killed by <test>`, `survived`, or `undecided` after so many seconds; the tree is as it was afterwards."""
    place = tree / mutation.path
    original = place.read_bytes()
    place.write_text(mutation.text, encoding="utf-8")
    command = [tree / ".venv/bin/python", "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *mutation.claims]
    try:
        process = subprocess.Popen(command, cwd=tree, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        said, _ = process.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        # Like Ctrl-C, so that it stops the server that it has started.
        process.send_signal(signal.SIGINT)
        process.communicate()
        return "undecided"
    finally:
        place.write_bytes(original)
    if process.returncode == 0:
        return "survived"
    failed = re.search(r"^(?:FAILED|ERROR) ([^\s\[]+)", said, re.M)
    return f"killed by {failed[1].removeprefix('tests/')}" if failed else f"killed by pytest ({process.returncode})"


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--count", type=int, default=60)
    asked.add_argument("--only", default="", help="files whose path contains this")
    asked.add_argument("--from", dest="first", type=int, default=1, metavar="N", help="begin with the N-th")
    asked.add_argument("--patience", type=float, default=PATIENCE_SECONDS, metavar="SECONDS", help="for each mistake")
    asked.add_argument("--list", action="store_true", help="draw, and run nothing")
    given = asked.parse_args()
    drawn = draw(given.seed, given.count, given.only)
    verdicts: Counter[str] = Counter()
    print("| # | place | mistake | verdict |\n| ---: | --- | --- | --- |", flush=True)
    with tempfile.TemporaryDirectory(prefix="causerie-mutations-") as folder:
        tree = None if given.list else copy_of_the_tree(Path(folder))
        for number, one in list(enumerate(drawn, 1))[given.first - 1 :]:
            began = time.monotonic()
            said = verdict(tree, one, given.patience) if tree else ", ".join(one.claims)
            verdicts[said.split()[0]] += 1
            took = f", {time.monotonic() - began:.0f} s" if tree else ""
            mistake = f"{one.kind}: `{one.was[:70]}` -> `{one.becomes[:70]}`".replace("|", "\\|")
            print(f"| {number} | {one.path}:{one.line} | {mistake} | {said}{took} |", flush=True)
    if not given.list:
        told = ", ".join(f"{number} {said}" for said, number in verdicts.items())
        print(f"Of {verdicts.total()}, seed {given.seed}: {told}")
    return int(verdicts["survived"] > 0)


if __name__ == "__main__":
    sys.exit(main())
