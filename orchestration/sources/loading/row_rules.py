"""What makes a row bad, as SQL made from the contract: the closed list of rules, each written once.

Not here: the contract (contract.py), or what is done with a bad row (load.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from psycopg import sql

from orchestration.sentences import Sentence
from orchestration.sources.contract import WORD_SEPARATOR, Column, Dataset
from orchestration.sources.loading.bulk_copy import FORMS, is_typed

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
# A sum of money beyond this is no money; numeric itself would take 400 digits.
MONEY_LIMIT = 10**18

# The rules, by the name under which a row waits in quarantine.
RULES = (
    "line", "nul", "encoding", "required", "decimal_comma", "type", "length", "offset", "values", "range", "negative",
    "plain_email", "too_early", "too_late", "order", "brand_currency",
)  # fmt: skip
# What programs write for a value that is not there. As identifiers they are legal, and make one visitor of many.
NOTHING_WORDS = ("null", "none", "nan", "nil", "undefined", "<na>", "#n/a", "(null)", "nat")
# What an identifier should have none of around it.
BLANKS = " \t\r\n"
# The only rule about another dataset: its outcome changes when brands do, so it never counts towards a refusal.
FOREIGN_RULE = "brand_currency"
# The only rule that a later version of the contract brought for columns that stood (upgrade.py).
NEGATIVE_RULE = "negative"


def cast(column: Column, express: bool, alias: str = "s") -> sql.Composed:
    """A staged column in its own type. Only safe for rows that kept to the column's form."""
    name = sql.Identifier(alias, column.name)
    if is_typed(column, express) or column.sql_type == "text":
        return sql.SQL("{}").format(name)
    if column.type == "instant":
        # Cut after the microsecond, where PostgreSQL would round up: the next one may be another day.
        return sql.SQL("regexp_replace({}, '([.][0-9]{{6}})[0-9]+', '\\1')::timestamptz").format(name)
    return sql.SQL("{}::{}").format(name, sql.SQL(column.sql_type))


def verdict(dataset: Dataset, express: bool) -> sql.Composed:
    """The first rule that a row `s` with its extract_day breaks as 'rule:column', or null.

    CASE stops at the first hit, which makes the casts of later branches safe: the forms come first.
    """
    branches = [sql.SQL("when s.problem is not null then s.problem")]
    for rule, column, broken in (*_forms(dataset, express), *_meanings(dataset, express)):
        branches.append(
            sql.SQL("when {} then {}").format(broken, sql.Literal(f"{rule}:{column.name}"))  # type: ignore[arg-type]
        )
    return sql.SQL("case {} end").format(sql.SQL("\n").join(branches))


def is_negative(value: sql.Composable) -> sql.Composed:
    """That an amount is below 0."""
    return sql.SQL("{} < 0").format(value)


def rule_sentence(rule: str) -> str:
    """What a row does that breaks a rule; of a rule that an earlier version had, its name."""
    return Sentence(f"rule_{rule}") if rule in RULES else rule


def unusual(dataset: Dataset, express: bool, identifiers: bool = True) -> dict[Sentence, sql.Composed]:
    """Conditions, by name, on good rows that are taken all the same, but reported; without those on `identifiers` where
    they are known to be as usual."""
    found = {
        Sentence("odd_order", later=order.later, earlier=order.earlier): _disordered(
            dataset, order.earlier, order.later, express
        )
        for order in dataset.time_orders
        if order.warn
    }
    for column in dataset.columns:
        if column.type == "id" and identifiers:
            name = sql.Identifier("s", column.name)
            longest = max(map(len, NOTHING_WORDS))
            # Lengths first: most identifiers are longer than any of these words.
            found[Sentence("odd_word", column=column.name)] = sql.SQL(
                "octet_length({0}) <= {1} and lower({0}) = any ({2})"
            ).format(name, sql.Literal(longest), sql.Literal(list(NOTHING_WORDS)))
            found[Sentence("odd_blanks", column=column.name)] = sql.SQL("{0} <> btrim({0}, {1})").format(
                name, sql.Literal(BLANKS)
            )
    return found


Broken = tuple[str, Column, sql.Composed]


def _forms(dataset: Dataset, express: bool) -> Iterator[Broken]:
    """What is wrong with the text of a value, whatever it may mean."""
    for column in dataset.columns:
        name = sql.Identifier("s", column.name)
        if column.required:
            yield "required", column, sql.SQL("{} is null").format(name)
        if column.required_unless:
            other, value = column.required_unless
            yield (
                "required",
                column,
                sql.SQL("{} is null and {} is distinct from {}").format(
                    name, sql.Identifier("s", other), sql.Literal(value)
                ),
            )
        if column.values:
            yield "values", column, _is_none_of(column, name)
        if column.hashed:
            yield "plain_email", column, sql.SQL("position('@' in {}) > 0").format(name)
        if is_typed(column, express):
            continue
        form = sql.Literal(FORMS.get(column.type, ""))
        match column.type:
            case "id":
                # Bytes are at hand, characters must be counted: 128 bytes are never more characters.
                yield (
                    "length",
                    column,
                    sql.SQL("octet_length({0}) not between 1 and 128 and length({0}) not between 1 and 128").format(
                        name
                    ),
                )
            case "instant":
                # The same time with Z after it would do: then all that it lacks is the offset.
                yield "offset", column, sql.SQL("not {0} ~ {1} and {0} || 'Z' ~ {1}").format(name, form)
                yield "type", column, _unreadable(name, form, "timestamptz")
            case "integer" | "bigint":
                yield "type", column, _unreadable(name, form, column.type)
            case "money":
                yield "decimal_comma", column, sql.SQL("{} ~ '^[+-]?[0-9]+,[0-9]+$'").format(name)
                yield "type", column, _unreadable(name, form, "numeric")
            case "boolean":
                yield "type", column, sql.SQL("not {} ~ {}").format(name, form)
            case "hours":
                yield (
                    "type",
                    column,
                    sql.SQL(
                        "case when pg_input_is_valid({0}, 'jsonb') then not raw.is_working_hours({0}::jsonb)"
                        " else {0} is not null end"
                    ).format(name),
                )
            case "zone":
                yield "type", column, sql.SQL("{} not in (select name from pg_timezone_names)").format(name)
            case "currency":
                yield "type", column, sql.SQL("not {} ~ '^[A-Z]{{3}}$'").format(name)


def _is_none_of(column: Column, name: sql.Identifier) -> sql.Composed:
    """That a value is outside its enumeration; of several words one is enough."""
    known = sql.Literal(list(column.values))
    outside = sql.SQL("not {} = any ({})").format(name, known)
    if column.type == "words":
        words = sql.SQL("string_to_array({}, {})").format(name, sql.Literal(WORD_SEPARATOR))
        return sql.SQL("{} and not {} <@ {}::text[]").format(outside, words, known)
    return outside


def _unreadable(name: sql.Identifier, form: sql.Literal, kind: str) -> sql.Composed:
    return sql.SQL("not ({0} ~ {1} and pg_input_is_valid({0}, {2}))").format(name, form, sql.Literal(kind))


def _meanings(dataset: Dataset, express: bool) -> Iterator[Broken]:
    """What is wrong with values that can all be read."""
    for column in dataset.columns:
        value = cast(column, express)
        least, most = column.least, column.most
        if column.type == "money":
            least, most = None, MONEY_LIMIT - 1
            if column.least == 0:
                yield NEGATIVE_RULE, column, is_negative(value)
        if least is not None:
            yield "range", column, sql.SQL("{} < {}").format(value, sql.Literal(least))
        if column.above is not None:
            yield "range", column, sql.SQL("{} <= {}").format(value, sql.Literal(column.above))
        if most is not None:
            yield "range", column, sql.SQL("{} > {}").format(value, sql.Literal(most))
    latest = sql.SQL("(s.extract_day + 2)::timestamp at time zone 'UTC'")
    for name in dataset.judged_times:
        column = dataset.by_name[name]
        value = cast(column, express)
        yield "too_early", column, sql.SQL("{} < {}").format(value, sql.Literal(EARLIEST))
        yield "too_late", column, sql.SQL("{} > {}").format(value, latest)
    for order in dataset.time_orders:
        if not order.warn:
            broken = _disordered(dataset, order.earlier, order.later, express)
            yield "order", dataset.by_name[order.later], broken


def _disordered(dataset: Dataset, earlier: str, later: str, express: bool) -> sql.Composed:
    first, second = (cast(dataset.by_name[name], express) for name in (earlier, later))
    return sql.SQL("{} < {}").format(second, first)
