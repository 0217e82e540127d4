"""YAML in which no key stands twice: of two, YAML keeps the last, and drops the other without a word.

Not here: what a file may say (catalogue/, readers/targets.py), or the sources file, whose words are all texts
(sources/connectors/words.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml


def load(text: str) -> Any:
    """What a YAML text says, like yaml.safe_load.

    Raises yaml.YAMLError where it is no YAML, and where a key stands twice in one mapping: it names each of them, with
    its line and the line on which it stood before.
    """
    loader = yaml.CSafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        if twice := list(_repeated(node, set())):
            raise yaml.YAMLError("; ".join(twice))
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _repeated(node: yaml.Node, seen: set[int]) -> Iterator[str]:
    if id(node) in seen:  # under another name: an alias
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _repeated(value, seen)
    if isinstance(node, yaml.MappingNode):
        lines: dict[Any, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            name = key.value if isinstance(key, yaml.ScalarNode) else id(key)
            if name in lines:
                yield f"line {line}: '{name}' stands here twice, before on line {lines[name]}"
            lines.setdefault(name, line)
            yield from _repeated(value, seen)
