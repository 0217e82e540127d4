"""Targets of one's own: what is read, and what is refused with everything at fault at once."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from orchestration.readers.targets import Target, TargetsError, read_targets


def test_targets_are_read(tmp_path: Path) -> None:
    file = tmp_path / "targets.yml"
    assert read_targets(file) == []
    file.write_text("targets: [{ref: Chat-Card-15, period: month, at_most: 300, brand: b}]", encoding="utf-8")
    (target,) = read_targets(file)
    assert target == Target("Chat-Card-15", "month", None, Decimal(300), "b")
    assert target.wanted == "at most 5 min 00 s"


def test_every_fault_is_named(tmp_path: Path) -> None:
    file = tmp_path / "targets.yml"
    file.write_text(
        "targets:\n- {ref: Chat-Card-99, period: week, at_least: 1}\n- {ref: Chat-Card-0, period: hour, at_least: x}\n"
        "- {ref: Chat-Card-0, period: day, above: 1}\n- {ref: Chat-Card-0, period: day}\n- nonsense\n",
        encoding="utf-8",
    )
    with pytest.raises(TargetsError) as told:
        read_targets(file)
    for named in (
        "target 1: 'Chat-Card-99'",
        "period 'hour'",
        "at_least 'x'",
        "'above'",
        "target 4 has no bound",
        "target 5",
    ):
        assert named in str(told.value)
    file.write_text("targets: {}", encoding="utf-8")
    with pytest.raises(TargetsError, match="a list"):
        read_targets(file)
    file.write_text("targets:\n- {ref: Chat-Card-0, period: day, at_least: 1}\ntargets: []\n", encoding="utf-8")
    with pytest.raises(TargetsError, match="line 3: 'targets' stands here twice, before on line 1"):
        read_targets(file)
