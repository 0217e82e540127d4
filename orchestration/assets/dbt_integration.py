"""dagster-dbt as if dbt-core were not installed, which it can do without.

It would import dbt for a few names of statuses, a second of each run: dbt has a process of its own (dbt_build.py), and
everything in the manifest is wanted. Whoever needs dagster-dbt takes it from here, so that it is imported like this.
"""

import sys

if "dbt" not in sys.modules:
    sys.modules["dbt"] = None  # type: ignore[assignment]  # Python's own sign for what cannot be imported
    try:
        import dagster_dbt  # noqa: F401  # as this process keeps it
    finally:
        del sys.modules["dbt"]

from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtCliInvocation
from dagster_dbt.asset_utils import DBT_DEFAULT_EXCLUDE, DBT_DEFAULT_SELECT, DBT_DEFAULT_SELECTOR, build_dbt_specs

__all__ = [
    "DBT_DEFAULT_EXCLUDE",
    "DBT_DEFAULT_SELECT",
    "DBT_DEFAULT_SELECTOR",
    "DagsterDbtTranslator",
    "DagsterDbtTranslatorSettings",
    "DbtCliInvocation",
    "build_dbt_specs",
]
