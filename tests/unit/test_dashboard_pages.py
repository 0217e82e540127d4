"""The catalogue and the pages, in both directions; words in three languages; filters as they stand in a URL."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import get_args

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dashboard import filters, pages, words
from dashboard.elements import kind_of
from expectations.findings import Name
from orchestration.assets import checks
from orchestration.assets.ingestion import DESCRIPTIONS
from orchestration.catalogue import catalogue
from orchestration.catalogue.model import LANGUAGES
from orchestration.readers.brand import Brand
from orchestration.settings import Settings
from orchestration.sources.contract import DATASETS
from orchestration.sources.loading.row_rules import RULES

BRAND = Brand(
    1, datetime(2026, 3, 11, tzinfo=UTC), datetime(2026, 3, 11, 2, tzinfo=UTC), "b", "B", "Europe/Paris", "EUR",
    "fr-FR", {}, {}, {}, {}, frozenset(), (),
)  # fmt: skip
NOW = datetime(2026, 3, 11, 12, tzinfo=UTC)


def test_every_indicator_is_drawn_and_every_element_is_in_the_catalogue() -> None:
    drawn = {ref for element in pages.load().elements() for ref in element.refs}
    known = catalogue.load().indicators
    assert drawn == {ref for ref, indicator in known.items() if kind_of(indicator) != "live"}


def test_a_ref_that_the_catalogue_lacks_is_named(tmp_path: Path) -> None:
    said = yaml.safe_load(pages.FILE.read_text(encoding="utf-8"))
    said["dashboards"]["jumper"]["sections"][0]["elements"].append("Shop-Card-99")
    said["dashboards"]["jumper"]["sections"][1]["names"].pop("es")
    said["dashboards"]["jumper"]["sections"][2]["elements"].append({"parts": "Shop-Card-1", "by": "ad"})
    file = tmp_path / "pages.yml"
    file.write_text(yaml.safe_dump(said), encoding="utf-8")
    with pytest.raises(pages.PagesError, match=r"(?s)Shop-Card-99.*jumper has no name in 'es'.*Shop-Card-1 by ad"):
        pages.load(file)


def test_words_that_lack_a_language_are_named(tmp_path: Path) -> None:
    file = tmp_path / "words.yml"
    check = "{en: C, es: C}"
    said = f"phrases: {{a: {{en: A, fr: A}}}}\nvalues: {{b: {{en: B, fr: B, es: B}}}}\nchecks: {{c: {check}}}\n"
    file.write_text(said, encoding="utf-8")
    with pytest.raises(words.WordsError, match=r"phrases\.a \(es\), checks\.c \(fr\)"):
        words.load("en", file)


def test_every_phrase_of_a_template_is_said() -> None:
    folder = pages.FILE.parent / "templates"
    asked = {
        key for file in folder.glob("*.html") for key in re.findall(r"""\bt\[(?:'|")(\w+)(?:'|")\]""", file.read_text())
    }
    for language in LANGUAGES:
        assert asked - words.load(language).phrases.keys() == set()


def test_no_check_at_all_is_no_good_news() -> None:
    assert words.load("en").checks_state(0, 0) == "No check has judged these data yet."
    assert words.load("en").checks_state(0, 7) == "All 7 checks of the newest data passed."
    assert words.load("fr").checks_state(2, 7) == "Contrôles non passés : 2 sur 7."


def test_whoever_has_no_role_is_told_so_in_words() -> None:
    assert words.load("fr").dimension("role", words.NONE) == "aucun"
    assert words.load("fr").dimension("role", "3") == "Rôle 3"


def test_every_rule_of_the_entrance_has_words() -> None:
    for language in LANGUAGES:
        known = words.load(language)
        assert [name for name in RULES if known.rule(name) == name] == []


def test_every_check_has_a_name_in_words() -> None:
    guards = [*checks.FIGURES, *checks.published(Settings.from_environment({}))]
    profiles = {guard.name.removeprefix(f"{guard.table}_") for name in DESCRIPTIONS for guard in checks.entrance(name)}
    for language in LANGUAGES:
        known = words.load(language)
        assert known.checks.keys() == {*get_args(Name), *(guard.name for guard in guards), *profiles}
        assert all(known.check(name, name.split("_")[0]) == said for name, said in known.checks.items())
        assert known.check("orders_profile", "orders") == known.checks["profile"]
    # What an earlier version judged stands as it was written.
    assert words.load("fr").check("old_rule", "orders") == "old rule"
    assert words.load("fr").told(None, "order") == "order"


def test_every_entity_class_and_filter_has_words() -> None:
    known = catalogue.load()
    phrases = words.load("fr").phrases
    entities = {relation.entity for relation in known.relations.values()}
    entities |= {one.listing.entity for one in known.lists if one.listing}
    assert {f"entity_{name}" for name in entities} - phrases.keys() == set()
    dimensions = {name for one in known.computed for name in one.dimensions}
    assert {f"by_{name}" for name in dimensions} - phrases.keys() == set()
    assert {f"by_{name}_head" for name in dimensions} - phrases.keys() == set()


def test_every_dataset_and_every_event_of_a_conversation_has_words() -> None:
    said = words.load("es")
    assert DATASETS.keys() - said.values.keys() == set()
    events = next(c for c in DATASETS["conversation_events"].columns if c.name == "event_type").values
    senders = next(c for c in DATASETS["messages"].columns if c.name == "sender_type").values
    wanted = {f"event_{event}" for event in events} | {f"event_{sender}_message" for sender in senders}
    assert wanted - said.phrases.keys() == set()


@pytest.mark.parametrize(
    ("preset", "first", "last"),
    [("today", 11, 11), ("yesterday", 10, 10), ("last_7", 4, 10), ("this_week", 9, 11), ("previous_week", 2, 8),
     ("this_month", 1, 11)],
)  # fmt: skip
def test_presets(preset: str, first: int, last: int) -> None:
    found = filters.read([("period", preset)], BRAND, "en", NOW)
    assert found.span == (date(2026, 3, first), date(2026, 3, last))


def test_long_presets() -> None:
    now = date(2026, 3, 11)
    assert filters.preset_span("last_30", now) == (date(2026, 2, 9), date(2026, 3, 10))
    assert filters.preset_span("previous_month", now) == (date(2026, 2, 1), date(2026, 2, 28))
    assert filters.preset_span("previous_quarter", now) == (date(2025, 10, 1), date(2025, 12, 31))
    assert filters.preset_span("previous_year", now) == (date(2025, 1, 1), date(2025, 12, 31))


def test_presets_count_from_the_data_where_they_are_behind() -> None:
    assert filters.today(BRAND, NOW) == date(2026, 3, 11)
    assert filters.today(BRAND, NOW + timedelta(days=9)) == date(2026, 3, 11)
    assert not filters.is_stale(BRAND, NOW + timedelta(days=1))
    assert filters.is_stale(BRAND, NOW + timedelta(days=2))


@pytest.mark.parametrize(
    ("comparison", "first", "last"),
    [("before", date(2024, 2, 19), date(2024, 2, 28)), ("weekdays", date(2024, 2, 15), date(2024, 2, 24)),
     ("year", date(2023, 2, 28), date(2023, 3, 9))],
)  # fmt: skip
def test_comparisons(comparison: str, first: date, last: date) -> None:
    assert filters.compared((date(2024, 2, 29), date(2024, 3, 9)), comparison) == (first, last)


@pytest.mark.parametrize(
    ("query", "named"),
    [([("source", "x")], "waiting_list"), ([("period", "soon")], "yesterday"), ([("from", "2026-13-01")], "2026-03-31"),
     ([("role", "7")], "0, 1"), ([("time_from", "25:00")], "09:30"), ([("member", "nobody")], "none of"),
     ([("from", "2026-03-09"), ("to", "2026-03-01")], "2026-03-01"),
     ([("time_from", "09:00"), ("time_to", "09:00")], "09:00")],
)  # fmt: skip
def test_a_value_that_means_nothing_is_refused_with_what_is_allowed(query: list[tuple[str, str]], named: str) -> None:
    with pytest.raises(filters.FilterError, match=named):
        filters.read(query, BRAND, "en", NOW)


@given(
    st.dates(date(2020, 1, 1), date(2027, 1, 1)), st.integers(0, 400), st.sampled_from(filters.COMPARISONS),
    st.lists(st.sampled_from(["direct", "hook"]), unique=True), st.lists(st.integers(1, 7), unique=True),
    st.sampled_from([None, *filters.GRAINS]),
)  # fmt: skip
def test_what_an_address_says_is_read_back(
    first: date, days: int, comparison: str, sources: list[str], weekdays: list[int], grain: str | None
) -> None:
    query = [("from", first.isoformat()), ("to", (first + timedelta(days=days)).isoformat()), ("compare", comparison)]
    query += [("source", one) for one in sources] + [("weekday", str(one)) for one in weekdays]
    query += [("grain", grain)] if grain else []
    found = filters.read(query, BRAND, "fr", NOW)
    assert filters.read(found.pairs(), BRAND, "fr", NOW) == found
