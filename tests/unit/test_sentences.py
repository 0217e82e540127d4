"""Sentences of checks and refusals: plain text for programs, each reader's language for people, JSON between them."""

from __future__ import annotations

import ast
import copy
import pickle
import re
import string
from pathlib import Path
from typing import get_args

import pytest

from expectations import findings, indicators
from orchestration import sentences
from orchestration.sentences import (
    FILE,
    LANGUAGES,
    Sentence,
    as_json,
    from_json,
    in_language,
    recognised,
    several,
    told,
)
from orchestration.sources.connectors import signatures
from orchestration.sources.connectors.extract import Refusal
from orchestration.sources.loading.row_rules import RULES, rule_sentence
from orchestration.yaml_keys import load

ROOT = FILE.parent.parent
WORDS = load(FILE.read_text(encoding="utf-8"))
VOLUME = Sentence("volume", brand="b", day="2026-04-06", rows=49, least=50, most=2100)


def test_a_sentence_is_plain_text_and_is_told_in_each_language() -> None:
    assert VOLUME == "b 2026-04-06: 49 rows, 50 to 2100 expected on a Monday"
    assert in_language(VOLUME, "en") == "b Apr 6, 2026: 49 rows, 50 to 2,100 expected on a Monday"
    assert in_language(VOLUME, "fr").startswith("b, 6 avr. 2026 : 49 lignes, de 50 à 2")
    assert in_language(VOLUME, "fr").endswith("100 attendues un lundi")
    assert in_language(VOLUME, "es") == "b, 6 abr 2026: 49 filas, se esperaban de 50 a 2.100 en lunes"


def test_what_is_stored_is_the_same_sentence() -> None:
    nested = several([Sentence("extract_refused", day="2026-03-02", reason=VOLUME)] * 12)
    stored = as_json(nested)
    assert stored is not None
    assert from_json(stored) == nested
    assert nested.endswith("; and 2 more")
    assert told(stored, "stored text", "es").endswith("; y 2 más")  # type: ignore[union-attr]
    assert from_json(stored).values == pickle.loads(pickle.dumps(nested)).values == copy.deepcopy(nested).values


@pytest.mark.parametrize(
    "stored",
    [None, {"key": "of another version", "values": {}}, {"key": "volume", "values": {"brand": "b"}}, {"values": {}},
     {"key": "newest_day", "values": {"day": "yesterday"}}],
)  # fmt: skip
def test_what_this_version_cannot_tell_stands_as_it_was_written(stored: dict[str, object] | None) -> None:
    assert told(stored, "as it was written", "fr") == "as it was written"


def test_a_text_that_names_a_count_is_recognised() -> None:
    assert in_language(recognised("sender_id is a word for nothing", "odd_"), "es") == (
        "sender_id es una palabra que significa «nada»"
    )
    assert recognised("left out: no price (a gift)", "odd_") == "left out: no price (a gift)"
    assert not isinstance(recognised("oddities of an earlier version", "odd_"), Sentence)


def test_a_text_that_is_no_sentence_stays_as_it_is() -> None:
    assert as_json("relation does not exist") is None
    assert in_language("relation does not exist", "fr") == "relation does not exist"


def test_a_refusal_keeps_its_sentence_and_no_control_characters() -> None:
    refusal = Refusal(Sentence("header_nul", where="messages/2026-03-01/a\x1b[31m.csv", name="x"))
    assert isinstance(refusal.reason, Sentence)
    assert "\x1b" not in refusal.reason + in_language(refusal.reason, "fr") + str(as_json(refusal.reason))
    endless = Refusal(Sentence("columns_twice", where="f", named="the header", columns=["c" * 999] * 9))
    assert endless.reason.endswith("…")
    assert not isinstance(endless.reason, Sentence)


def _fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_language_fills_in_the_same_values() -> None:
    differing = [
        key for key, one in WORDS["sentences"].items() if len({frozenset(_fields(one[at])) for at in LANGUAGES}) > 1
    ]
    assert differing == []


def test_the_code_and_the_file_have_the_same_sentences() -> None:
    """Every key that the code names is there, and no other; keys in SQL are texts like any."""
    texts: set[str] = set()
    asked: set[str] = set()
    for file in [*(ROOT / "orchestration").rglob("*.py"), *(ROOT / "expectations").rglob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.add(node.value)
                texts |= set(re.findall(r"'(\w+)'", node.value))
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Sentence" and node.args:
                asked |= {
                    n.value for n in ast.walk(node.args[0]) if isinstance(n, ast.Constant) and isinstance(n.value, str)
                }
    by_name = {f"rule_{rule}" for rule in RULES} | set(get_args(findings.Name))
    known = set(WORDS["sentences"])
    assert asked - known - {"key", "rule_"} == set()
    assert known - texts - by_name == set()
    assert [rule for rule in RULES if not isinstance(rule_sentence(rule), Sentence)] == []


def test_values_that_are_words_of_ours_have_words() -> None:
    kinds = {kind for _, kind in signatures.SIGNATURES}
    names = {name for name, *_ in (*indicators.IDENTITIES, *indicators.UNWAITING)}
    assert (kinds | names) - set(WORDS["words"]) == set()


def test_a_sentence_that_lacks_a_language_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "sentences.yml"
    file.write_text("sentences: {a: {en: A, es: A}}\nwords: {b: {fr: B}}\n", encoding="utf-8")
    monkeypatch.setattr(sentences, "FILE", file)
    with pytest.raises(sentences.SentencesError, match=r"sentences\.a \(fr\), words\.b \(es\)"):
        sentences._file.__wrapped__()
