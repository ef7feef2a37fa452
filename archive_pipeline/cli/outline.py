"""The line that `try` writes for one document: the form of design contracts, field by field."""

from archive_pipeline.model import Article, Axis, Evidence, Processed, Tag

__all__ = ["out_line"]

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]


def out_line(document_id: str, processed: Processed, *, details: bool = False) -> dict[str, Json]:
    """One document as JSON. `details` adds what was removed and the milliseconds of each step."""
    article = processed.article or Article()
    line: dict[str, Json] = {
        "id": document_id,
        "status": processed.status,
        "reason": processed.reason,
        "title": article.title,
        "subtitle": article.subtitle,
        "published": article.published.isoformat() if article.published else None,
        "published_confidence": article.published_confidence,
        "published_source": article.published_source,
        "modified": article.modified.isoformat() if article.modified else None,
        "number": article.number,
        "author": article.author,
        "agency": article.agency,
        "language": article.language,
        "text": article.text,
        "teaser": article.teaser,
        "dateline": article.dateline,
        "source_line": article.source_line,
        "contact": article.contact,
        "boilerplate": article.boilerplate,
        "embargo": article.embargo,
        "url": article.url,
        "state": article.state,
        "pages": list(article.pages),
        "credits": [{"kind": credit.kind, "text": credit.text} for credit in article.credits],
        "tags": [_tag(tag, article) for tag in processed.tags],
        "persons": [
            {"name": person.name, "role": person.role, "party": person.party, "start": person.start, "end": person.end}
            for person in processed.persons
        ],
        "quotes": [
            {"text": quote.text, "speaker": quote.speaker, "start": quote.start, "end": quote.end}
            for quote in processed.quotes
        ],
        "failures": [
            {"stage": failure.stage, "reason": failure.reason, "plugin": failure.plugin}
            for failure in processed.failures
        ],
    }
    if details:
        line["notes"] = list(article.notes)
        line["removed"] = [{"rule": span.rule, "text": span.text, "start": span.start} for span in article.removed]
        line["timings"] = {name: round(milliseconds, 3) for name, milliseconds in processed.timings.items()}
    return line


def _tag(tag: Tag, article: Article) -> dict[str, Json]:
    line: dict[str, Json] = {
        "axis": tag.axis.value,
        "value": tag.value,
        "label": tag.label,
        "role": tag.role.value,
        "score": round(tag.score, 4),
        "by": tag.by,
        "evidence": [_evidence(span, article) for span in tag.evidence],
    }
    if tag.axis == Axis.DISTRICT:
        line["municipality"] = list(tag.municipalities)
    if tag.axis == Axis.TOPIC:
        line["keywords"] = [
            {
                "label": keyword.label,
                "wikidata": keyword.wikidata,
                "gnd": keyword.gnd,
                "nwbib": keyword.nwbib,
                "evidence": _evidence(keyword.evidence, article),
            }
            for keyword in tag.keywords
        ]
    return line


def _evidence(span: Evidence, article: Article) -> dict[str, Json]:
    line: dict[str, Json] = {"start": span.start, "end": span.end, "text": span.text, "field": span.field}
    if span.field == "text" and (page := article.page_at(span.start)):
        line["page"] = page
    return line
