"""The catalogue is whole: every language, every relation used, pages as written from it, errors that name the fault."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from orchestration.catalogue import catalogue, docs
from orchestration.catalogue.catalogue import CATALOGUE_FILE, CatalogueError
from orchestration.compiler import functions, scans


def test_pages_are_as_written_from_the_catalogue() -> None:
    stale = [path.name for path, content in docs.render().items() if path.read_text("utf-8") != content]
    assert stale == [], "run python -m orchestration.catalogue.docs"


def test_every_relation_serves_an_indicator() -> None:
    known = catalogue.load()
    used = {m.of for i in known.computed for m in (i.numerator, i.denominator, i.median) if m}
    listed = {i.listing.of for i in known.lists if i.listing and i.listing.of}
    assert set(known.relations) == used | listed


def test_every_indicator_is_rendered_into_the_report_and_the_rows() -> None:
    known = catalogue.load()
    _, report, rows, _, *views = functions.reader_functions(known)
    for indicator in known.computed:
        assert f"'{indicator.ref}'" in report and f"'{indicator.ref}'" in rows
    assert len(views) == len(catalogue.LANGUAGES)


def test_dim_kpi_has_a_row_for_every_indicator() -> None:
    rows = catalogue.dim_kpi_rows()
    assert [row["ref"] for row in rows] == list(catalogue.load().indicators)


def test_names_differ_between_indicators() -> None:
    for language in catalogue.LANGUAGES:
        names = [i.names[language] for i in catalogue.load().indicators.values()]
        assert sorted({name for name in names if names.count(name) > 1}) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"unit": "furlongs"}, "Wlst-Card-1: unit 'furlongs' is none of count, ratio, seconds, amount, score"),
        ({"stability": "wobbly"}, "stability 'wobbly' is none of fixed, fluctuating, mixed, live"),
        ({"numerator": {"of": "nothing"}}, "relation 'nothing' is none of active_dialogue"),
        ({"filters": ["shoe size"]}, "filter 'shoe size' is none of source, member, role, channel"),
        ({"names": {"en": "Requests", "fr": "Demandes"}}, "no name or meaning in 'es'"),
        ({"stability": "fluctuating"}, "a fluctuating indicator needs settling_days"),
    ],
)
def test_a_faulty_entry_is_named(tmp_path: Path, change: dict[str, object], said: str) -> None:
    document = yaml.safe_load(CATALOGUE_FILE.read_text("utf-8"))
    document["indicators"][0] |= change
    faulty = tmp_path / "kpi_catalogue.yml"
    faulty.write_text(yaml.safe_dump(document), "utf-8")
    with pytest.raises(CatalogueError) as error:
        catalogue.load(faulty)
    assert said in str(error.value)


def test_a_ref_that_stands_twice_is_named(tmp_path: Path) -> None:
    document = yaml.safe_load(CATALOGUE_FILE.read_text("utf-8"))
    document["indicators"].append(document["indicators"][0])
    faulty = tmp_path / "kpi_catalogue.yml"
    faulty.write_text(yaml.safe_dump(document), "utf-8")
    with pytest.raises(CatalogueError, match="stand twice: Wlst-Card-1"):
        catalogue.load(faulty)


def test_an_aggregate_over_several_rows_cannot_be_counted_on_a_first_day() -> None:
    assert scans.alone("bool_or(f.has_product)") == "f.has_product"
    with pytest.raises(ValueError, match=r"'count\(\*\)' cannot be counted on a first day; allowed: bool_or"):
        scans.alone("count(*)")
