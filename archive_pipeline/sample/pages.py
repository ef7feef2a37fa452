"""HTML pages of the sample site: four content systems, one function per kind of page.

The page furniture lies in ``templates/`` (``string.Template``); this module fills it. Each group marks the date
in its own way, because that is what cleaners meet: a ``time`` element, an ``article:published_time`` property,
a visible "Meldungsdatum" line, and JSON-LD.
"""

import datetime
import json
from collections.abc import Sequence
from html import escape
from string import Template

from archive_pipeline.sample.release_text import PACKAGE_FOLDER, Block, Group, GroupId, Picture, ReleaseText

SITE_ADDRESS = "http://sample.invalid"
"""Stands for the site's own address in the static files; the server puts its real one there."""

_MONTHS = (
    *("Januar", "Februar", "März", "April", "Mai", "Juni"),
    *("Juli", "August", "September", "Oktober", "November", "Dezember"),
)
_SECTION_TAG: dict[GroupId, str] = {"kommunen": "h2", "parteien": "h3", "verbaende": "b", "land": "h2"}


def german_date(day: datetime.date) -> str:
    """``12. März 2024``, whatever the locale."""
    return f"{day.day}. {_MONTHS[day.month - 1]} {day.year}"


def _template(name: str) -> Template:
    return Template((PACKAGE_FOLDER / "templates" / f"{name}.html").read_text(encoding="utf-8"))


def _text(text: str, group: GroupId) -> str:
    """Escaped text; the municipal system keeps amounts together with a non-breaking space, as many do."""
    escaped = escape(text, quote=False)
    return escaped.replace(" Euro", "&nbsp;Euro") if group == "kommunen" else escaped


def _paragraph(text: str, group: GroupId, *, dateline: str, is_lead: bool) -> str:
    inner = _text(text, group)
    if dateline and text.startswith(dateline):
        inner = f"<strong>{_text(dateline, group)}</strong>{inner.removeprefix(_text(dateline, group))}"
    if group == "verbaende":
        return f'<p class="bodytext">{inner}</p>'
    if is_lead and group == "land":
        return f'<p class="einleitung">{inner}</p>'
    return f"<p>{inner}</p>"


def _block(block: Block, release: ReleaseText, *, is_lead: bool) -> str:
    group = release.office.group
    if block.kind == "list":
        return "<ul>\n" + "\n".join(f"<li>{_text(line, group)}</li>" for line in block.lines) + "\n</ul>"
    if block.kind == "heading":
        tag = _SECTION_TAG[group]
        heading = f"<{tag}>{_text(block.lines[0], group)}</{tag}>"
        return f'<p class="bodytext">{heading}</p>' if group == "verbaende" else heading
    dateline = release.dateline if is_lead and group in ("kommunen", "verbaende") else ""
    return _paragraph(block.lines[0], group, dateline=dateline, is_lead=is_lead)


def _body(release: ReleaseText) -> str:
    return "\n".join(_block(block, release, is_lead=number == 0) for number, block in enumerate(release.blocks))


def _figure(picture: Picture, group: GroupId, number: int) -> str:
    image = f'<img src="/assets/bild-{number % 3 + 1}.svg" alt="" width="640" height="360">'
    credit = escape(picture.credit, quote=False)
    caption = escape(picture.caption, quote=False)
    if group == "verbaende":
        image = image.replace(">", " />")
        return f'<div class="csc-textpic">{image}<div class="csc-textpic-caption">{caption}<br />{credit}</div></div>'
    small = f'<span class="copyright">{credit}</span>'
    return f"<figure>{image}<figcaption>{caption} {small}</figcaption></figure>"


def _date_line(release: ReleaseText) -> str:
    """The line with date and number as the group's system prints it; empty for an undated release."""
    day = release.published
    number = escape(release.number, quote=False)
    match release.office.group, day:
        case "kommunen", datetime.date():
            tail = f" | {number}" if number else ""
            return f'<p class="datum"><time datetime="{day}">{german_date(day)}</time>{tail}</p>'
        case "parteien", datetime.date():
            return f'<span class="posted-on">{german_date(day)}</span> '
        case "verbaende", datetime.date():
            return f'<div class="news-date">Meldungsdatum: {day:%d.%m.%Y}</div>'
        case _:
            return ""


def _subtitle(release: ReleaseText) -> str:
    if not release.subtitle:
        return ""
    text = escape(release.subtitle, quote=False)
    match release.office.group:
        case "parteien":
            return f"<p><em>{text}</em></p>"
        case "verbaende":
            return f'<h2 class="untertitel">{text}</h2>'
        case _:
            return f'<p class="untertitel">{text}</p>'


def _about(release: ReleaseText) -> str:
    if not release.office.about:
        return ""
    heading, about = escape(release.office.about_heading), escape(release.office.about, quote=False)
    return f"<p><b>{heading}</b></p>\n<p>{about}</p>"


def _head(release: ReleaseText) -> str:
    """Machine-readable facts in the page's head: Open Graph or JSON-LD; empty for the other two groups."""
    day = release.published
    match release.office.group, day:
        case "parteien", datetime.date():
            return f'<meta property="article:published_time" content="{day}T09:30:00+00:00">'
        case "land", _:
            facts = {
                "@context": "https://schema.org",
                "@type": "NewsArticle",
                "headline": release.title,
                "url": f"{SITE_ADDRESS}/releases/{release.path}",
                "datePublished": f"{day}T10:00:00+01:00" if day else None,
                "publisher": {"@type": "GovernmentOrganization", "name": release.office.name},
            }
            content = json.dumps(facts, ensure_ascii=False, indent=1).replace("<", "\\u003c")
            return f'<script type="application/ld+json">\n{content}\n</script>'
        case _:
            return ""


def _teasers(others: Sequence[ReleaseText]) -> str:
    return "\n".join(
        f'<div class="teaser"><h3><a href="/releases/{other.path}">{escape(other.title, quote=False)}</a></h3>'
        f'<p>{escape(other.teaser(), quote=False)} <a href="/releases/{other.path}">Weiterlesen</a></p></div>'
        for other in others
    )


def _line(text: str) -> str:
    return f"<p>{escape(text, quote=False)}</p>" if text else ""


def release_page(release: ReleaseText, others: Sequence[ReleaseText]) -> str:
    """The page of one release; ``others`` are the releases teased below it."""
    group = release.office.group
    opening = _line(release.number) if group == "land" else ""
    main = _template(f"{group}-release").substitute(
        title=escape(release.title, quote=False),
        subtitle=_subtitle(release),
        office=escape(release.office.name),
        author=escape(release.author or "Redaktion"),
        date_line=_date_line(release),
        embargo=opening + (f"<p><strong>{escape(release.embargo)}</strong></p>" if release.embargo else ""),
        pictures="\n".join(
            _figure(picture, group, number) for number, picture in enumerate(release.pictures, start=len(release.title))
        ),
        body=_body(release),
        source_line=_line(release.source_line),
        contact_heading=escape(release.office.contact_heading),
        contact="<br>".join(escape(line) for line in release.office.contact),
        about=_about(release),
        teasers=_teasers(others),
    )
    return _template(group).substitute(
        page_title=escape(release.title),
        description=escape(release.teaser(155)),
        canonical=f"{SITE_ADDRESS}/releases/{release.path}",
        head=_head(release),
        main=main,
    )


def listing_path(group: Group, number: int) -> str:
    """Path of a listing page inside the site; the first one is the group's start page."""
    return f"presse/{group.id}/" + ("index.html" if number == 1 else f"seite-{number}.html")


def _listing_entry(release: ReleaseText) -> str:
    day = f'<span class="datum">{release.published:%d.%m.%Y}</span> ' if release.published else ""
    kind = "" if release.format == "html" else f" ({release.format.upper()})"
    return (
        f'<li class="eintrag">{day}<a href="/releases/{release.path}">{escape(release.title, quote=False)}</a>{kind}'
        f"<br>{escape(release.teaser(120), quote=False)}</li>"
    )


def listing_page(group: Group, releases: Sequence[ReleaseText], number: int, total: int) -> str:
    """Page ``number`` of ``total`` listing pages, with links to its neighbours."""
    links = []
    if number > 1:
        links.append(f'<a rel="prev" href="/{listing_path(group, number - 1)}">&laquo; Neuere Meldungen</a>')
    links.append(f"Seite {number} von {total}")
    if number < total:
        links.append(f'<a rel="next" href="/{listing_path(group, number + 1)}">Ältere Meldungen &raquo;</a>')
    entries = "\n".join(_listing_entry(release) for release in releases)
    return _template(group.id).substitute(
        page_title=escape(group.title),
        description=escape(f"{group.title}: alle Pressemitteilungen, Seite {number}"),
        canonical=f"{SITE_ADDRESS}/{listing_path(group, number)}",
        head="",
        main=f'<h1>{escape(group.title)}</h1>\n<ul class="liste">\n{entries}\n</ul>\n'
        f'<p class="seiten">{" | ".join(links)}</p>',
    )


def service_page(title: str, main: str) -> str:
    """A page outside the groups (start page, imprint, privacy, not found); ``main`` is HTML."""
    return _template("service").substitute(page_title=escape(title), main=main)
