"""Guards over extracts, indicators and publications, judged by Great Expectations.

Great Expectations imports `scipy.stats` and `altair` for a divergence of distributions and its chart, which no guard
here asks for: a second of every run. They are imported when something of theirs is used, and stay away otherwise.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import ModuleType


class _OnFirstUse(MetaPathFinder):
    """Finds these modules as ever, and has them run when an attribute is asked for."""

    names = ("scipy.stats", "altair")

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(fullname, path, target) if fullname in self.names else None
        if spec is not None and spec.loader is not None:
            spec.loader = LazyLoader(spec.loader)
        return spec


sys.meta_path.insert(0, _OnFirstUse())
