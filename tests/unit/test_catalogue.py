"""The catalogue is whole: every language, every relation used, pages as written from it, errors that name the fault."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestration.catalogue import catalogue, dbt_macros, docs, facts
from orchestration.catalogue.catalogue import CATALOGUE_FILE, CatalogueError
from orchestration.catalogue.model import LANGUAGES
from orchestration.compiler import functions, shared_scans, statements


def test_pages_are_as_written_from_the_catalogue() -> None:
    stale = [path.name for path, content in docs.render().items() if path.read_text("utf-8") != content]
    assert stale == [], "run python -m orchestration.catalogue.docs"


def test_macros_are_as_written_from_the_catalogue() -> None:
    written = dbt_macros.render(catalogue.load())
    assert dbt_macros.MACROS.read_text("utf-8") == written, "run python -m orchestration.catalogue.dbt_macros"


def test_every_anchor_leads_an_index_of_its_mart_and_of_the_rows_that_a_run_rebuilds() -> None:
    """Without, each period of a first run looks through every row there is."""
    missing = []
    for mart, columns in dbt_macros.instants(catalogue.load()).items():
        if mart in {rollup.days for rollup in facts.ROLLUPS.values()}:
            continue  # found by local date
        published = facts.marts()[mart]["config"]["meta"]["publication"]["indexes"]
        leading = [tuple(one["columns"] if isinstance(one, dict) else one) for one in published]
        (model,) = catalogue.PROJECT.glob(f"dbt_project/models/**/{facts.built_from(mart).rows}.sql")
        rebuilt = [tuple(re.findall(r"'(\w+)'", one)) for one in re.findall(r"'columns': (\[.*?\])", model.read_text())]
        for column in columns:
            # Some facts are asked for one kind or type at a time.
            wanted = [("brand_id", *between, column) for between in ((), ("kind",), ("event_type",))]
            for place, has in ((mart, leading), (model.stem, rebuilt)):
                if not set(wanted) & set(has):
                    missing.append((place, column))
    assert missing == []


def test_every_anchor_of_a_dated_indicator_touches_its_dates() -> None:
    """By another way than the macros are written: what each relation's rows are told by."""
    known = catalogue.load()
    touched = {(mart, column) for mart, columns in dbt_macros.instants(known).items() for column in columns}
    uncovered = set()
    for indicator in known.dated:
        for _, measure in indicator.measures:
            relation = known.relations[measure.of]
            if relation.fact not in facts.ROLLUPS:
                anchor = (relation.fact, relation.dated_by or relation.anchor.split(".")[-1])
            else:
                rollup = facts.ROLLUPS[relation.fact]
                anchor = (rollup.days, rollup.days_at[0])
            if anchor not in touched:
                uncovered.add((relation.name, *anchor))
    assert uncovered == set()


def test_a_relation_reads_its_own_entities_alone() -> None:
    """What a night changed of others would not say which of its rows counts anew; members' versions do."""
    known = catalogue.load()
    together, by_member = dbt_macros.read_together(known)
    assert together == {"touched_conversation"} and by_member == {"fct_conversation"}
    order = known.relations["order"]
    join = "left join marts.fct_session as s on s.brand_id = f.brand_id and s.visitor_id = f.visitor_id"
    reaching = replace(known, relations={**known.relations, "order": order.model_copy(update={"join": join})})
    with pytest.raises(ValueError, match="order reads rows of several kinds of entities: fct_order, fct_session"):
        dbt_macros.render(reaching)


def test_dbt_is_told_of_every_mart_that_the_reports_over_next_read() -> None:
    texts = (*functions.audit_functions(), statements.as_text(statements.audit_tables()))
    read = {name for text in texts for name in re.findall(r"\bnext\.((?:fct|dim)_\w+)", text)}
    told = set(dbt_macros.facts_read(catalogue.load()))
    assert (read - told, told - read) == (set(), set())


def test_each_ref_keeps_its_names() -> None:
    """Two names that change places read well on every page: they are held against a list of their own."""
    with NAMES.open(encoding="utf-8", newline="") as file:
        listed = {row["ref"]: {language: row[language] for language in LANGUAGES} for row in csv.DictReader(file)}
    assert {ref: indicator.names for ref, indicator in catalogue.load().indicators.items()} == listed, (
        f"a new indicator, or a new name, is listed in {NAMES.name} too"
    )


def test_every_relation_serves_an_indicator() -> None:
    known = catalogue.load()
    used = {m.of for i in known.computed for m in (i.numerator, i.denominator, i.median) if m}
    listed = {i.listing.of for i in known.lists if i.listing and i.listing.of}
    assert set(known.relations) == used | listed


def test_every_indicator_is_rendered_into_the_report_and_the_rows() -> None:
    known = catalogue.load()
    refs = {indicator.ref for indicator in known.computed}
    for form in ("shared", "apart", "rows"):
        assert {ref for scan in statements.scans(known) if scan["form"] == form for ref in scan["refs"]} == refs, form


def test_dim_kpi_has_a_row_for_every_indicator() -> None:
    rows = catalogue.dim_kpi_rows()
    assert [row["ref"] for row in rows] == list(catalogue.load().indicators)


def test_names_differ_between_indicators() -> None:
    for language in LANGUAGES:
        names = [i.names[language] for i in catalogue.load().indicators.values()]
        assert sorted({name for name in names if names.count(name) > 1}) == []


NAMES = Path(__file__).parents[1] / "fixtures" / "indicator_names.csv"

# What is planted into the file, at a path of keys (an indicator by its ref), and what is then said of it. None takes
# the key away.
MISTAKES: list[tuple[tuple[Any, ...], Any, str]] = [
    # Keys
    (("Wlst-Card-2", "numerator", "whre"), "true", "Wlst-Card-2: 'numerator.whre' is no key; allowed: of, where, sum"),
    (("Wlst-Card-3", "colour"), "red", "Wlst-Card-3: 'colour' is no key; allowed: ref, area, names, meaning"),
    (("relations", "handling", "wher"), "true", "relation handling: 'wher' is no key; allowed: name, fact, anchor"),
    (("Chat-Bar-10", "bins", "edges", 0, "upto"), 60, "Chat-Bar-10: 'bins.edges[0].upto' is no key; allowed: name"),
    (("One-List-2", "list", "columns", 1, "width"), 3, "One-List-2: 'list.columns[1].width' is no key; allowed: name"),
    (("section",), {}, "'section' is no section; allowed: bins, dimensions, relations, areas, values, indicators"),
    (("Wlst-Card-10", "unit"), None, "Wlst-Card-10: 'unit' is missing"),
    # Words of a closed list
    (("Wlst-Card-11", "unit"), "furlongs", "Wlst-Card-11: unit 'furlongs' is none of count, ratio, seconds, amount"),
    (("Wlst-Card-12", "stability"), "wobbly", "Wlst-Card-12: stability 'wobbly' is none of fixed, fluctuating, mixed"),
    (("Wlst-Card-13", "good"), "sideways", "Wlst-Card-13: good 'sideways' is none of up, down"),
    (("Wlst-Card-14", "dashboards"), ["popsel"], "Wlst-Card-14: dashboards 'popsel' is none of popsell, popsell_real"),
    (("Chat-Card-0", "filters"), ["shoe"], "Chat-Card-0: filters 'shoe' is none of source, member, role, channel"),
    (("Ads-Card-1", "breakdowns"), ["add"], "Ads-Card-1: breakdowns 'add' is none of ad, ad_payload, notification_ch"),
    (("Chat-Card-11", "conversion_step"), 4, "Chat-Card-11: conversion_step '4' is none of 1, 2, 3"),
    (("Chat-Card-8", "status"), "planned", "Chat-Card-8: status 'planned' is none of built, proposed"),
    (("Hook-Card-2", "area"), "hooks", "Hook-Card-2: area 'hooks' is none of waiting_list, hook, conversations"),
    (("Hook-Card-4", "names", "de"), "Anzeigen", "Hook-Card-4: names: 'de' is none of en, fr, es"),
    (("Hook-Card-5", "meaning", "es"), None, "Hook-Card-5: meaning: no text in es; needed: en, fr"),
    (("areas", "widget", "fr"), None, "area widget: no text in fr; needed: en, fr, es"),
    (("relations", "journey", "ignores"), ["hours"], "relation journey: ignores 'hours' is none of dates, slot"),
    (("relations", "request", "member_known_at"), "now", "relation request: member_known_at 'now' is none of cut_at"),
    (("relations", "order", "dimensions", "shop"), "f.channel", "'shop' is none of source, member, role, channel, in"),
    (("Agnt-Card-2", "rests_on"), "handling", "Agnt-Card-2: rests_on: average counts rows of fct_session_member, whi"),
    # Columns, in each place that names one
    (("relations", "waiting_request", "anchor"), "f.askd_at", "relation waiting_request: anchor: 'f.askd_at' does not"),
    (
        ("relations", "sale", "where"),
        "f.credit is null",
        "relation sale: where: 'f.credit' does not exist",
    ),
    (("relations", "hook_seen", "entity_key"), ["hok"], "relation hook_seen: entity_key: 'hok' is no column of"),
    (("relations", "author", "distinct_by"), ["talk"], "relation author: distinct_by: 'talk' is no column of author"),
    (
        ("relations", "customer", "aggregates", "quantity"),
        "sum(f.qty)",
        "customer: aggregates.quantity: 'f.qty' doe",
    ),
    (("relations", "establishment", "dimensions", "role"), "f.rol", "establishment: dimensions.role: 'f.rol' does not"),
    (("relations", "rating", "member_given"), "f.who", "relation rating: member_given: 'f.who' does not exist"),
    (
        ("relations", "served_session", "join"),
        "inner join marts.fct_cal as k on true",
        "'marts.fct_cal' is no mart; al",
    ),
    (("relations", "blocked_conversation", "dated_by"), "last", "blocked_conversation: dated_by: 'last' is no column"),
    (("relations", "turn", "fact"), "fct_trn", "relation turn: fact 'fct_trn' is none of dim_brand"),
    (
        ("Chat-Card-2", "numerator", "where"),
        "established_at < q.cut_at",
        "'established_at' stands alone: write f.es",
    ),
    (("Chat-Card-3", "numerator", "where"), "f.first_message_at < q.cut_at", "numerator.where: 'f.first_message_at' d"),
    (("Chat-Card-4", "numerator", "where"), "f.started_at < q.cutt_at", "numerator.where: 'q.cutt_at' does not exist"),
    (("Chat-Card-30", "numerator", "where"), "f.has_message", "'f.has_message' does not exist; allowed: conversation"),
    (("Chat-Card-14", "average", "duration"), "f.established_at - x.at", "duration: 'x.at' is of nothing that is read"),
    (("Chat-Card-80", "numerator", "sum"), "f.amount", "Chat-Card-80: numerator.value: 'f.amount' does not exist"),
    (("Chat-Card-82", "average", "value"), "f.sale_amount +", "Chat-Card-82: average.value: 'f.sale_amount +' is no"),
    (("Chat-Donut-1", "bins", "by"), "f.sauce", "Chat-Donut-1: bins.by: 'f.sauce' does not exist"),
    (("Hook-Card-3", "needs"), ["hooks"], "Hook-Card-3: needs 'hooks' is none of conversations, messages, calls"),
    (("Hook-Card-10", "numerator", "needs"), [], "Hook-Card-10: needs: the feeds without which it is not known are"),
    (("One-List-1", "list", "by"), "f.page", "One-List-1: list.by: 'f.page' does not exist"),
    (("One-List-1", "list", "where"), "f.url is not null", "One-List-1: list.where: 'f.url' does not exist"),
    (("One-List-1", "list", "order"), "l.sum desc", "One-List-1: list.order: 'l.sum' does not exist; allowed: anchor"),
    (("One-List-3", "list", "columns", -1, "value"), "sum(f.sale)", "list.columns.influenced_sales: 'f.sale' does not"),
    (("relations", "video_contact", "where"), "f.at < '{pause}'", "where: '{pause}' is no span of time; allowed: se"),
    # What does not fit together
    (("Wlst-Card-1", "numerator", "of"), "nothing", "Wlst-Card-1: numerator.of: relation 'nothing' is none of waitin"),
    (("Chat-Card-15", "median"), {"of": "establishment"}, "Chat-Card-15: median: one of value and duration is needed"),
    (("Chat-Card-16", "numerator"), {"of": "start"}, "Chat-Card-16: it has numerator and average; needed: one of"),
    (("Chat-Card-17", "median"), None, "Chat-Card-17: it has nothing to count; needed: one of numerator, average"),
    (("Chat-Card-12", "settling_days"), 0, "Chat-Card-12: settling_days: a fluctuating indicator needs them"),
    (("Chat-Card-10", "rises"), True, "Chat-Card-10: rises: only a count or ratio that fluctuates can"),
    (("Chat-Card-73", "plausible"), [5, 1], "Chat-Card-73: plausible: 5.0 does not lie below 1.0"),
    (("Chat-Bar-51", "bins", "edges", 2, "to"), 100, "edges: '1-7 days' from 86400.0 to 100.0 does not rise"),
    (("Chat-Bar-50", "bins", "edges", 1, "from"), 90, "edges: '0-2 min' ends at 120.0, and the next begins at 90.0"),
    (("Wget-Card-01", "filters"), ["role"], "numerator.of: 'role' is no dimension of widget_visit; allowed: none"),
    (("Wlst-Line-1", "shows", 0, "ref"), "Wlst-Card-9", "Wlst-Line-1: shows: 'Wlst-Card-9' is not in the catalogue"),
    (("Wget-Line-1", "shows", 1, "sources"), ["direct"], "Wget-Card-03 has no filter by source; allowed: none"),
    (("Chat-List-1", "list", "columns", -1, "ref"), "Wget-Card-01", "Wget-Card-01 cannot be told apart by member"),
    (
        ("relations", "active_dialogue", "aggregates", "is_active"),
        "count(*)",
        "aggregates.is_active needs several",
    ),
    (("relations", "influenced_order", "entity_key"), [], "influenced_order: aggregates and distinct_by describe an"),
]


def plant(document: dict[str, Any], path: tuple[Any, ...], value: Any) -> None:
    place: Any = document
    if "-" in str(path[0]):
        place, path = next(i for i in document["indicators"] if i["ref"] == path[0]), path[1:]
    for key in path[:-1]:
        place = place[key]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What is said of a catalogue with all of these mistakes at once."""
    # What entries share by YAML's anchors becomes a copy in each, so that each mistake is of one entry.
    document = json.loads(json.dumps(yaml.safe_load(CATALOGUE_FILE.read_text("utf-8"))))
    for path, value, _ in MISTAKES:
        plant(document, path, value)
    document["indicators"].append(next(i for i in document["indicators"] if i["ref"] == "Jour-Card-1"))
    faulty = tmp_path_factory.mktemp("catalogue") / "kpi_catalogue.yml"
    faulty.write_text(json.dumps(document), "utf-8")
    with pytest.raises(CatalogueError) as error:
        catalogue.load(faulty)
    return str(error.value)


@pytest.mark.parametrize("expected", [expected for _, _, expected in MISTAKES])
def test_a_mistake_is_named(said: str, expected: str) -> None:
    assert expected in said


def test_a_ref_that_stands_twice_is_named(said: str) -> None:
    assert "Jour-Card-1: this ref stands twice" in said


def test_a_key_that_stands_twice_is_named(tmp_path: Path) -> None:
    """Of two conditions, YAML would drop the first without a word."""
    whole = CATALOGUE_FILE.read_text("utf-8").splitlines(keepends=True)
    at = next(number for number, line in enumerate(whole) if re.match(r"    where: [^>]", line))
    faulty = tmp_path / "kpi_catalogue.yml"
    faulty.write_text("".join([*whole[: at + 1], "    where: true\n", *whole[at + 1 :]]), "utf-8")
    with pytest.raises(CatalogueError, match=f"line {at + 2}: 'where' stands here twice, before on line {at + 1}$"):
        catalogue.load(faulty)


def test_an_aggregate_counted_on_a_first_day_is_what_its_row_says() -> None:
    assert shared_scans.alone("bool_or(f.has_product)") == "f.has_product"
