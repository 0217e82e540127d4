"""Writes what dbt says of all that readers meet and no model builds: the views, tables and functions of marts, a page
for each indicator, the dashboards, and MetricFlow's semantic layer over bi_daily.

Here: the files of dbt_project/published and dbt_project/analyses, from the catalogue, the rendered SQL and the comments
of the migrations. dbt reads them under the target `marts` alone, which builds nothing. Run
`python -m orchestration.compiler.dbt_docs` after a change of any of these; a test holds the files equal. Not here: the
overview and the glossary (dbt_project/docs), the models (dbt_project/models).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from orchestration.catalogue import catalogue as at_hand
from orchestration.catalogue import dbt_macros, facts
from orchestration.catalogue.model import Catalogue, Indicator, Measure
from orchestration.compiler import daily
from orchestration.compiler.functions import reader_functions
from orchestration.settings import PROJECT
from orchestration.warehouse.connection import MIGRATIONS

DBT = PROJECT / "dbt_project"
READERS, ANALYSES = DBT / "published" / "readers", DBT / "analyses"
PAGES = PROJECT / "dashboard" / "pages.yml"
HEADER = "# Written by `python -m orchestration.compiler.dbt_docs`: change what it is written from.\n"
OWNER = {"name": "Causerie"}
# What MetricFlow fills gaps by.
SPINE = "time_spine"
SCREENS = "http://127.0.0.1:3001"

_COMMENT = re.compile(r"comment on (?:table|view|column|function) marts\.([\w.]+)(?:\([^)]*\))? is '((?:[^']|'')*)'")
_VIEW = re.compile(r"\s*create view marts\.(\w+) .*? as\n((?:--|with|select).*?);\ncomment on", re.DOTALL)
_FUNCTION = re.compile(
    r"create or replace function marts\.(\w+)\((.*?)\n\)\nreturns (table \((.*?)\n\)|\w+)", re.DOTALL
)

# What the functions of marts answer, by column.
ANSWERED = {
    "ref": "The indicator, as in dim_kpi.",
    "bucket": "The values of the breakdown, in the order asked for; {} for the total.",
    "bin": "Class of a histogram or donut; null for other indicators.",
    "value": "The value in the indicator's unit; null where there is nothing to average, and where it is unknown.",
    "numerator": "What is above the line, or the count itself.",
    "denominator": "What is below the line; null for counts and sums.",
    "previous_value": "The value of the period of equal length that ends where this one begins, where asked for.",
    "settled_share": "Share of its final value that such a period has usually reached at this age.",
    "ignored_filters": "The filters that were asked for and do not apply.",
    "is_final": "Whether the value will not change any more, but for late or corrected data.",
    "basis": "How the handling is known that it rests on: recorded, first_reply or mixed.",
    "missing": "Datasets that it needs and that had told nothing yet.",
    "entity": "What was counted: conversation, order, message and so on.",
    "entity_id": "Which one.",
    "anchor": "The earliest instant in the window that makes it count.",
    "place": "Place in the list, from 1.",
    "item": "The line's columns, by name.",
}
ROLL_UP = {
    "sum": "It adds up over periods: sum the values.",
    "ratio": "Over periods divide sum(numerator) by sum(denominator).",
    "none": "It adds up over nothing: ask kpi_report for the period that you mean.",
}


def comments() -> dict[str, str]:
    """What migrations and rendered SQL say of relations, columns (`relation.column`) and functions of marts."""
    texts = [path.read_text("utf-8") for path in sorted(MIGRATIONS.glob("*.sql"))] + reader_functions()
    return {name: said.replace("''", "'") for text in texts for name, said in _COMMENT.findall(text)}


def render() -> dict[Path, str]:
    """The files by their path."""
    known, said = at_hand.load(), comments()
    views = {match[1]: match[2] for text in reader_functions() if (match := _VIEW.match(text))}
    files = {READERS / f"{name}.sql": _model(sql, views) for name, sql in views.items()}
    documents = {
        "models": {"models": [_described(name, said) for name in views]},
        "sources": {"sources": [{"name": "marts", **_SOURCE, "tables": list(_tables(views, said))}]},
        "exposures": {"exposures": list(_exposures(known))},
        "semantic_layer": _semantic_layer(known),
    }
    files |= {READERS / f"_readers__{name}.yml": _text({"version": 2, **one}) for name, one in documents.items()}
    files |= {ANALYSES / f"{_page_name(i)}.sql": _question(i) for i in known.indicators.values()}
    pages = [{"name": _page_name(i), "description": _page(known, i)} for i in known.indicators.values()]
    files[ANALYSES / "_indicators.yml"] = _text({"version": 2, "analyses": pages})
    return files


def _text(document: Mapping[str, Any]) -> str:
    return HEADER + yaml.safe_dump(document, sort_keys=False, width=120, allow_unicode=True)


# --- relations --------------------------------------------------------------------------------------------------------

_SOURCE = {
    "schema": "marts",
    "description": "What readers find in marts beside the models: tables that the platform writes, and functions.",
    "loader": "causerie run, in the transaction of each publication",
}


def _model(sql: str, views: Mapping[str, str]) -> str:
    """A view's query as a model, so that dbt knows what it reads."""

    def read(match: re.Match[str]) -> str:
        name = match[1]
        is_model = name in views or name in facts.marts()
        return f"{{{{ ref('{name}') }}}}" if is_model else f"{{{{ source('marts', '{name}') }}}}"

    return re.sub(r"\bmarts\.(\w+)(?!\.|\w)", read, sql) + "\n"


def _described(name: str, said: Mapping[str, str]) -> dict[str, Any]:
    columns = [
        {"name": key.split(".")[1], "description": text} for key, text in said.items() if key.startswith(f"{name}.")
    ]
    spine: dict[str, Any] = {}
    if name == SPINE:
        spine = {"time_spine": {"standard_granularity_column": columns[0]["name"]}}
        columns[0]["granularity"] = "day"
    return {"name": name, "description": said[name], **spine, "columns": columns}


def _tables(views: Mapping[str, str], said: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    functions = {m[1]: m for text in reader_functions() if (m := _FUNCTION.search(text))}
    for name in said:
        if "." in name or name in views or name in functions or name in facts.marts():
            continue
        kind = "function" if name == "my_brands" else "table"
        yield {**_described(name, said), "config": {"meta": {"kind": kind}}}
    for name, function in functions.items():
        parameters = re.sub(r"\s+", " ", function[2]).strip()
        columns = [line.split()[0] for line in (function[4] or "").strip().splitlines()]
        yield {
            "name": name,
            "description": f"{said[name]}\n\nA function: `select * from marts.{name}({parameters})`",
            "columns": [{"name": column, "description": ANSWERED[column]} for column in columns],
            "config": {"meta": {"kind": "function"}},
        }


# --- pages of indicators ----------------------------------------------------------------------------------------------


def _page_name(i: Indicator) -> str:
    return i.ref.lower().replace("-", "_")


def _question(i: Indicator) -> str:
    """How an analyst asks for it."""
    period = "'my-brand', date '2026-03-01', date '2026-03-31'"
    if i.kind == "live":
        return f"-- {i.names['en']}: read live, by `causerie live my-brand`.\n"
    if i.kind == "list":
        return f"-- {i.names['en']}\nselect *\nfrom marts.kpi_list('{i.ref}', {period})\n"
    refs, breakdown = [i.ref], ""
    if i.kind == "shows":
        refs = list(dict.fromkeys(shown.ref for shown in i.shows))
        by = dict.fromkeys(b for shown in i.shows for b in shown.breakdown)
        breakdown = f", p_breakdown => '{{{','.join(by)}}}'"
    asked = f"p_refs => '{{{','.join(refs)}}}'{breakdown}"
    answer = f"-- {i.names['en']}\nselect *\nfrom marts.kpi_report({period}, {asked})\n"
    if i.kind == "shows":
        return answer
    return answer + f";\n\n-- the rows behind it\nselect *\nfrom marts.kpi_rows('{i.ref}', {period})\n"


def _page(known: Catalogue, i: Indicator) -> str:
    """What the page says: the meaning, how it is counted, how it moves, what it takes, where else it stands."""
    lines = [f"**{i.names['en']}** ({i.ref}). {i.meaning['en']}"]
    lines.append(f"Unit: {i.unit}. Stability: {i.stability}" + _settles(i) + ".")
    if i.kind not in ("shows", "list", "live"):
        lines.append(" ".join(f"{key.capitalize()}: {_counted(known, key, measure)}" for key, measure in i.measures))
        lines.append(f"Filters: {', '.join(i.filters) or 'none'}. Breakdowns: {', '.join(i.dimensions) or 'none'}.")
        needs = sorted({*i.needs_of_parts[0], *i.needs_of_parts[1]})
        lines.append(
            "Unknown, and not 0, until these have told something: "
            + (", ".join(needs) or f"one of {', '.join(i.needs_any)}")
            + "."
        )
        lines.append(ROLL_UP[known.roll_up(i)] + _told_apart(known, i))
        columns = [f"`{m.column}`" for m in daily.measures(known) if m.ref == i.ref]
        lines.append(f"In bi_daily: {', '.join(columns)}." if columns else "It is not in bi_daily.")
    if i.kind == "shows":
        lines.append(f"It presents {', '.join(dict.fromkeys(s.ref for s in i.shows))}.")
    lines.append(f"In French: {i.names['fr']}. In Spanish: {i.names['es']}.")
    return "\n\n".join(lines)


def _settles(i: Indicator) -> str:
    return f", final {i.settling_days} days after the period" if i.settling_days else ""


def _told_apart(known: Catalogue, i: Indicator) -> str:
    if known.roll_up(i) != "none" and known.roll_up(i, "member") == "none":
        return " By member or role it does not: there the member is judged at the end of the period."
    return ""


def _counted(known: Catalogue, key: str, measure: Measure) -> str:
    relation = known.relations[measure.of]
    of_values = {"average": "of", "median": "of", "bins": "by"}.get(key, "the sum of")
    what = f"{of_values} {measure.value} over the rows" if measure.value else "the rows"
    each = f" once for each {', '.join(relation.entity_key)}" if relation.entity_key else ""
    where = " and ".join(filter(None, (relation.where, measure.where)))
    return f"{what}{each}, of {relation.fact} by {relation.anchor}{f', where `{where}`' if where else ''}."


# --- dashboards and bundles -------------------------------------------------------------------------------------------


def _exposures(known: Catalogue) -> Iterator[dict[str, Any]]:
    pages = yaml.safe_load(PAGES.read_text("utf-8"))
    dashboards: dict[str, tuple[Mapping[str, str], Any]] = {"overview": ({"en": "Overview"}, pages["overview"])}
    dashboards |= {name: (page["names"], page["sections"]) for name, page in pages["dashboards"].items()}
    dashboards |= {
        f"subject_{area}": (names, [i.ref for i in known.indicators.values() if i.area == area])
        for area, names in known.areas.items()
        if area != "live"
    }
    for name, (names, shown) in dashboards.items():
        refs = set(_refs(known, shown))
        yield {
            "name": f"screens_{name}",
            "label": f"Screens: {names['en']}",
            "type": "dashboard",
            "maturity": "high",
            "url": SCREENS,
            "description": f"The page {names['en']} of `causerie dashboard`. It shows {', '.join(sorted(refs))}.",
            "owner": OWNER,
            "depends_on": _reads(known, refs),
        }
    yield {
        "name": "semantic_layer",
        "label": "MetricFlow's semantic layer",
        "type": "application",
        "maturity": "medium",
        "description": "The metrics that roll up, for tools that speak MetricFlow, over bi_daily.",
        "owner": OWNER,
        "depends_on": ["ref('bi_daily')"],
    }


def _refs(known: Catalogue, shown: Any) -> Iterator[str]:
    """Every indicator that is named somewhere in a piece of pages.yml."""
    if isinstance(shown, str):
        yield from (ref for ref in known.indicators if ref == shown or re.fullmatch(rf"{re.escape(shown)}-\d+", ref))
    elif isinstance(shown, Mapping):
        for value in shown.values():
            yield from _refs(known, value)
    elif isinstance(shown, Iterable):
        for value in shown:
            yield from _refs(known, value)


def _reads(known: Catalogue, refs: Iterable[str]) -> list[str]:
    presented = {s.ref for ref in refs for s in known.indicators[ref].shows}
    counted = [i for i in known.computed if i.ref in {*refs, *presented}]
    marts = sorted({mart for i in counted for mart in dbt_macros.read_by(i, known)})
    return [f"ref('{mart}')" for mart in (*dbt_macros.READ_BY_ALL, "dim_member", "kpi_period", *marts)]


# --- the semantic layer -----------------------------------------------------------------------------------------------


def _semantic_layer(known: Catalogue) -> dict[str, Any]:
    measures = daily.measures(known)
    elsewhere = [i.ref for i in known.computed if i.additive is not True]
    dimensions = {
        "source": "Source of the conversation.",
        "inbox": "Inbox of the conversation.",
        "member_name": "The member's name now.",
        "currency": "Currency of the amounts.",
    }
    model = {
        "name": "bi_daily",
        "description": (
            "What adds up, by local day, source, inbox and member. For what does not, ask marts.kpi_report: "
            + ", ".join(elsewhere)
            + "."
        ),
        "model": "ref('bi_daily')",
        "defaults": {"agg_time_dimension": "local_date"},
        "primary_entity": "brand_day",
        "entities": [
            {"name": "brand", "type": "foreign", "expr": "brand_id", "description": "The brand."},
            {"name": "member", "type": "foreign", "expr": "member_id", "description": "The member as known now."},
        ],
        "dimensions": [
            {
                "name": "local_date",
                "type": "time",
                "type_params": {"time_granularity": "day"},
                "description": "The local day, on the brand's clock.",
            },
            *({"name": name, "type": "categorical", "description": said} for name, said in dimensions.items()),
        ],
        "measures": [{"name": m.column, "agg": "sum", "description": m.description} for m in measures],
    }
    return {"semantic_models": [model], "metrics": list(_metrics(known, measures))}


def _metrics(known: Catalogue, measures: Iterable[daily.Measure]) -> Iterator[dict[str, Any]]:
    for m in measures:
        i = known.indicators[m.ref]
        told = m.part or m.key[len(m.ref) + 1 :]
        label = f"{i.names['en']}: {told}" if told else i.names["en"]
        yield {
            "name": m.column,
            "label": label,
            "description": m.description,
            "type": "simple",
            "type_params": {"measure": m.column},
        }
        if m.part == "denominator":
            name = m.column.removesuffix("_denominator")
            above = next(n.column for n in measures if n.ref == m.ref and n.part == "numerator")
            yield {
                "name": name,
                "label": i.names["en"],
                "description": f"{i.ref}, {i.names['en']}: {i.meaning['en']}",
                "type": "ratio",
                "type_params": {"numerator": above, "denominator": m.column},
            }


def write() -> None:
    """Write the files, and remove those of what is there no more."""
    files = render()
    for folder in (READERS, ANALYSES):
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.iterdir():
            if path not in files:
                path.unlink()
    for path, content in files.items():
        path.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    write()
