"""The law of stability: a fixed indicator of a period that is over says the same as of the period's end and now.

Here: the comparison for the periods that a run touched, before they are published. Not here: asking (indicators.py) or
the law's proof over random brands (tests).
Next: orchestration/quality.py.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from expectations.findings import Finding, judge


def judge_stability(
    now: Iterable[dict[str, Any]], at_end: Iterable[dict[str, Any]], fixed: Collection[str]
) -> list[Finding]:
    """Compares the answers for all touched periods that are over.

    `fixed` names the indicators that the law binds. A finding that fails names indicator, period and both values.
    """
    import pandas as pd
    from great_expectations import expectations as gxe

    def by_key(rows: Iterable[dict[str, Any]]) -> dict[tuple[str, ...], str]:
        return {
            (row["brand"], row["asked"], row["ref"], " ".join(row["bucket"]), row["bin"] or ""): _said(row)
            for row in rows
            if row["ref"] in fixed and row["is_final"]
        }

    known, then = by_key(now), by_key(at_end)
    lines = [
        {
            "brand": brand,
            "indicator": f"{ref} {part}".strip(),
            "period": bucket or asked,
            "at_end": then.get(key, "nothing"),
            "now": said,
        }
        for key, said in known.items()
        for brand, asked, ref, bucket, part in [key]
    ]
    if not lines:
        return []
    suite = {
        "stability": (
            gxe.ExpectColumnPairValuesToBeEqual(column_A="at_end", column_B="now", ignore_row_if="neither"),
            True,
            "every fixed indicator of a period that is over as it stood at the period's end",
        )
    }
    return judge(pd.DataFrame(lines), "kpi_report", suite, ["brand", "indicator", "period", "at_end", "now"])


def _said(row: dict[str, Any]) -> str:
    return f"{row['value']} ({row['numerator']}, {row['denominator']})"
