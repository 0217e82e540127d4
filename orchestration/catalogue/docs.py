"""Writes the indicators' documentation pages, docs/indicators.<language>.md, from the catalogue.

Here: the pages. Not here: what they say (dbt_project/kpi_catalogue.yml). Run `python -m orchestration.catalogue.docs`
after a change of the catalogue; a test holds them equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from orchestration.catalogue.catalogue import load
from orchestration.catalogue.model import LANGUAGES, Catalogue, Indicator
from orchestration.settings import PROJECT

DOCS = PROJECT / "docs"

WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "title": "Indicators",
        "intro": (
            "Every indicator that Causerie computes, from its catalogue. A *fixed* one never changes once its "
            "period is over, unless data arrive late or corrected; a *fluctuating* one may, for about the days "
            "given. A *live* one is read at this moment, straight from the chat database, by `causerie live`. "
            "*Proposed* marks definitions of ours where the dashboards replaced leave one open. Return "
            "on investment is not among them: it needs costs, which no source gives."
        ),
        "ref": "Ref", "name": "Name", "meaning": "Meaning", "unit": "Unit", "stability": "Stability",
        "filters": "Filters", "proposed": "proposed", "days": "days", "shows": "shows",
        "count": "count", "ratio": "ratio", "seconds": "seconds", "amount": "amount", "score": "score 1 to 5",
        "fixed": "fixed", "fluctuating": "fluctuating", "mixed": "mixed",
        "live": "live",
        "source": "source", "member": "member", "role": "role", "channel": "channel",
        "inbox": "inbox", "conversation_channel": "conversation channel",
    },
    "fr": {
        "title": "Indicateurs",
        "intro": (
            "Tous les indicateurs que Causerie calcule, tirés de son catalogue. Un indicateur *fixe* ne change "
            "plus une fois sa période terminée, sauf données tardives ou corrigées ; un indicateur *fluctuant* "
            "le peut, pendant environ les jours indiqués. Un indicateur *en direct* se lit à l'instant, dans la "
            "base de discussion, par `causerie live`. *Proposé* signale nos définitions là où les tableaux "
            "de bord remplacés n'en donnent pas. Le retour sur investissement n'y figure pas : il demande des "
            "coûts, qu'aucune source ne donne."
        ),
        "ref": "Réf", "name": "Nom", "meaning": "Sens", "unit": "Unité", "stability": "Stabilité",
        "filters": "Filtres", "proposed": "proposé", "days": "jours", "shows": "présente",
        "count": "nombre", "ratio": "rapport", "seconds": "secondes", "amount": "montant", "score": "note de 1 à 5",
        "fixed": "fixe", "fluctuating": "fluctuant", "mixed": "mixte",
        "live": "en direct",
        "source": "source", "member": "membre", "role": "rôle", "channel": "canal",
        "inbox": "boîte de réception", "conversation_channel": "canal de conversation",
    },
    "es": {
        "title": "Indicadores",
        "intro": (
            "Todos los indicadores que calcula Causerie, tomados de su catálogo. Uno *fijo* no cambia una vez "
            "terminado su periodo, salvo datos tardíos o corregidos; uno *fluctuante* puede hacerlo, durante "
            "unos días como los indicados. Uno *en directo* se lee en el momento, en la base del chat, con "
            "`causerie live`. *Propuesto* señala definiciones nuestras donde los paneles "
            "sustituidos no dan ninguna. El retorno de la inversión no está: requiere costes, que ninguna "
            "fuente da."
        ),
        "ref": "Ref", "name": "Nombre", "meaning": "Significado", "unit": "Unidad", "stability": "Estabilidad",
        "filters": "Filtros", "proposed": "propuesto", "days": "días", "shows": "presenta",
        "count": "cantidad", "ratio": "razón", "seconds": "segundos", "amount": "importe", "score": "nota de 1 a 5",
        "fixed": "fijo", "fluctuating": "fluctuante", "mixed": "mixto",
        "live": "en directo",
        "source": "origen", "member": "miembro", "role": "rol", "channel": "canal",
        "inbox": "bandeja", "conversation_channel": "canal de conversación",
    },
}  # fmt: skip


def page(catalogue: Catalogue, language: str) -> str:
    """The page of one language (en, fr, es), an area a section, as Markdown."""
    words = WORDS[language]
    header = [words[key] for key in ("ref", "name", "meaning", "unit", "stability", "filters")]
    lines = [f"# {words['title']}", "", words["intro"]]
    for area, names in catalogue.areas.items():
        lines += ["", f"## {names[language]}", "", f"| {' | '.join(header)} |", "| --- | --- | --- | --- | --- | --- |"]
        lines += [_row(i, language, words) for i in catalogue.indicators.values() if i.area == area]
    return "\n".join(lines) + "\n"


def _row(i: Indicator, language: str, words: Mapping[str, str]) -> str:
    stability = words[i.stability] + (f" ({i.settling_days} {words['days']})" if i.settling_days else "")
    stability += f", {words['proposed']}" if i.status == "proposed" else ""
    meaning = i.meaning[language]
    if i.shows:
        meaning += f" ({words['shows']} {', '.join(shown.ref for shown in i.shows)})"
    filters = ", ".join(words[f] for f in i.filters) or "-"
    return f"| {i.ref} | {i.names[language]} | {meaning} | {words[i.unit]} | {stability} | {filters} |"


def render() -> dict[Path, str]:
    """The pages by their path."""
    return {DOCS / f"indicators.{language}.md": page(load(), language) for language in LANGUAGES}


if __name__ == "__main__":
    DOCS.mkdir(exist_ok=True)
    for path, content in render().items():
        path.write_text(content, encoding="utf-8")
