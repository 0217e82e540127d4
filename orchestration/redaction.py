"""Secrets taken out of text before anybody reads it: a terminal, a log, an alert, the ledger.

What is hidden is known by value: the settings that hold secrets, and the passwords in them. So it does not matter how a
library quotes an address, nor whether the address could be read at all.
Not here: which settings there are (settings.py).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from urllib.parse import unquote

HIDDEN = "***"
# Settings of ours and of the sources file (url_env) are named by what they hold.
SECRET_NAMES = re.compile(r"(_URL|_URI|_DSN|_WEBHOOK|_KEY|_TOKEN|_SECRET|_PASSWORD|^CAUSERIE_LANDING|^PGPASSWORD)$")
SHORTEST = 4  # a shorter piece of a password says little, and would tear other words apart
CREDENTIALS = re.compile(r"://[^\s/]*:[^\s]*@")
PARAMETER = re.compile(r"(password|passwd|pwd|token|secret|key)=([^&\s]+)", re.IGNORECASE)


def hide(text: str, environment: Mapping[str, str] | None = None) -> str:
    """The text without any secret of the environment, nor anything that looks like an address's password."""
    given = os.environ if environment is None else environment
    secrets = {
        piece for name, value in given.items() if SECRET_NAMES.search(name) and value for piece in _pieces(value)
    }
    # The longest first: a password may stand within the address that holds it.
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return PARAMETER.sub(rf"\1={HIDDEN}", CREDENTIALS.sub(f"://{HIDDEN}@", text))


def _pieces(value: str) -> Iterator[str]:
    """The parts of a setting that may be shown to nobody: of an address its password, as it is written and as it is
    meant, and also what is left of it when somebody takes the wrong @, / or % for its end; of anything else all."""
    if "://" not in value:
        if len(value) >= SHORTEST:
            yield value
        return
    rest = value.split("://", 1)[1]
    passwords = [found[2] for found in PARAMETER.finditer(value)]
    user, at, _ = rest.rpartition("@")
    if at and ":" in user:
        passwords.append(user.split(":", 1)[1])
    elif value.startswith(("http://", "https://")):
        # A webhook: whoever has its path may write there.
        passwords.append(rest.partition("/")[2])
    for password in passwords:
        for form in {password, unquote(password)}:
            yield from (piece for piece in (form, *re.split(r"[@/:?#%&\s]", form)) if len(piece) >= SHORTEST)
