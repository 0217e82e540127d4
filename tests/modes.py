"""Who may read what an installation keeps, by the modes of its files.

Not here: which modes are right (orchestration/settings.py).
"""

from __future__ import annotations

import stat
from pathlib import Path


def open_to_others(home: Path) -> list[str]:
    """Whatever in this folder anybody but its owner may read, write or enter."""
    return [
        str(path)
        for path in home.rglob("*")
        if not path.is_symlink() and path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
