"""Text from outside (names of files, columns and keys, messages of libraries), made fit to be written anywhere.

Here: the one place where it is cleaned. Not here: the values of rows, which stay what they are or wait in quarantine.
"""

from __future__ import annotations

import unicodedata

from orchestration.redaction import hide

MOST_CHARACTERS = 2_000


# How text begins that a spreadsheet would take for a formula, and run: the signs of full width too (OWASP, CSV
# injection).
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def sheet_text(text: str) -> str:
    """Text for a cell of a spreadsheet, quoted by an apostrophe where it would be a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


def is_clean(text: str) -> bool:
    """Can every database, log and terminal take the text as it stands? No control character, no half of a surrogate
    pair (which is how bytes that are no UTF-8 arrive), nothing that reorders the line."""
    return text.isprintable() or not any(_is_foreign(character) for character in text)


def cleaned(text: str, most: int = MOST_CHARACTERS) -> str:
    """The text on one line, with an escape for each character that is_clean refuses, cut to so many characters."""
    text = text[: most + 1]
    if not is_clean(text):
        text = "".join(_escaped(character) if _is_foreign(character) else character for character in text)
    return text if len(text) <= most else text[: most - 1] + "…"


def cause(error: BaseException) -> str:
    """What an error says, or its kind where it says nothing; a password that it quotes is hidden."""
    said = hide(" ".join(str(error).split()))
    return cleaned(said or type(error).__name__, 500)


def _is_foreign(character: str) -> bool:
    # Control, surrogate, line and paragraph separators; and of the formatting characters those that reorder text.
    return unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or (
        unicodedata.bidirectional(character) in ("RLE", "LRE", "RLO", "LRO", "PDF", "RLI", "LRI", "FSI", "PDI")
    )


def _escaped(character: str) -> str:
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:
        return f"\\x{number - 0xDC00:02x}"  # a byte that could not be decoded
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"
