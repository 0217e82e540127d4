"""What an SQL expression of the catalogue names: columns of the rows `f`, of the question `q`, of tables of its own.

Here: finding what does not exist, without a database. Not here: which columns `f` and `q` have (validation.py), or
whether PostgreSQL can run the expression (a test explains every indicator).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import sqlglot
from sqlglot import exp

from orchestration.catalogue import facts

# The one parameter that an expression may name: a constant, where a column would be compared row by row.
PARAMETERS = ("p_brand",)
# The columns that a name of rows stands for; None where they are made within the expression.
Columns = Mapping[str, Collection[str] | None]


def faults_of(expression: str, rows: Columns, join: str | None = None) -> Iterator[str]:
    """What an expression names that does not exist, with what does. It may name the tables of `join` as well."""
    yield from _faults(_of_expression(expression), expression, rows, _joined(join) if join else {})


def faults_of_join(join: str, rows: Columns) -> Iterator[str]:
    """The same of what is joined to `f`."""
    yield from _faults(_of_join(join), join, rows, {})


def faults_of_order(order: str, rows: Columns) -> Iterator[str]:
    """The same of what lines are sorted by, as `l.total desc`."""
    yield from _faults(f"select 1 order by {order}", order, rows, {})


def _of_expression(expression: str) -> str:
    return f"select {expression}"


def _of_join(join: str) -> str:
    return f"select from rows as f {join}"


def _parsed(statement: str) -> exp.Expr:
    return sqlglot.parse_one(statement, dialect="postgres")


def marts_of(expression: str) -> set[str]:
    """The marts that an expression reads."""
    return _marts_in(_of_expression(expression))


def marts_of_join(join: str) -> set[str]:
    """The marts that are joined to `f`."""
    return _marts_in(_of_join(join))


def _marts_in(statement: str) -> set[str]:
    return {table.name for table in _parsed(statement).find_all(exp.Table) if table.db == "marts"}


def _joined(join: str) -> Columns:
    try:
        return _named_tables(_parsed(_of_join(join)))
    except sqlglot.ParseError:
        return {}


def _named_tables(statement: exp.Expr) -> dict[str, Collection[str] | None]:
    found: dict[str, Collection[str] | None] = {}
    for table in statement.find_all(exp.Table, exp.Subquery, exp.Lateral, exp.Unnest):
        if table.alias and table.alias != "f":
            is_mart = isinstance(table, exp.Table) and table.db == "marts" and table.name in facts.marts()
            found[table.alias] = facts.columns_of(table.name) if is_mart else None
    return found


def _faults(statement: str, text: str, rows: Columns, joined: Columns) -> Iterator[str]:
    try:
        parsed = _parsed(statement)
    except sqlglot.ParseError as error:
        yield f"'{text}' is no SQL: {error.errors[0]['description'] if error.errors else error}"
        return
    for table in parsed.find_all(exp.Table):
        if table.db and (table.db != "marts" or table.name not in facts.marts()):
            yield f"'{table.db}.{table.name}' is no mart; allowed: {', '.join(f'marts.{m}' for m in facts.marts())}"
    known = {**rows, **joined, **_named_tables(parsed)}
    for column in parsed.find_all(exp.Column):
        fault = _fault_of_column(column, known)
        if fault:
            yield fault


def _fault_of_column(column: exp.Column, known: Columns) -> str | None:
    name, of = column.name, column.table
    if not of:
        if name in PARAMETERS:
            return None
        homes = [f"{row}.{name}" for row, columns in known.items() if columns and name in columns]
        return f"'{name}' stands alone: " + (f"write {' or '.join(homes)}" if homes else "a column is written f.column")
    if of not in known:
        return f"'{of}.{name}' is of nothing that is read; allowed: {', '.join(f'{row}.' for row in known)}"
    columns = known[of]
    if columns is not None and name not in columns:
        return f"'{of}.{name}' does not exist; allowed: {', '.join(columns)}"
    return None
