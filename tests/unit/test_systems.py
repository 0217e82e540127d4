"""What packaged systems say that they can tell: of every indicator, and nothing that their datasets do not bring."""

from __future__ import annotations

from collections import Counter

import pytest

from orchestration.catalogue import catalogue
from orchestration.sources.contract import DATASETS
from orchestration.sources.systems import docs, packages

REFS = [indicator.ref for indicator in catalogue.load().computed]


def meant(named: str) -> list[str]:
    return [ref for ref in REFS if ref == named or ref.startswith(f"{named}-")]


@pytest.mark.parametrize("name", packages.names())
def test_every_indicator_is_of_one_group_and_told_only_where_its_datasets_are(name: str) -> None:
    system = packages.package(name, hashes=True)
    assert system.brings <= set(DATASETS)
    groups = Counter(ref for one in system.coverage for named in one.refs for ref in meant(named))
    assert max(groups.values()) == 1, [ref for ref, times in groups.items() if times > 1]
    has_others = any(one.refs == ("others",) for one in system.coverage)
    assert has_others == (set(REFS) != set(groups)), set(REFS) - set(groups)
    told = {ref for one in system.coverage if one.is_told != "missing" for named in one.refs for ref in meant(named)}
    unknown = catalogue.load().unknown_without([*system.brings])
    assert told & {ref for refs in unknown.values() for ref in refs} == set()
    for one in system.coverage:
        assert one.is_told in {"exact", "good", "upper bound", "missing"} and one.why
        assert all(meant(named) or named in ("others", "Chat-Line", "Wlst-Line") for named in one.refs)


def test_the_page_on_systems_is_what_the_packages_say() -> None:
    assert docs.FILE.read_text() == docs.markdown(), "run python -m orchestration.sources.systems.docs"
