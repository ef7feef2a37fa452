"""`show --why`: why a release carries its tags, what people decided, and what spoke against others."""

from collections.abc import Sequence
from dataclasses import dataclass

import click
from sqlite_utils import Database

from archive_pipeline.archive.decided import DecisionRow, decision_history
from archive_pipeline.archive.reading import derived_tags
from archive_pipeline.cli.wording import AXES, ROLES, german_date, german_moment, in_brackets, keyword_line, shorten
from archive_pipeline.model import Article, Axis, Doubt, Evidence, Release, Tag
from archive_pipeline.processing.chain import Explanation, doubts
from archive_pipeline.upkeep.reprocessing import named_capture, source_of
from archive_pipeline.workspace import Workspace

__all__ = ["Reasons", "find_reasons", "show_why"]

CONTEXT = 40
"""Characters shown on each side of a piece of evidence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reasons:
    """Everything behind the tags of a release: what the rules found, what people decided about it, newest first, and
    what the rules of today left out. `outdated` names classifiers that have changed since the release was tagged, as
    `name@then → name@now`."""

    found: tuple[Tag, ...]
    decisions: tuple[DecisionRow, ...]
    explanation: Explanation
    outdated: tuple[str, ...]


def find_reasons(workspace: Workspace, db: Database, release: Release) -> Reasons:
    """Ask the database and, for what is not stored, the rules: they are pure and see the article as it is stored."""
    found = tuple(derived_tags(db, [release.id]).get(release.id, ()))
    versions = {entry.name: str(entry.obj.version) for entry in workspace.plugins.classifiers}
    stored = sorted({tag.by for tag in found})
    outdated = [
        f"{by} → {name}@{versions[name]}"
        for by in stored
        if (name := by.rpartition("@")[0]) in versions and by != f"{name}@{versions[name]}"
    ]
    source = source_of(workspace, db, release.source_id)
    return Reasons(
        found=found,
        decisions=tuple(decision_history(db, release.id)),
        explanation=doubts(release.article, named_capture(release), source, workspace.plugins),
        outdated=tuple(outdated),
    )


def show_why(release: Release, reasons: Reasons) -> None:
    """All of it, axis by axis, as lines for people."""
    article = release.article
    origin = f"aus {article.published_source}, {article.published_confidence}" if article.published else "unbekannt"
    click.echo(f"{'Datum':<13} {german_date(article.published)} ({origin}; erfasst {release.captured_at:%d.%m.%Y})")
    for line in reasons.outdated:
        click.echo(
            f"Hinweis: seither geänderte Regeln ({line}); was dagegen sprach, sagen die heutigen. "
            "archive-pipeline reprocess --stage classify bringt beides überein"
        )
    if not release.tags:
        click.echo("Keine Schlagworte: kein Beleg war stark genug.")
    effective = {(tag.axis, tag.value) for tag in release.tags}
    for tag in release.tags:
        _explain(tag, article, reasons)
    for tag in reasons.found:
        if (tag.axis, tag.value) not in effective:
            is_removed = any(_counts(row, tag) and row.action == "remove" for row in reasons.decisions)
            _explain(tag, article, reasons, prefix="Entfernt " if is_removed else "Vorschlag ")
    _show_doubts(reasons.explanation.doubts, article)
    for failure in reasons.explanation.failures:
        click.echo(f"Was dagegen sprach, ist nicht zu sagen: {failure.reason}")


def _counts(row: DecisionRow, tag: Tag) -> bool:
    return row.undone_by is None and (row.axis, row.value) == (tag.axis, tag.value)


def _explain(tag: Tag, article: Article, reasons: Reasons, prefix: str = "") -> None:
    head = f"{AXES[tag.axis]:<13} {tag.label} ({tag.value})"
    click.echo(f"{prefix}{head}   {ROLES[tag.role]}   {tag.score:.2f}   {tag.by}")
    for span in tag.evidence:
        click.echo(f"    {_in_context(span, article)}")
    for keyword in tag.keywords:
        click.echo(f"    Stichwort {keyword_line(keyword)}")
    for row in reasons.decisions:
        if (row.axis, row.value) == (tag.axis, tag.value):
            click.echo(f"    Entscheidung: {_decided(row)}")
    if tag.by.startswith("decision@"):
        for found in reasons.found:
            if (found.axis, found.value) == (tag.axis, tag.value):
                click.echo(f"    die Regeln fanden: {ROLES[found.role]}   {found.score:.2f}   {found.by}")


def _decided(row: DecisionRow) -> str:
    verb = "gesetzt" if row.action == "add" else "entfernt"
    note = f" – {row.note}" if row.note else ""
    undone = f"; zurückgenommen von {row.undone_by}, {german_moment(row.undone_at)}" if row.undone_by else ""
    return f"{verb} ({ROLES[row.role]}) von {row.decided_by}, {german_moment(row.decided_at)}{note}{undone}"


def _in_context(span: Evidence, article: Article) -> str:
    """The span, where it stands, and the words around it."""
    text = article.title or "" if span.field == "title" else article.text
    where = "Titel" if span.field == "title" else "Text"
    if span.field == "text" and (page := article.page_at(span.start)):
        where = f"Seite {page}, {where}"
    around = in_brackets(text, span.start, span.end, CONTEXT)
    context = f"   {around}" if around != f"[{span.text}]" else ""
    return f"„{shorten(span.text, 100)}“  {where} {span.start}–{span.end}{context}"


def _show_doubts(found: Sequence[Doubt], article: Article) -> None:
    if found:
        click.echo("Dagegen sprach:")
    for axis in Axis:
        for doubt in found:
            if doubt.axis == axis:
                value = f" ({doubt.value})" if doubt.value else ""
                click.echo(f"  {AXES[axis]:<13} {doubt.label}{value}: {doubt.reason}")
                if doubt.evidence is not None:
                    click.echo(f"      {_in_context(doubt.evidence, article)}")
