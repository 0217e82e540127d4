"""What a brand's arrival or change means for rows of other datasets: they stop waiting, and currencies are judged anew.

Not here: the loading itself (load.py). That state follows from the set of extracts alone, whatever their order,
is the law that this file upholds.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from orchestration.sources.contract import DATASETS, Column, Dataset
from orchestration.sources.loading.bulk_copy import LINE_BITS
from orchestration.sources.loading.raw_tables import names, stored_columns, table
from orchestration.sources.loading.row_rules import FOREIGN_RULE
from orchestration.sources.loading.versions import equal, tell_apart

# The version of each brand that is valid now, by the newest-wins rule.
CURRENCIES = sql.SQL(
    "(select distinct on (brand_id) brand_id, currency from raw.brands"
    " order by brand_id, updated_at desc, extract_day desc, content_hash desc)"
)


def take_up(connection: psycopg.Connection[Any], load_id: int) -> None:
    """After a load of brands: count waiting rows as loaded where the brand is known now (and the other way round),
    and judge the currency of the changed brands' orders again."""
    connection.execute(
        """
        update raw.load_count c
           set rows_loaded = case when now.is_known then c.rows_loaded + c.waiting else 0 end,
               waiting = case when now.is_known then 0 else c.rows_loaded + c.waiting end
          from (
                select l.load_id, l.brand_id,
                       exists (select from raw.brands b where b.brand_id = l.brand_id) as is_known
                  from raw.load_count l join raw.extract e using (load_id)
                 where e.dataset <> 'brands') now
         where now.load_id = c.load_id and now.brand_id = c.brand_id
           and case when now.is_known then c.waiting else c.rows_loaded end > 0
        """
    )
    for dataset in DATASETS.values():
        if dataset.currency_column:
            moved_out = _rejudge(connection, dataset, load_id)
            moved_in = _restore(connection, dataset, load_id)
            if days := {row["extract_day"] for row in (*moved_out, *moved_in)}:
                moved = sql.SQL("(select * from {} where extract_day = any ({}))")
                tell_apart(connection, dataset, moved.format(table(dataset), sql.Literal(sorted(days))))
            correct_counts(connection, dataset, moved_out, rejected=True)
            correct_counts(connection, dataset, moved_in, rejected=False)


def quarantine_foreign_currency(
    connection: psycopg.Connection[Any], dataset: Dataset, rows: sql.Composable, only: sql.Composable | None = None
) -> psycopg.Cursor[Any]:
    """Move rows whose currency is not their brand's out of a table of typed rows, into the quarantine.

    A row whose brand is unknown stays. Returns the moved rows' extract_day and touched ids.
    """
    currency = dataset.by_name[dataset.currency_column or ""]
    broken = sql.SQL("exists (select from {} b where b.brand_id = o.brand_id and o.{} <> b.currency) and {}").format(
        CURRENCIES, sql.Identifier(currency.name), only or sql.SQL("true")
    )
    return quarantine_rows(connection, dataset, rows, broken, FOREIGN_RULE, currency)


def quarantine_rows(
    connection: psycopg.Connection[Any],
    dataset: Dataset,
    rows: sql.Composable,
    broken: sql.Composable,
    rule: str,
    column: Column,
) -> psycopg.Cursor[Any]:
    """Move the rows `o` that break a rule out of a table of typed rows, into the quarantine.

    The line is 0 where raw does not know it: of datasets without a place. Returns the moved rows' load_id, extract_day
    and touched ids.
    """
    touched = tuple(dict.fromkeys(("brand_id", "extract_day", "load_id", *dataset.touches.values())))
    place: sql.Composable = sql.SQL("0")
    file: sql.Composable = sql.SQL("(select string_agg(f ->> 'name', ', ') from jsonb_array_elements(wrote.files) f)")
    if "place" in stored_columns(dataset):
        place = sql.SQL("m.place")
        file = sql.SQL("wrote.files -> (m.place >> {})::integer ->> 'name'").format(sql.Literal(LINE_BITS))
    return connection.execute(
        sql.SQL(
            """
            with moved as (
                delete from {rows} o where {broken} returning o.*
            ), written as (
                insert into raw.quarantine (load_id, dataset, extract_day, brand_id, file, line, place, rule,
                                            column_name, value, "row", digest)
                select stands.load_id, {dataset}, m.extract_day, m.brand_id, coalesce({file}, ''), {place} & {mask},
                       {place}, {rule}, {column_name}, m.{column}::text, contents.row,
                       encode(sha256(convert_to(contents.row::text, 'UTF8')), 'hex')
                  from moved m
                  join raw.load wrote using (load_id)
                  join lateral (
                      -- The load under way is not yet the one that stands.
                      select max(load_id) as load_id from raw.load l
                       where l.dataset = {dataset} and l.extract_day = m.extract_day and l.outcome <> 'refused'
                  ) stands on true,
                  lateral (select to_jsonb(m) - {ours}::text[] as row) contents
            )
            select {touched} from moved
            """
        ).format(
            rows=rows,
            broken=broken,
            dataset=sql.Literal(dataset.name),
            file=file,
            place=place,
            mask=sql.Literal(2**LINE_BITS - 1),
            rule=sql.Literal(rule),
            column=sql.Identifier(column.name),
            column_name=sql.Literal(column.name),
            ours=sql.Literal([name for name in stored_columns(dataset) if name not in dataset.by_name]),
            touched=names(touched),
        )
    )


def _changed_brands(load_id: int) -> sql.Composed:
    return sql.SQL("(select entity_id from raw.touched where load_id = {} and entity = 'brand')").format(
        sql.Literal(load_id)
    )


def _rejudge(connection: psycopg.Connection[Any], dataset: Dataset, load_id: int) -> list[dict[str, Any]]:
    only = sql.SQL("o.brand_id in {}").format(_changed_brands(load_id))
    moved = quarantine_foreign_currency(connection, dataset, table(dataset), only)
    return note_touched(connection, dataset, load_id, moved)


def _restore(connection: psycopg.Connection[Any], dataset: Dataset, load_id: int) -> list[dict[str, Any]]:
    """Quarantined rows whose currency is right after all, or whose brand is not known any more, back into raw."""
    typed = [
        sql.SQL("(q.row ->> {})::{}").format(sql.Literal(column.name), sql.SQL(column.sql_type))
        for column in dataset.columns
    ]
    touched = tuple(dict.fromkeys(("brand_id", "extract_day", *dataset.touches.values())))
    moved = connection.execute(
        sql.SQL(
            """
            with freed as (
                delete from raw.quarantine q
                 where q.dataset = {dataset} and q.rule = {rule} and q.brand_id in {changed}
                   and not exists (select from {currencies} b
                                    where b.brand_id = q.brand_id and b.currency <> q.row ->> {currency})
                returning q.*
            ), typed as (
                select {typed}, q.extract_day, null::bytea as content_hash, q.load_id, q.place from freed q
            )
            insert into {raw} ({columns}) select {columns} from typed t
             where not exists (select from {raw} r where r.extract_day = t.extract_day and {equal})
            returning {touched}
            """
        ).format(
            dataset=sql.Literal(dataset.name),
            rule=sql.Literal(FOREIGN_RULE),
            changed=_changed_brands(load_id),
            currencies=CURRENCIES,
            currency=sql.Literal(dataset.currency_column),
            typed=sql.SQL(", ").join(
                sql.SQL("{} as {}").format(value, sql.Identifier(column.name))
                for column, value in zip(dataset.columns, typed, strict=True)
            ),
            raw=table(dataset),
            columns=names(stored_columns(dataset)),
            equal=equal(dataset, "r", "t"),
            touched=names(touched),
        )
    )
    return note_touched(connection, dataset, load_id, moved)


def note_touched(
    connection: psycopg.Connection[Any], dataset: Dataset, load_id: int | None, moved: psycopg.Cursor[Any]
) -> list[dict[str, Any]]:
    """The moved rows as dicts, their entities put on the touched list as corrected: by a load, or each by its own."""
    fields = [column.name for column in moved.description or ()]
    rows = [dict(zip(fields, row, strict=True)) for row in moved.fetchall()]
    touched = {
        (row["brand_id"], entity, row[column], row["load_id"] if load_id is None else load_id)
        for row in rows
        for entity, column in dataset.touches.items()
        if row[column] is not None
    }
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into raw.touched (brand_id, entity, entity_id, load_id, is_correction)"
            " values (%s, %s, %s, %s, true)",
            sorted(touched),
        )
    return rows


def correct_counts(
    connection: psycopg.Connection[Any], dataset: Dataset, moved: list[dict[str, Any]], rejected: bool
) -> None:
    """Carry moved rows from one fate to the other in the ledger of the loads that stand."""
    for day, brand in sorted({(row["extract_day"], row["brand_id"]) for row in moved}):
        number = sum(row["extract_day"] == day and row["brand_id"] == brand for row in moved)
        if rejected:
            # A moved row had been counted as loaded or, where others had its key, as beaten by them; or it waited.
            change = """
                rejected = rejected + least(%(n)s, rows_loaded + superseded + duplicates + waiting),
                rows_loaded = greatest(rows_loaded - %(n)s, 0),
                superseded = greatest(superseded - greatest(%(n)s - rows_loaded, 0), 0),
                duplicates = greatest(duplicates - greatest(%(n)s - rows_loaded - superseded, 0), 0),
                waiting = greatest(waiting - greatest(%(n)s - rows_loaded - superseded - duplicates, 0), 0)"""
        else:
            change = """
                rejected = rejected - least(%(n)s, rejected),
                rows_loaded = rows_loaded + case when known then least(%(n)s, rejected) else 0 end,
                waiting = waiting + case when known then 0 else least(%(n)s, rejected) end"""
        connection.execute(
            f"update raw.load_count c set {change}"
            " from raw.extract e, (select exists (select from raw.brands where brand_id = %(brand)s) as known) k"
            " where e.dataset = %(dataset)s and e.extract_day = %(day)s and e.load_id = c.load_id"
            " and c.brand_id = %(brand)s",
            {"n": number, "brand": brand, "dataset": dataset.name, "day": day},
        )
