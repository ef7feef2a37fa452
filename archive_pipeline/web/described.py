"""What a release page says of itself to machines: Highwire and Dublin Core tags, and JSON-LD of schema.org."""

import json
from dataclasses import dataclass

from archive_pipeline.export.citations import Citation
from archive_pipeline.model import Axis, Release

__all__ = ["Described", "described"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """Pairs of name and content for `<meta>`, and the JSON-LD object as text that is safe inside `<script>`."""

    tags: tuple[tuple[str, str], ...]
    json_ld: str


def described(cited: Citation, release: Release, url: str) -> Described:
    """The metadata of a release page at an address; what the release does not say is left out."""
    day = cited.published.isoformat() if cited.published else None
    rows: list[tuple[str, str | None]] = [
        ("citation_title", cited.title),
        ("citation_author", cited.author or cited.issuer),
        ("citation_publisher", cited.issuer),
        ("citation_publication_date", day.replace("-", "/") if day else None),
        ("citation_language", cited.language),
        ("citation_public_url", url),
        *(("citation_keywords", subject) for subject in cited.subjects),
        ("DC.title", cited.title),
        ("DC.creator", cited.author or cited.issuer),
        ("DC.publisher", cited.issuer),
        ("DC.date", day),
        ("DC.language", cited.language),
        ("DC.identifier", url),
        ("DC.source", release.url),
        ("DC.type", "Text"),
        *(("DC.subject", subject) for subject in cited.subjects),
        *(("DC.coverage", tag.label) for tag in release.tags if tag.axis is Axis.DISTRICT),
    ]
    about = {
        "@context": "https://schema.org",
        "@type": "NewsArticle",
        "genre": "Pressemitteilung",
        "headline": cited.title,
        "url": url,
        "identifier": cited.permalink,
        "publisher": {"@type": "Organization", "name": cited.issuer},
        "author": {"@type": "Person", "name": cited.author}
        if cited.author
        else {"@type": "Organization", "name": cited.issuer},
        "datePublished": day,
        "dateModified": release.article.modified.isoformat() if release.article.modified else None,
        "inLanguage": cited.language,
        "keywords": list(cited.subjects),
        "isBasedOn": release.url,
        "sha256": cited.sha256,
        "archivedAt": url,
    }
    text = json.dumps({name: value for name, value in about.items() if value}, ensure_ascii=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Described(tags=tuple((name, value) for name, value in rows if value), json_ld=text)
