"""What is told of keys while their rows are copied, against what a set says of them."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from orchestration.sources.contract import DATASETS
from orchestration.sources.loading.bulk_copy import Rows
from orchestration.sources.loading.screening import Screening

# Few letters and many lengths: keys that begin, end or are alike.
WORDS = st.one_of(st.text("ab", max_size=20), st.text(max_size=12), st.sampled_from(["", "\0", "é" * 8, "a" * 64]))
KEYS = st.lists(st.tuples(WORDS, WORDS, st.integers(0, 2)), max_size=30)


def rows(keys: list[tuple[str, str, int]], before: int = 0) -> Rows:
    """A batch of messages with these brands, identifiers and days, cut out of a longer one."""
    keys = [("x", "y", 0)] * before + keys
    brands, messages, days = zip(*keys, strict=True) if keys else ((), (), ())
    columns = {"brand_id": pa.array(brands, pa.string()), "message_id": pa.array(messages, pa.string())}
    numbers = pa.array(range(len(keys)), pa.int64())
    return Rows(
        pa.array(days, pa.int32())[before:],
        numbers[before:],
        numbers[before:],
        {name: values[before:] for name, values in columns.items()},
        [],
    )


@given(st.lists(KEYS, max_size=4), st.integers(0, 3))
def test_keys_are_distinct_where_a_set_has_as_many(batches: list[list[tuple[str, str, int]]], before: int) -> None:
    screening = Screening(DATASETS["messages"])
    for keys in batches:
        screening.look(rows(keys, before))
    every = [key for keys in batches for key in keys]
    assert screening.has_distinct_keys() == (len(set(every)) == len(every))


def test_no_two_of_many_alike_keys_share_a_hash() -> None:
    screening = Screening(DATASETS["messages"])
    numbered = [("acme", f"msg-{number:09d}", 0) for number in range(100_000)]
    numbered += [("acme", "a" * length, 1) for length in range(1, 129)]
    numbered += [("acm", f"emsg-{number}", 0) for number in range(1_000)]
    screening.look(rows(numbered))
    assert screening.has_distinct_keys()
