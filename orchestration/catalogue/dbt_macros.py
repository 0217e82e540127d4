"""What dbt has to know of the catalogue, written as macros: the facts that indicators read, and what dates them.

dbt cannot read the catalogue, and sees nothing of what the reports read. So models call these macros, and an indicator
that the catalogue alone defines is told to dbt. Run `python -m orchestration.catalogue.dbt_macros` after a change of
the catalogue; a test holds the file equal. Not here: what the models make of an instant (macros/dated_rows.sql).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import starmap

from orchestration.catalogue import expressions, facts
from orchestration.catalogue.catalogue import load
from orchestration.catalogue.model import Catalogue, Indicator, Measure, Relation
from orchestration.settings import PROJECT
from orchestration.sources.contract import DATASETS

MACROS = PROJECT / "dbt_project" / "macros" / "of_the_catalogue.sql"
# What every report reads beside the facts: the brand's clock, and since when its feeds tell of it.
READ_BY_ALL = ("dim_brand", "dim_feed")
# Whose versions any fact may ask for a role.
MEMBERS = "dim_member"
# By the key of its rows, the instant of each dataset that an extract's day bounds: no row lies years before all others.
EVENT_TIMES = {dataset.key[1:]: dataset.event_time for dataset in DATASETS.values() if dataset.event_time}
WRITTEN = "Written from kpi_catalogue.yml by `python -m orchestration.catalogue.dbt_macros`: change the catalogue."
# A call is a fact of its brand, though only a conversation's first one is counted by its own time.
ALSO_LIVED = {"fct_call": {"requested_at": True}}


def instants(catalogue: Catalogue) -> dict[str, dict[str, bool]]:
    """The stored instants by whose local days the indicators of kpi_period are dated: anchors of relations, by mart,
    with whether the contract bounds them."""
    found: dict[str, dict[str, bool]] = {}
    for relation in {m.of: catalogue.relations[m.of] for i in catalogue.dated for _, m in i.measures}.values():
        mart, column, is_bounded = _instant(relation)
        of_mart = found.setdefault(mart, {})
        of_mart[column] = is_bounded or of_mart.get(column, False)
    return {mart: dict(sorted(columns.items())) for mart, columns in sorted(found.items())}


def _instant(relation: Relation) -> tuple[str, str, bool]:
    if relation.fact in facts.ROLLUPS:
        # A day's row lies on its date, as do the events that it stands for.
        rollup = facts.ROLLUPS[relation.fact]
        return rollup.days, rollup.days_at[0], rollup.events_at in EVENT_TIMES.values()
    column = relation.dated_by or relation.anchor.removeprefix("f.")
    # Of a dataset's own rows, its event's time alone; of what is made of several, any that is such a time by its name.
    own = EVENT_TIMES.get(facts.key_of(relation.fact))
    return relation.fact, column, column == own if own else column in EVENT_TIMES.values()


def facts_read(catalogue: Catalogue) -> list[str]:
    """The marts that the indicators of kpi_period read, in whatever part of them."""
    return sorted({*READ_BY_ALL, *(mart for i in catalogue.dated for mart in read_by(i, catalogue))})


def read_by(indicator: Indicator, catalogue: Catalogue) -> Iterator[str]:
    for _, measure in indicator.measures:
        yield from _read_by_measure(measure, catalogue.relations[measure.of])


def _read_by_measure(measure: Measure, relation: Relation) -> Iterator[str]:
    if relation.fact in facts.ROLLUPS:
        rollup = facts.ROLLUPS[relation.fact]
        yield from (rollup.days, rollup.events, *expressions.marts_of_join(rollup.join))
    else:
        yield relation.fact
    yield from expressions.marts_of_join(relation.join) if relation.join else ()
    texts = [measure.where, measure.value, relation.where, relation.anchor, *relation.aggregates.values()]
    for text in [*texts, *relation.columns.values(), *relation.dimensions.values()]:
        yield from expressions.marts_of(text) if text else ()


def read_together(catalogue: Catalogue) -> tuple[set[str], set[str]]:
    """The kinds of entities (their touched models) of which what counts one row asks others too: all rows of such an
    entity count anew where one has changed. And the marts of which what counts a row asks for its member's versions.

    Raises ValueError where a relation asks rows of another kind than its own, or than members: these may change, and
    nothing would say which of its own rows that moves.
    """
    together, by_member = set(), set()
    for measure in (measure for i in catalogue.dated for _, measure in i.measures):
        relation = catalogue.relations[measure.of]
        asked = set(_read_by_measure(measure, relation))
        kinds = {str(facts.built_from(mart).touched) for mart in asked - {MEMBERS}}
        if len(kinds) > 1:
            raise ValueError(f"{measure.of} reads rows of several kinds of entities: {', '.join(sorted(asked))}")
        if len(asked) > 1:
            together |= kinds
        if MEMBERS in asked:
            by_member.add(_instant(relation)[0])
    return together, by_member


def touched_models_read(catalogue: Catalogue) -> dict[str, list[str]]:
    """The indicators of kpi_period by the kinds of entities (their touched models) whose rows they read. Versions of
    members and what all read are no such kinds: what they move is noted otherwise (read_together, touched_period)."""
    found: dict[str, set[str]] = {}
    for indicator in catalogue.dated:
        for mart in {*read_by(indicator, catalogue)} - {MEMBERS, *READ_BY_ALL}:
            found.setdefault(str(facts.built_from(mart).touched), set()).add(indicator.ref)
    return {touched: sorted(refs) for touched, refs in sorted(found.items())}


def render(catalogue: Catalogue) -> str:
    """The macro file."""
    dated = instants(catalogue)
    together, by_member = read_together(catalogue)
    of_entities = [mart for mart in facts.marts() if facts.built_from(mart).touched in together]
    changed = [_of_touched("entities_changed", mart) for mart in of_entities]
    changed += [_of_touched("entities_of_touched_members", mart) for mart in sorted(by_member)]
    moved = [
        _of_touched(f"instants_of_changed_{'entities' if mart in of_entities else 'rows'}", mart, _list(list(columns)))
        for mart, columns in dated.items()
    ]
    lived = [_lived(mart, columns) for mart, columns in sorted((dated | ALSO_LIVED).items())]
    return (
        _macro(
            "facts_of_the_reports",
            "What the reports over the schema next read: told to dbt, which sees none of it in their functions.",
            (f"-- depends_on: {{{{ ref('{mart}') }}}}" for mart in facts_read(catalogue)),
        )
        + _macro(
            "changed_entities",
            "The touched entities with a changed row in any mart that holds them, where rows are read together.",
            "\nunion\n".join(changed).splitlines(),
        )
        + _macro(
            "changed_instants",
            "When what has changed is counted, by any indicator: as it now is, and as it was published.",
            "\nunion\n".join(moved).splitlines(),
        )
        + _macro(
            "lived_instants",
            "A brand's first and last instant in each fact.",
            "\nunion all\n".join(lived).splitlines(),
        )
        + _macro(
            "touched_models_read",
            "The touched models of the entities whose rows each indicator reads.",
            "\nunion all\n".join(starmap(_read, touched_models_read(catalogue).items())).splitlines(),
        )
    )


def _macro(name: str, meaning: str, lines: Iterable[str]) -> str:
    begin = f"{{#- {meaning}\n    {WRITTEN} -#}}\n{{% macro {name}() %}}"
    return "\n".join([begin, *lines, "{% endmacro %}", ""])


def _list(names: list[str]) -> str:
    return "[" + ", ".join(f"'{name}'" for name in names) + "]"


def _of_touched(macro: str, mart: str, *more: str) -> str:
    built = facts.built_from(mart)
    given = [f"'{name}'" for name in (mart, built.rows, built.touched, built.keys[-1])]
    return f"{{{{ {macro}({', '.join([*given, *more])}) }}}}"


def _lived(mart: str, columns: dict[str, bool]) -> str:
    bounded = [column for column, is_bounded in columns.items() if is_bounded]
    return f"{{{{ first_and_last('{mart}', {_list(bounded)}, {_list(list(columns))}) }}}}"


def _read(touched: str, refs: list[str]) -> str:
    listed = "', '".join(refs)
    return f"select '{touched}' as touched_model, unnest(array['{listed}']) as ref"


if __name__ == "__main__":
    MACROS.write_text(render(load()), encoding="utf-8")
