"""The rows of a load beside those that other extracts had brought of the same keys: what each says anew, what became of
it, and which entities are touched.

Not here: which of two versions is the newer one (versions.py), or what tells a correction (change_kind.py).
"""

from __future__ import annotations

from typing import Protocol

from psycopg import sql

from orchestration.sources.loading import change_kind, ledger_entry
from orchestration.sources.loading.raw_tables import names, same, table
from orchestration.sources.loading.versions import equal, newer


class Load(ledger_entry.Load, Protocol):
    """`several`: has some key several rows in its extract? `stood`: is it of an extract that was loaded before, and
    then of that alone? `replaces`: do its rows take the place of others, rather than add to them?"""

    several: bool
    stood: bool

    @property
    def replaces(self) -> bool: ...


def _was_there(load: Load, row: str, mine: str) -> sql.Composed:
    """That a row of raw is of another extract, and was there before: of several extracts that are loaded together each
    meets those before it, as if it were loaded by itself."""
    before = "true" if len(load.taken) == 1 else "{row}.load_id < {mine}.load_id"
    return sql.SQL("{row}.extract_day <> {mine}.extract_day and " + before).format(
        row=sql.Identifier(row), mine=sql.Identifier(mine)
    )


def _load_id(load: Load, alias: str) -> sql.Composable:
    """The load of a changed row; a row that went has the number of the load that brought it."""
    return sql.Literal(load.taken[0].load_id) if load.stood else sql.Identifier(alias, "load_id")


def find(load: Load, changed: sql.Composable) -> sql.Identifier | None:
    """The table of the keys and days of changed rows that other extracts have too; None where there are none."""
    rivals = load.keep(
        "rivals",
        "select distinct {key}, c.extract_day from {changed} c"
        " where exists (select from {raw} r where {same_key} and {was_there})",
        key=names(load.dataset.key, "c"),
        changed=changed,
        same_key=same(load.dataset.key, "r", "c"),
        was_there=_was_there(load, "r", "c"),
    )
    return rivals if load.execute("select exists (select from {rivals})", rivals=rivals).fetchone() == (True,) else None


def hold_against(load: Load, changed: sql.Composable, rivals: sql.Identifier | None) -> sql.Identifier:
    """Each changed row beside the version of another extract that stood before it; returns the table of them."""
    dataset = load.dataset
    columns = tuple(dict.fromkeys((*dataset.key, "extract_day", *dataset.touches.values())))
    touched = tuple(dict.fromkeys(dataset.touches.values()))
    order = (*dataset.version_order, "content_hash")
    met = sql.SQL("false").format()
    if rivals:
        met = sql.SQL("({}) in (select {} from {})").format(
            names((*dataset.key, "extract_day"), "c"), names((*dataset.key, "extract_day")), rivals
        )
    return load.keep(
        "said",
        """
        select {columns}, {load_id} as load_id, {was}, v.load_id is not null as has_rival,
               case when v.load_id is null then {since_unknown}
                    when {is_equal} or {is_beaten} then 'infinity'
                    when {is_gone} then {since_unknown}
                    else {since} end as since,
               case when {is_gone} then true
                    when v.load_id is null then {replaces}
                    else {is_correction} end as is_correction
          from (select *, {met} as is_met from {changed} c) c left join lateral (
                select * from {raw} r where c.is_met and {same_key} and {was_there}
                 order by {newest} limit 1) v on true
        """,
        columns=names(columns, "c"),
        load_id=_load_id(load, "c"),
        was=sql.SQL(", ").join(
            sql.SQL("{} as {}").format(sql.Identifier("v", name), sql.Identifier(f"was_{name}")) for name in touched
        ),
        since_unknown=change_kind.since_unknown(dataset, "c"),
        since=change_kind.since(dataset, "c", "v"),
        is_correction=change_kind.is_correction(dataset, "c", "v"),
        is_equal=equal(dataset, "v", "c"),
        is_beaten=newer(dataset, "v", "c"),
        is_gone=sql.SQL("c.is_gone" if load.stood else "false"),
        replaces=sql.Literal(load.replaces),
        met=met,
        changed=changed,
        same_key=same(dataset.key, "r", "c"),
        was_there=_was_there(load, "r", "c"),
        newest=sql.SQL(", ").join(sql.SQL("{} desc nulls last").format(sql.Identifier("r", name)) for name in order),
    )


def touch(
    load: Load, entity: str, column: str, changed: sql.Composable, said: sql.Identifier | None, are_met: bool
) -> sql.Identifier:
    """Note the entities of changed rows, and those where other extracts have the same row: since when the load says
    something new of them, and whether it corrects. Returns the table of their ids, by load and brand."""
    if said is None:
        rows: sql.Composable = sql.SQL("select load_id, brand_id, {}, {}, false from {} as c").format(
            sql.Identifier(column), change_kind.since_unknown(load.dataset, "c"), changed
        )
    else:
        rows = sql.SQL("select load_id, brand_id, {}, since, is_correction and since < 'infinity' from {}").format(
            sql.Identifier(column), said
        )
    if said is not None and are_met and column not in load.dataset.key:
        # Where the row was by the version that it replaces, and wherever else another version has it.
        rows = sql.SQL(
            "{rows} union all select load_id, brand_id, {was}, since, since < 'infinity' from {said}"
            " where has_rival and {was} is distinct from {column}"
            " union all select c.load_id, r.brand_id, r.{column}, 'infinity', false from {said} as c cross join lateral"
            "  (select * from {raw} r where {same_key} and {was_there} offset 0) r where c.has_rival"
        ).format(
            rows=rows,
            was=sql.Identifier(f"was_{column}"),
            column=sql.Identifier(column),
            said=said,
            raw=table(load.dataset),
            same_key=same(load.dataset.key, "r", "c"),
            was_there=_was_there(load, "r", "c"),
        )
    # Two statements, since an insert would keep parallel workers from the first.
    ids = load.keep(
        f"touched_{entity}",
        "select load_id, brand_id, entity_id, min(since) as since, bool_or(is_correction) as is_correction"
        " from ({rows}) as touched (load_id, brand_id, entity_id, since, is_correction)"
        " where entity_id is not null group by 1, 2, 3",
        rows=rows,
    )
    load.execute(
        "insert into raw.touched (brand_id, entity, entity_id, load_id, since, is_correction)"
        " select brand_id, %s, entity_id, load_id, since, is_correction from {ids}",
        entity,
        ids=ids,
    )
    return ids


def beaten(load: Load, rivals: sql.Identifier | None) -> sql.Composable:
    """By load and brand, of the fresh rows those that others had brought (`copies`), and those that lose to another
    version (`older`)."""
    key = (*load.dataset.key, "extract_day")
    tables = [*([rivals] if rivals else []), *([sql.Identifier("several")] if load.several else [])]
    if not tables:
        return sql.SQL(
            "select null::bigint as load_id, null::text as brand_id, null::bigint as copies, null::bigint as older"
            " where false"
        )
    # Aggregated for each row, and so a lookup by index for each. A plain join, with statistics that lag behind in a
    # backfill, would read the whole table for each day's few rows.
    return sql.SQL(
        """
        select f.load_id, f.brand_id, count(*) filter (where is_copy) as copies,
               count(*) filter (where is_older and not is_copy) as older
          from {fresh} f join ({contended}) m on {same_row} cross join lateral (
                select coalesce(bool_or({equal}), false) as is_copy, bool_or({newer}) as is_older
                  from {raw} v
                 where {same_key} and (({was_there}) or (v.extract_day = f.extract_day and not ({equal})))) fate
         group by 1, 2
        """
    ).format(
        contended=sql.SQL(" union ").join(sql.SQL("select {} from {}").format(names(key), one) for one in tables),
        same_row=same(key, "f", "m"),
        equal=equal(load.dataset, "v", "f"),
        newer=newer(load.dataset, "v", "f"),
        same_key=same(load.dataset.key, "f", "v"),
        was_there=_was_there(load, "v", "f"),
        fresh=sql.Identifier("raw", f"fresh_{load.dataset.name}"),
        raw=table(load.dataset),
    )
