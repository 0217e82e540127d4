"""A source's own names and enumerations, turned into the contract's.

Not here: reading the sources file (sources_file.py) or any data.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from orchestration.sources.contract import Dataset


@dataclass(frozen=True)
class Naming:
    """`columns`: source name to contract name. `values`: contract column to (source value to contract value)."""

    columns: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def wanted(self, dataset: Dataset, offered: Iterable[str]) -> dict[str, str]:
        """Of the columns that a source offers, those to read: contract name to source name."""
        present = set(offered)
        own = {contract: source for source, contract in self.columns.items()}
        named = {name: own.get(name, name) for name in dataset.column_names}
        return {contract: source for contract, source in named.items() if source in present}

    def apply_values(self, columns: dict[str, pa.Array]) -> None:
        """Replace the source's enumerations in place. A value that is not mapped stays, and is judged as it is."""
        for name, pairs in self.values.items():
            if name in columns:
                columns[name] = _replaced(columns[name].cast(pa.string()), pairs)


def _replaced(texts: pa.Array, pairs: Mapping[str, str]) -> pa.Array:
    encoded = texts.dictionary_encode()
    words = pa.array([pairs.get(word, word) for word in encoded.dictionary.to_pylist()], pa.string())
    return pc.take(words, encoded.indices)
