"""Where extracts come from, and how each kind of file and system is read.

pyarrow imports pandas before it converts its first values, to know the objects of pandas by sight: 0.2 s of each run,
in which there are none. It asks once, so it is asked here, where there is no pandas to be found; who uses pandas beside
it still can.
"""

import sys
from typing import Any

import pyarrow


class _Away:
    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name)


if "pandas" not in sys.modules:
    sys.meta_path.insert(0, _Away)
    try:
        pyarrow.array([0])
    finally:
        sys.meta_path.remove(_Away)
