"""What the rows of a load look like, by brand and column: the profile that the entrance's expectations judge.

Not here: rows by fate (ledger_entry.py) or any expectation (expectations/feeds.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from psycopg import sql

from orchestration.sources.contract import WORD_SEPARATOR, Column, Dataset
from orchestration.sources.loading.ledger_entry import Load


def combine(load: Load, verdict: sql.Composable) -> sql.Identifier:
    """The one scan of the rows: a table of the combinations of their few values, by load and brand, with the number of
    rows of each (`times`), what their other columns hold, and of how many of them a verdict says something
    (`faults`)."""
    return load.keep(
        "combined",
        "select {closed}, count(*) as times, count({verdict}) as faults{totals}"
        " from (select *, null as problem from {fresh}) s group by {closed}",
        closed=_closed(load.dataset),
        verdict=verdict,
        totals=sql.SQL("").join(_totals(column) for column in load.dataset.columns),
    )


def _closed(dataset: Dataset) -> sql.Composed:
    closed = (column.name for column in dataset.columns if _is_closed(column))
    return sql.SQL(", ").join(map(sql.Identifier, ("load_id", "brand_id", *closed)))


def write_profile(
    load: Load, combined: sql.Identifier, keys_are_unique: bool, known: Mapping[str, sql.Composable]
) -> None:
    """Of each extract one row per brand and column, from the good rows as `combine` found them; and one per brand for
    the rows as they were read.

    `keys_are_unique` spares counting the distinct values of a key that is known to have none twice; `known` are tables
    that hold each brand's distinct values of a column.
    """
    described = _describe(load, combined, keys_are_unique, known)
    load.execute(
        """
        with faults as (
            select load_id, brand_id, coalesce(column_name, '') as column_name, rule, count(*) as times
              from raw.quarantine
             where load_id between {first} and {last} and dataset = %s group by 1, 2, 3, 4
        ), counted as (
            select l.load_id, l.dataset, l.extract_day, c.brand_id, c.rows_read
              from raw.load l left join raw.load_count c using (load_id)
             where l.load_id between {first} and {last} and l.dataset = %s
        )
        insert into raw.profile (load_id, dataset, extract_day, brand_id, column_name, row_count, null_count,
                                 distinct_count, min_value, max_value, value_counts, rejected)
        select c.load_id, c.dataset, c.extract_day, c.brand_id, name, coalesce(d.row_count, 0),
               coalesce(d.null_count, 0), d.distinct_count, d.min_value, d.max_value, d.value_counts,
               coalesce((select jsonb_object_agg(rule, times) from faults f
                          where f.load_id = c.load_id and f.brand_id = c.brand_id and f.column_name = name), '{{}}')
          from counted c cross join unnest(%s::text[]) as name
               left join {described} d
                 on d.load_id = c.load_id and d.brand_id = c.brand_id and d.column_name = name
         where c.brand_id <> ''
        union all
        select c.load_id, c.dataset, c.extract_day, coalesce(c.brand_id, ''), '', coalesce(c.rows_read, 0), 0, null,
               null, null, null,
               coalesce((select jsonb_object_agg(rule, times)
                           from (select rule, sum(times) as times from faults f
                                  where f.load_id = c.load_id and f.brand_id = c.brand_id group by rule) r), '{{}}')
          from counted c
        """,
        load.dataset.name,
        load.dataset.name,
        list(load.dataset.column_names),
        described=described,
    )


def _describe(
    load: Load, combined: sql.Identifier, keys_are_unique: bool, known: Mapping[str, sql.Composable]
) -> sql.Identifier:
    """A table of the good rows' figures. Not part of the insert, which would forbid parallel scans."""
    columns = load.dataset.columns
    closed = [column for column in columns if _is_closed(column)]
    counted = [column for column in columns if _is_counted(column, load.dataset, keys_are_unique)]
    return load.keep(
        "described",
        """
        with whole as (
            select load_id, brand_id, sum(times)::bigint as rows_here{sums} from {combined} group by load_id, brand_id
        ), told as (
            select whole.load_id, whole.brand_id, told.* from whole, lateral (values {told}) as told
                   (column_name, row_count, null_count, distinct_count, min_value, max_value)
        ), distincts (load_id, brand_id, column_name, distinct_count) as (
            {distincts}
        ), counted (load_id, brand_id, column_name, value_counts, value_rows, distinct_count, min_value, max_value) as (
            {counted}
        )
        select load_id, brand_id, column_name, row_count,
               row_count - coalesce(value_rows, row_count - null_count) as null_count,
               coalesce(t.distinct_count, d.distinct_count, c.distinct_count) as distinct_count,
               coalesce(t.min_value, c.min_value) as min_value, coalesce(t.max_value, c.max_value) as max_value,
               value_counts
          from told t
               left join distincts d using (load_id, brand_id, column_name)
               left join counted c using (load_id, brand_id, column_name)
        """,
        combined=combined,
        sums=sql.SQL("").join(_sums(column) for column in columns),
        told=sql.SQL(", ").join(_told(column, load.dataset, keys_are_unique) for column in columns),
        distincts=_union(
            counted,
            "select null::bigint, null::text, null::text, null::bigint where false",
            lambda name: sql.SQL("select load_id, brand_id, {}, count(*) from {} x group by 1, 2").format(
                sql.Literal(name),
                known.get(name)
                or sql.SQL(
                    "(select load_id, brand_id, {name} from {fresh} where {name} is not null group by 1, 2, 3)"
                ).format(name=sql.Identifier(name), fresh=sql.Identifier("raw", f"fresh_{load.dataset.name}")),
            ),
        ),
        counted=_union(
            closed,
            "select null::bigint, null::text, null::text, null::jsonb, null::bigint, null::bigint, null::text,"
            " null::text where false",
            lambda name: sql.SQL(
                "select load_id, brand_id, {literal}, jsonb_object_agg(value, times), sum(first_times), count(*),"
                " min(value), max(value)"
                " from (select load_id, brand_id, value, sum(times) as times,"
                " sum(times) filter (where place = 1) as first_times"
                " from {combined} cross join lateral {values} as word (value, place)"
                " where {name} is not null group by 1, 2, 3) x group by 1, 2"
            ).format(
                literal=sql.Literal(name),
                name=sql.Identifier(name),
                combined=combined,
                values=_words(load.dataset.by_name[name]),
            ),
        ),
    )


def _union(columns: list[Column], nothing: str, each: Callable[[str], sql.Composed]) -> sql.Composed:
    parts: list[sql.Composable] = [each(column.name) for column in columns]
    return sql.SQL(" union all ").join(parts or [sql.SQL(nothing)])


def _words(column: Column) -> sql.Composed:
    """The words of one value with their places: several only of a column of words."""
    if column.type == "words":
        return sql.SQL("unnest(string_to_array({}, {})) with ordinality").format(
            sql.Identifier(column.name), sql.Literal(WORD_SEPARATOR)
        )
    return sql.SQL("(values ({}::text, 1))").format(sql.Identifier(column.name))


def _is_closed(column: Column) -> bool:
    """Few values, so that the rows of each can be shown."""
    return bool(column.values) or column.type == "boolean"


def _is_key(column: Column, dataset: Dataset) -> bool:
    return dataset.key == ("brand_id", column.name)


def _is_counted(column: Column, dataset: Dataset, keys_are_unique: bool) -> bool:
    """Must its distinct values be counted? They tell nothing of instants, amounts and free text."""
    if column.name == "brand_id" or _is_closed(column) or (keys_are_unique and _is_key(column, dataset)):
        return False
    return column.type in ("id", "integer", "zone", "currency")


def _is_bounded(column: Column) -> bool:
    """Have its least and greatest value a meaning? People's names and words stay out of the profile."""
    return column.name != "brand_id" and not _is_closed(column) and column.type not in ("text", "words", "hours")


def _aggregates(column: Column) -> list[str]:
    """What the one scan of the rows finds out of a column; of one with few values, their combinations tell it all."""
    if _is_closed(column):
        return []
    return ["count"] * (not column.required) + ["min", "max"] * _is_bounded(column)


def _totals(column: Column) -> sql.Composed:
    """The aggregates of a column, by combination of the few values of others."""
    return sql.SQL("").join(
        sql.SQL(", {}({}) as {}").format(
            sql.SQL(which), sql.Identifier(column.name), sql.Identifier(f"{which}:{column.name}")
        )
        for which in _aggregates(column)
    )


def _sums(column: Column) -> sql.Composed:
    """The aggregates of a column over all combinations."""
    return sql.SQL("").join(
        sql.SQL(", {} as {}").format(
            sql.SQL("sum({0})::bigint" if which == "count" else f"{which}({{0}})::text").format(total), total
        )
        for which in _aggregates(column)
        for total in [sql.Identifier(f"{which}:{column.name}")]
    )


def _told(column: Column, dataset: Dataset, keys_are_unique: bool) -> sql.Composed:
    nulls: sql.Composable = sql.SQL("0::bigint")
    if not column.required and not _is_closed(column):
        nulls = sql.SQL("rows_here - {}").format(sql.Identifier(f"count:{column.name}"))
    distinct: sql.Composable = sql.SQL("null::bigint")
    bounds: list[sql.Composable] = [sql.SQL("null::text"), sql.SQL("null::text")]
    if column.name == "brand_id":
        distinct, bounds = sql.SQL("1::bigint"), [sql.Identifier("brand_id")] * 2
    elif keys_are_unique and _is_key(column, dataset):
        distinct = sql.Identifier("rows_here")
    if _is_bounded(column):
        bounds = [sql.Identifier(f"{which}:{column.name}") for which in ("min", "max")]
    return sql.SQL("({}, rows_here, {}, {}, {}, {})").format(sql.Literal(column.name), nulls, distinct, *bounds)
