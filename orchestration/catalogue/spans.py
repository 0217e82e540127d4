"""Spans of time, by the names that the dbt project gives them for its models, the catalogue and live readings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

import yaml

from orchestration.settings import PROJECT

DBT_PROJECT_FILE = PROJECT / "dbt_project" / "dbt_project.yml"


@cache
def spans() -> Mapping[str, str]:
    """Each as PostgreSQL reads an interval."""
    variables = yaml.load(DBT_PROJECT_FILE.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)["vars"]
    named: dict[str, str] = variables["spans"]
    return named


def spelled_out(expression: str) -> str:
    """An SQL expression with each `{name}` as the span that it stands for.

    Raises:
        ValueError: naming what is no span, and those that there are.
    """

    def span(name: re.Match[str]) -> str:
        if name[1] not in spans():
            raise ValueError(f"'{{{name[1]}}}' is no span of time; allowed: {', '.join(spans())}")
        return spans()[name[1]]

    return re.sub(r"\{([a-z]\w*)\}", span, expression)
