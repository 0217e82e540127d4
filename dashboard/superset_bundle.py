"""Writes bi/superset/causerie, what Superset imports: a connection, datasets with certified metrics, five dashboards in
three languages.

Here: the files, from the catalogue, the columns of bi_daily, pages.yml and words.yml; ids are made from names, so that
an import replaces what an earlier one brought. Run `python -m dashboard.superset_bundle` after a change of any of them;
a test holds the files equal. Not here: bringing them into a Superset (bi/superset/install.py), trying them in one
(bi/superset/check.py), and the live list, which `causerie live` reads elsewhere.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import yaml

from dashboard import pages, words
from dashboard.elements import Element
from dashboard.tables import UNITS_OF_COLUMNS
from dashboard.words import Words
from orchestration.catalogue import catalogue as at_hand
from orchestration.catalogue.model import LANGUAGES, Catalogue, Indicator, Shown
from orchestration.compiler import daily
from orchestration.settings import PROJECT

BUNDLE = PROJECT / "bi" / "superset" / "causerie"
NAMESPACE = UUID("6f0ff3a5-5f0e-5b0e-9d0c-6d3f5d6f3c11")
VERSION = "1.0.0"
DATABASE = "Causerie"
# Whoever imports names their own: Superset asks for the password, which is in no file.
ADDRESS = "postgresql+psycopg2://causerie_reader@127.0.0.1:5432/causerie"
PERIOD = "previous calendar month"
CERTIFIED = {"certification": {"certified_by": "Causerie", "details": "By roll_up of the catalogue."}}
WIDTH = 12
D3 = {"count": ",d", "ratio": ".1%", "seconds": ",.0f", "amount": ",.2f", "score": ".2f"}

# The days that the time filter says; without one none, and nobody asks.
DAYS = """\
        {% if from_dttm and to_dttm %}
        cast(cast('{{ from_dttm }}' as timestamp) as date) as first_date,
        cast(cast('{{ to_dttm }}' as timestamp) - interval '1 microsecond' as date) as last_date
        {% else %}
        null::date as first_date,
        null::date as last_date
        {% endif %}"""
# kpi_report for each brand that the login sees.
REPORT = """\
{{% set refs = filter_values('ref') %}}{{% set by = filter_values('breakdown') %}}
select
    b.brand_id, k.area, r.ref, k.name_{language} as name, k.unit,
    case when k.unit = 'amount' then b.currency end as currency,
    asked.first_date::timestamp as period_start, asked.last_date as period_end,
    coalesce(asked.breakdown[1], 'all') as breakdown, coalesce(r.bucket[1], 'all') as bucket,
    case when asked.breakdown[1] = 'hour' then lpad(r.bucket[1], 2, '0') || ':00' else r.bucket[1] end as bucket_label,
    coalesce(nullif(concat_ws(' ', m.first_name, m.last_name), ''), r.bucket[2]) as second_bucket,
    r.ordinality as place,
    to_char(r.ordinality, 'FM00') || ' · ' || {bin} as placed_bin,
    r.value, r.previous_value, r.numerator, r.denominator,
    {shown} as shown,
    {shown_before} as shown_before,
    r.settled_share, r.is_final, r.basis, array_to_string(r.missing, ', ') as missing
from marts.dim_brand as b
cross join (
    select
{days},
        {{% if by %}}
        (
            select array_agg(d order by d)
            from unnest('{{{dimensions}}}'::text[]) as d
            where d in {{{{ by | where_in }}}}
        ) as breakdown,
        {{% else %}}
        '{{}}'::text[] as breakdown,
        {{% endif %}}
        {{% if refs %}}
        (select array_agg(i.ref) from marts.dim_kpi as i where i.ref in {{{{ refs | where_in }}}}) as refs
        {{% else %}}
        null::text[] as refs
        {{% endif %}}
) as asked
cross join lateral marts.kpi_report(
    b.brand_id, asked.first_date, asked.last_date,
    p_breakdown => coalesce(asked.breakdown, '{{}}'), p_refs => asked.refs, p_compare_previous => true
) with ordinality as r
inner join marts.dim_kpi as k on r.ref = k.ref
left join marts.dim_member_current as m
    on asked.breakdown[2] = 'member' and b.brand_id = m.brand_id and r.bucket[2] = m.member_id
where asked.first_date is not null
"""
# kpi_list likewise, with a column of the table for each of the list's.
LIST = """\
select
    b.brand_id, b.currency, asked.first_date::timestamp as period_start, l.place, l.entity_id,
    {columns}
from marts.dim_brand as b
cross join (
    select
{days}
) as asked
cross join lateral marts.kpi_list('{ref}', b.brand_id, asked.first_date, asked.last_date) as l
where asked.first_date is not null
"""
SHOWN = """\
case
        when {value} is null then '–'
        when k.unit = 'ratio' then translate(to_char(100 * {value}, 'FM999990.0'), '.', '{point}') || ' %'
        when k.unit = 'seconds' then to_char(make_interval(secs => {value}::float8), 'FMHH24:MI:SS')
        when k.unit = 'amount'
            then translate(to_char({value}, 'FM999,999,999,990.00'), ',.', '{thousands}{point}') || ' ' || b.currency
        when k.unit = 'score' then translate(to_char({value}, 'FM990.00'), '.', '{point}')
        when {value} = trunc({value}) then translate(to_char({value}, 'FM999,999,999,990'), ',', '{thousands}')
        else translate(to_char({value}, 'FM999,999,999,990.0'), ',.', '{thousands}{point}')
    end"""
SIGNS = {"en": (",", "."), "fr": ("\u202f", ","), "es": (".", ",")}

# One value, or several periods of one number by what their rows say; whatever else is chosen together has none.
BY_ROLL_UP = """\
case
    when count(*) = 1 then max(value)
    when count(distinct (brand_id, ref, bin, grain, dimension, dimension_value)) > 1 then null
    when min(roll_up) = 'sum' and max(roll_up) = 'sum' then sum(value)
    when min(roll_up) = 'ratio' and max(roll_up) = 'ratio' then sum(numerator) / nullif(sum(denominator), 0)
end"""
ONLY_ONE = "case when count(*) = 1 then max({}) end"

# The row rule: a role `causerie:BRAND` of Superset's sees that brand, an administrator all, anybody else nothing.
ROW_RULE = {
    "name": "causerie: brands by role",
    "filter_type": "Base",
    "group_key": "causerie",
    "clause": "'causerie:' || brand_id in {{ current_user_roles() | where_in }}",
    "description": "Whoever has the role causerie:BRAND sees that brand; Admin sees all.",
    "roles": ["Admin"],
}  # fmt: skip


class _Dumper(yaml.CSafeDumper):
    """SQL as it is written, and nothing by reference."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Dumper.add_representer(
    str, lambda d, text: d.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)
)


def identity(*names: str) -> str:
    """The id of what has this name, the same in each import."""
    return str(uuid5(NAMESPACE, "/".join(names)))


def render() -> dict[str, str]:
    """The files by their path in the bundle."""
    known, shown = at_hand.load(), pages.load()
    files: dict[str, Any] = {
        "metadata.yaml": {"version": VERSION, "type": "assets", "timestamp": "2026-01-01T00:00:00+00:00"},
        "databases/causerie.yaml": _database(),
        "datasets/causerie/dim_brand.yaml": _dataset("dim_brand", {"brand_id": "TEXT", "name": "TEXT"}, {}, []),
    }
    for language in LANGUAGES:
        said = words.load(language)
        lists = [_list(known, said, i) for i in known.lists]
        for dataset in (_report(said), _periods(said), _daily(known, said), *lists):
            files[f"datasets/causerie/{dataset['table_name']}.yaml"] = dataset
        for name, title, sections in _dashboards(shown, said):
            charts: list[list[dict[str, Any]]] = []
            for number, (_, elements) in enumerate(sections):
                charts.append([*_charts(known, said, f"{name}-{number}", elements)])
                for chart in charts[-1]:
                    files[f"charts/{_file(name, language, chart['uuid'])}"] = chart
            headings = [heading for heading, _ in sections]
            files[f"dashboards/{name}_{language}.yaml"] = _dashboard(said, name, title, headings, charts)
    return {
        path: yaml.dump(one, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)
        for path, one in files.items()
    }


def _file(name: str, language: str, uuid: str) -> str:
    return f"{name}_{language}_{uuid[:8]}.yaml"


def _database() -> dict[str, Any]:
    return {
        "database_name": DATABASE, "sqlalchemy_uri": ADDRESS, "cache_timeout": None, "expose_in_sqllab": True,
        "allow_run_async": False, "allow_ctas": False, "allow_cvas": False, "allow_dml": False,
        "allow_csv_upload": False, "extra": {"allows_virtual_table_explore": True}, "impersonate_user": False,
        "uuid": identity("database"), "version": VERSION,
    }  # fmt: skip


# --- datasets ---------------------------------------------------------------------------------------------------------


def _dataset(
    name: str, types: Mapping[str, str], labels: Mapping[str, str], metrics: Sequence[dict[str, Any]],
    sql: str | None = None, instant: str | None = None, about: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    columns = [
        {
            "column_name": column, "verbose_name": labels.get(column), "type": data_type, "is_dttm": column == instant,
            "is_active": True, "groupby": data_type not in ("NUMERIC", "BIGINT"), "filterable": True,
        }
        for column, data_type in types.items()
    ]  # fmt: skip
    return {
        "table_name": name, "main_dttm_col": instant, "description": about, "schema": "marts", "sql": sql,
        "filter_select_enabled": True, "uuid": identity("dataset", name), "metrics": [*metrics], "columns": columns,
        "version": VERSION, "database_uuid": identity("database"), "normalize_columns": False,
        "always_filter_main_dttm": False,
    }  # fmt: skip


def _metric(name: str, label: str, expression: str, unit: str | None = None, about: str = "") -> dict[str, Any]:
    return {
        "metric_name": name, "verbose_name": label, "metric_type": "expression", "expression": expression,
        "description": about, "d3format": D3.get(unit or ""), "extra": CERTIFIED, "warning_text": None,
    }  # fmt: skip


def _labels(said: Words) -> dict[str, str]:
    """What the columns are called in a language; those that are not named here keep their names."""
    return {
        "brand_id": said["brand"], "name": said["indicator"],
        "period_start": said["from"], "period_end": said["to"], "period_label": said["period"],
        "local_date": said["by_day_head"],
        "bin": said["class"], "bin_name": said["class"], "placed_bin": said["class"], "value": said["value"],
        "shown": said["value"], "shown_before": said["before"], "previous_value": said["before"],
        "source": said["by_source_head"], "inbox": said["by_inbox_head"], "member_id": said["by_member_head"],
        "currency": said["currency"],
        "member_name": said["by_member_head"], "basis": said["basis"], "missing": said["not_connected"],
    }  # fmt: skip


def _report(said: Words) -> dict[str, Any]:
    thousands, point = SIGNS[said.language]
    shown = {
        name: SHOWN.format(value=f"r.{column}", thousands=thousands, point=point)
        for name, column in (("shown", "value"), ("shown_before", "previous_value"))
    }
    dimensions = sorted({dimension for i in at_hand.load().computed for dimension in i.dimensions} | {"day", "hour"})
    types = {
        "brand_id": "TEXT", "area": "TEXT", "ref": "TEXT", "name": "TEXT", "unit": "TEXT", "currency": "TEXT",
        "period_start": "TIMESTAMP WITHOUT TIME ZONE", "period_end": "DATE", "breakdown": "TEXT", "bucket": "TEXT",
        "bucket_label": "TEXT", "second_bucket": "TEXT", "place": "BIGINT", "placed_bin": "TEXT",
        "value": "NUMERIC", "previous_value": "NUMERIC",
        "numerator": "NUMERIC", "denominator": "NUMERIC", "shown": "TEXT", "shown_before": "TEXT",
        "settled_share": "NUMERIC", "is_final": "BOOLEAN", "basis": "TEXT", "missing": "TEXT",
    }  # fmt: skip
    metrics = [_metric("exact_value", said["value"], ONLY_ONE.format("value")),
               _metric("exact_previous_value", said["before"], ONLY_ONE.format("previous_value"))]  # fmt: skip
    sql = REPORT.format(language=said.language, dimensions=",".join(dimensions), bin=_bins(said), days=DAYS, **shown)
    return _dataset(
        f"kpi_report_{said.language}", types, _labels(said), metrics, sql, "period_start",
        "marts.kpi_report: exact for any brand and period, which both must be chosen; `breakdown` names what to tell"
        " apart. Needs ENABLE_TEMPLATE_PROCESSING.",
    )  # fmt: skip


def _bins(said: Words) -> str:
    """The class of a row in words, as SQL."""
    names = {b.name: said.value(b.name) for i in at_hand.load().computed for b in i.bins}
    whens = "".join(f" when {_quoted(name)} then {_quoted(text)}" for name, text in names.items() if text != name)
    return f"case r.bin{whens} else r.bin end" if whens else "r.bin"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _periods(said: Words) -> dict[str, Any]:
    text = [
        "brand_id", "area", "ref", "name", "unit", "currency", "grain", "period_label", "dimension", "dimension_value",
        "dimension_value_name", "member_name", "bin", "bin_name", "roll_up",
    ]  # fmt: skip
    types = dict.fromkeys(text, "TEXT") | {
        "period_start": "DATE", "period_end": "DATE", "is_complete": "BOOLEAN", "value": "NUMERIC",
        "numerator": "NUMERIC", "denominator": "NUMERIC", "is_final": "BOOLEAN", "settled_share": "NUMERIC",
    }  # fmt: skip
    about = "Every indicator by period; the metric sums, divides or stays empty as roll_up says."
    return _dataset(
        f"kpi_period_{said.language}", types, _labels(said), [_metric("exact_value", said["value"], BY_ROLL_UP)],
        instant="period_start", about=about,
    )  # fmt: skip


def _daily(known: Catalogue, said: Words) -> dict[str, Any]:
    types = {
        "brand_id": "TEXT", "local_date": "DATE", "is_complete": "BOOLEAN", "source": "TEXT", "inbox": "TEXT",
        "member_id": "TEXT", "member_name": "TEXT", "currency": "TEXT",
    }  # fmt: skip
    return _dataset(
        f"bi_daily_{said.language}", types, _labels(said), [*_sums(known, said)], "select * from marts.bi_daily",
        "local_date", "What adds up over days, sources, inboxes and members: any sum is true, and a metric is one.",
    )  # fmt: skip


def _sums(known: Catalogue, said: Words) -> Iterator[dict[str, Any]]:
    """A metric for each number of bi_daily: its sum, or the quotient of its sums."""
    language = said.language
    parts: dict[str, dict[str, str]] = {}
    for measure in daily.measures(known):
        i = known.indicators[measure.ref]
        label, about = i.names[language], i.meaning[language]
        if measure.part is None:
            name = measure.key if i.bins else i.ref
            said_bin = measure.key.removeprefix(f"{i.ref} ")
            yield _metric(
                name, f"{label}{said['colon']}{said.value(said_bin)}" if i.bins else label,
                _of_one_currency(f"sum({measure.column})", i), i.unit, about,
            )  # fmt: skip
            continue
        both = parts.setdefault(i.ref, {})
        both[measure.part] = measure.column
        if len(both) == 2:
            quotient = f"sum({both['numerator']})::numeric / nullif(sum({both['denominator']}), 0)"
            yield _metric(i.ref, label, _of_one_currency(quotient, i), i.unit, about)


def _of_one_currency(expression: str, i: Indicator) -> str:
    return f"case when count(distinct currency) = 1 then {expression} end" if i.unit == "amount" else expression


def _columns(known: Catalogue, said: Words, i: Indicator) -> Iterator[tuple[str, str, str]]:
    """Of each column of a list: its name, what it is called, and its unit."""
    assert i.listing is not None
    yield "entity_id", said[f"entity_{i.listing.entity}"], "text"
    for column in i.listing.columns:
        unit = known.indicators[column.ref].unit if column.ref else UNITS_OF_COLUMNS.get(column.name, "text")
        name = known.indicators[column.ref].names if column.ref else column.names or {}
        yield column.name, name[said.language] + (" (s)" if unit == "seconds" else ""), unit


def _list_name(i: Indicator) -> str:
    return f"kpi_list_{i.ref.lower().replace('-', '_')}"


def _list(known: Catalogue, said: Words, i: Indicator) -> dict[str, Any]:
    types = {"brand_id": "TEXT", "currency": "TEXT", "period_start": "TIMESTAMP WITHOUT TIME ZONE", "place": "BIGINT"}
    labels, columns = _labels(said), []
    for name, label, unit in _columns(known, said, i):
        types[name] = "NUMERIC" if unit in D3 else "DATE" if unit == "date" else "TEXT"
        labels[name] = label
        if name != "entity_id":
            value = f"l.item ->> '{name}'"
            if types[name] != "TEXT":
                value = f"({value})::{types[name].lower()}"
            elif unit == "role":
                value = f"replace({_quoted(said.value('role {}'))}, '{{}}', {value})"
            columns.append(f"{value} as {name}")
    sql = LIST.format(ref=i.ref, columns=",\n    ".join(columns), days=DAYS)
    about = f"marts.kpi_list('{i.ref}', ...). {i.meaning[said.language]}"
    return _dataset(f"{_list_name(i)}_{said.language}", types, labels, [], sql, "period_start", about)


# --- charts -----------------------------------------------------------------------------------------------------------


Sections = list[tuple[str, Sequence[Element]]]


def _dashboards(shown: pages.Pages, said: Words) -> Iterator[tuple[str, str, Sections]]:
    yield "overview", said["overview"], [
        (said["headlines"], shown.headlines), (said["steps"], [shown.funnel]), (said["charts"], shown.lines),
        *((said[f"step_{step}"], elements) for step, elements in shown.steps.items()),
    ]  # fmt: skip
    for name, one in shown.dashboards.items():
        sections: Sections = [((section.names or {})[said.language], section.elements) for section in one.sections]
        yield name, one.names[said.language], sections


def _charts(known: Catalogue, said: Words, where: str, elements: Sequence[Element]) -> Iterator[dict[str, Any]]:
    """The charts of a section: its cards as one table, the rest one by one."""
    cards = [element.refs[0] for element in elements if element.kind == "card"]
    if cards:
        yield _chart(
            said, where, "table", said["figures"], [_among("ref", cards)],
            query_mode="raw", all_columns=["name", "shown", "shown_before"], row_limit=1000,
            order_by_cols=['["place", true]'], include_search=False, table_timestamp_format="smart_date",
        )  # fmt: skip
    for element in elements:
        i = known.indicators[element.refs[0]]
        title, name = i.names[said.language], f"{where}-{element.name}"
        if element.kind == "funnel":
            yield _chart(
                said, name, "funnel", said["funnel"], [_among("ref", element.refs)], groupby=["name"],
                metric="exact_value", row_limit=100, sort_by_metric=True, number_format=",d", show_legend=False,
            )  # fmt: skip
        elif element.kind in ("line", "hours"):
            yield from _lines(said, name, title, i)
        elif element.kind == "histogram":
            yield _axis(said, name, "echarts_timeseries_bar", title, [_among("ref", [i.ref])], "placed_bin", [], i.unit)
        elif element.kind == "donut":
            yield _chart(
                said, name, "pie", title, [_among("ref", [i.ref])], groupby=["placed_bin"], metric="exact_value",
                row_limit=100, donut=True, show_labels=True, number_format=D3[i.unit],
            )  # fmt: skip
        elif element.kind == "parts" and element.by:
            yield _axis(said, name, "echarts_timeseries_bar", f"{title} {said[f'by_{element.by}']}",
                        [_among("ref", [i.ref]), _among("breakdown", [element.by])], "bucket_label", [],
                        i.unit)  # fmt: skip
        elif element.kind == "list":
            columns = [*_columns(known, said, i)]
            names = [
                *(name for name, _, _ in columns),
                *(["currency"] if "amount" in {u for _, _, u in columns} else []),
            ]
            yield _chart(
                said, name, "table", title, [], of=_list_name(i), query_mode="raw", all_columns=names, row_limit=10000,
                order_by_cols=['["place", true]'], include_search=True, page_length=50,
                table_timestamp_format="%Y-%m-%d",
                column_config={column: {"d3NumberFormat": D3[unit]} for column, _, unit in columns if unit in D3},
            )  # fmt: skip


def _lines(said: Words, name: str, title: str, i: Indicator) -> Iterator[dict[str, Any]]:
    """What a line presents, a chart for all of it that is asked alike: a source's part is that source's bucket."""
    alike: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for shown in i.shows or (Shown(ref=i.ref, breakdown=("day",)),):
        alike.setdefault((shown.breakdown, shown.sources), []).append(shown.ref)
    for number, ((breakdown, sources), refs) in enumerate(alike.items()):
        filters = [_among("ref", refs), _among("breakdown", [*breakdown, *(["source"] if sources else [])])]
        series = ["name", *(["second_bucket"] if len(breakdown) > 1 else [])]
        if sources:
            filters.append(_among("second_bucket", sources))
        of = f" ({', '.join(map(said.value, sources))})" if sources else ""
        kind = "echarts_timeseries_bar" if "hour" in breakdown else "echarts_timeseries_line"
        yield _axis(said, f"{name}-{number}", kind, title + of, filters, "bucket_label", series, i.unit)


def _among(column: str, values: Sequence[str]) -> dict[str, Any]:
    return {"expressionType": "SIMPLE", "clause": "WHERE", "subject": column, "operator": "IN", "operatorId": "IN",
            "comparator": [*values]}  # fmt: skip


def _axis(
    said: Words, name: str, kind: str, title: str, filters: list[dict[str, Any]], axis: str, groups: list[str],
    unit: str,
) -> dict[str, Any]:  # fmt: skip
    return _chart(
        said, name, kind, title, filters, x_axis=axis, x_axis_sort_asc=True, xAxisForceCategorical=True,
        metrics=["exact_value"], groupby=groups, row_limit=10000, y_axis_format=D3[unit], show_legend=bool(groups),
        truncate_metric=True, show_empty_columns=True,
    )  # fmt: skip


def _chart(
    said: Words, name: str, kind: str, title: str, filters: list[dict[str, Any]], of: str = "kpi_report", **form: Any
) -> dict[str, Any]:
    uuid = identity("chart", name, said.language)
    dataset = identity("dataset", f"{of}_{said.language}")
    when = {"expressionType": "SIMPLE", "clause": "WHERE", "subject": "period_start", "operator": "TEMPORAL_RANGE",
            "operatorId": "TEMPORAL_RANGE", "comparator": "No filter"}  # fmt: skip
    return {
        "slice_name": title, "description": None, "certified_by": "Causerie", "certification_details": None,
        "viz_type": kind, "cache_timeout": None, "uuid": uuid, "version": VERSION, "dataset_uuid": dataset,
        "params": {
            "viz_type": kind, "granularity_sqla": "period_start", "time_range": "No filter",
            "adhoc_filters": [when, *filters], "extra_form_data": {}, **form,
        },
    }  # fmt: skip


# --- dashboards -------------------------------------------------------------------------------------------------------


def _dashboard(
    said: Words, name: str, title: str, headings: Sequence[str], charts: Sequence[Sequence[dict[str, Any]]]
) -> dict[str, Any]:
    position: dict[str, Any] = {
        "DASHBOARD_VERSION_KEY": "v2",
        "ROOT_ID": {"type": "ROOT", "id": "ROOT_ID", "children": ["GRID_ID"]},
        "GRID_ID": {"type": "GRID", "id": "GRID_ID", "children": [], "parents": ["ROOT_ID"]},
        "HEADER_ID": {"type": "HEADER", "id": "HEADER_ID", "meta": {"text": f"{said['product']}: {title}"}},
    }
    number = 0
    for place, (heading, some) in enumerate(zip(headings, charts, strict=True)):
        if not some:
            continue
        position["GRID_ID"]["children"].append(f"HEADER-{place}")
        position[f"HEADER-{place}"] = {
            "type": "HEADER", "id": f"HEADER-{place}", "children": [], "parents": ["ROOT_ID", "GRID_ID"],
            "meta": {"text": heading, "headerSize": "MEDIUM_HEADER", "background": "BACKGROUND_TRANSPARENT"},
        }  # fmt: skip
        for begin, pair in enumerate(_in_rows(some)):
            row = f"ROW-{place}-{begin}"
            position["GRID_ID"]["children"].append(row)
            position[row] = {"type": "ROW", "id": row, "children": [], "parents": ["ROOT_ID", "GRID_ID"],
                             "meta": {"background": "BACKGROUND_TRANSPARENT"}}  # fmt: skip
            height = max(map(_height, pair))
            for chart in pair:
                number += 1
                key = f"CHART-{chart['uuid']}"
                position[row]["children"].append(key)
                position[key] = {
                    "type": "CHART", "id": key, "children": [], "parents": ["ROOT_ID", "GRID_ID", row],
                    "meta": {"chartId": number, "uuid": chart["uuid"], "width": WIDTH // len(pair), "height": height,
                             "sliceName": chart["slice_name"]},
                }  # fmt: skip
    return {
        "dashboard_title": f"{said['product']}: {title}", "description": None, "css": "",
        "slug": f"causerie-{name.replace('_', '-')}-{said.language}", "certified_by": "Causerie",
        "certification_details": "", "published": True, "uuid": identity("dashboard", name, said.language),
        "position": position, "version": VERSION,
        "metadata": {
            "native_filter_configuration": [_brand_filter(said, name), _period_filter(said, name)],
            "cross_filters_enabled": False, "refresh_frequency": 0, "color_scheme": "supersetColors",
        },
    }  # fmt: skip


def _is_list(chart: Mapping[str, Any]) -> bool:
    return chart["params"]["viz_type"] == "table" and len(chart["params"]["adhoc_filters"]) == 1


def _in_rows(charts: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Two charts beside each other; a list, which has many columns, alone."""
    rows: list[list[dict[str, Any]]] = []
    for chart in charts:
        if rows and len(rows[-1]) == 1 and not (_is_list(chart) or _is_list(rows[-1][0])):
            rows[-1].append(chart)
        else:
            rows.append([chart])
    return rows


def _height(chart: Mapping[str, Any]) -> int:
    """In units of the grid (8 pixels): a table of cards as long as its rows, all else as high as it reads well."""
    form = chart["params"]
    if form["viz_type"] == "table" and not _is_list(chart):
        return 15 + 4 * len(form["adhoc_filters"][1]["comparator"])
    return 50


def _filter_id(said: Words, name: str, what: str) -> str:
    return f"NATIVE_FILTER-{identity('filter', name, said.language, what)}"


def _brand_filter(said: Words, name: str) -> dict[str, Any]:
    return {
        "id": _filter_id(said, name, "brand"), "name": said["brand"], "filterType": "filter_select",
        "targets": [{"column": {"name": "brand_id"}, "datasetUuid": identity("dataset", "dim_brand")}],
        "controlValues": {"enableEmptyFilter": True, "defaultToFirstItem": True, "multiSelect": False,
                          "searchAllOptions": False, "inverseSelection": False},
        "defaultDataMask": {"extraFormData": {}, "filterState": {}, "ownState": {}},
        "cascadeParentIds": [], "scope": {"rootPath": ["ROOT_ID"], "excluded": []}, "type": "NATIVE_FILTER",
        "description": "",
    }  # fmt: skip


def _period_filter(said: Words, name: str) -> dict[str, Any]:
    return {
        "id": _filter_id(said, name, "period"), "name": said["period"], "filterType": "filter_time", "targets": [{}],
        "controlValues": {"enableEmptyFilter": True},
        "defaultDataMask": {"extraFormData": {"time_range": PERIOD}, "filterState": {"value": PERIOD}, "ownState": {}},
        "cascadeParentIds": [], "scope": {"rootPath": ["ROOT_ID"], "excluded": []}, "type": "NATIVE_FILTER",
        "description": "",
    }  # fmt: skip


def write(folder: Path = BUNDLE) -> None:
    """Write the bundle, and forget what an earlier one had more. The row rule, which none imports, lies beside it."""
    shutil.rmtree(folder, ignore_errors=True)
    for path, text in render().items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    (folder.parent / "row_rule.json").write_text(json.dumps(ROW_RULE, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
