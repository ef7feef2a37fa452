"""Render the whole sample site from its texts: a pure function of the files in this package."""

import gzip
from collections.abc import Sequence
from pathlib import Path

from archive_pipeline.sample import documents, feeds, pages
from archive_pipeline.sample.release_text import (
    GROUPS,
    PACKAGE_FOLDER,
    Group,
    ReleaseText,
    load_release_texts,
)

PAGE_SIZE = 10
"""Releases on one listing page."""

_TEASERS = 3
_IMPRINT = """<p>Diese Website ist ein Beispiel. Sie zeigt, wie Pressemitteilungen im Netz stehen.</p>
<p>Die genannten Stellen gibt es; alle Inhalte, Zahlen, Zitate und Personen sind erfunden.</p>
<p>Die Texte sind gemeinfrei (CC0 1.0).</p>"""
_PRIVACY = "<p>Dieses Beispiel setzt keine Cookies und speichert nichts. Die Hinweise dazu sind Zierrat.</p>"
_NOT_FOUND = """<p>Die gewünschte Seite wurde leider nicht gefunden. Vielleicht wurde sie verschoben oder gelöscht.</p>
<p>Bitte prüfen Sie die Adresse oder beginnen Sie auf der <a href="/">Startseite</a>.</p>"""


def _html(release: ReleaseText, siblings: Sequence[ReleaseText], group: Group) -> bytes:
    """The page in its group's character set; what the set lacks becomes a character reference."""
    position = siblings.index(release)
    others = [siblings[(position + step) % len(siblings)] for step in range(1, _TEASERS + 1)]
    return pages.release_page(release, others).encode(group.encoding, errors="xmlcharrefreplace")


def _release_file(release: ReleaseText, siblings: Sequence[ReleaseText], group: Group) -> bytes:
    match release.format:
        case "pdf":
            return documents.pdf(release)
        case "docx":
            return documents.docx_document(release)
        case "eml":
            return documents.mail(release)
        case "txt":
            return documents.plain_text(release)
        case "md":
            return documents.markdown(release)
        case "html.gz":
            return gzip.compress(_html(release, siblings, group), mtime=0)
        case _:
            return _html(release, siblings, group)


def _listings(group: Group, releases: Sequence[ReleaseText]) -> dict[str, bytes]:
    chunks = [releases[start : start + PAGE_SIZE] for start in range(0, len(releases), PAGE_SIZE)]
    return {
        pages.listing_path(group, number): pages.listing_page(group, chunk, number, len(chunks)).encode(
            group.encoding, errors="xmlcharrefreplace"
        )
        for number, chunk in enumerate(chunks, start=1)
    }


def _start_page() -> str:
    items = []
    for group in GROUPS:
        feed = f' (<a href="/{group.feed}">Feed</a>)' if group.feed else ""
        items.append(f'<li><a href="/presse/{group.id}/">{group.title}</a>{feed}</li>')
    return pages.service_page("Presseportal", "<ul>\n" + "\n".join(items) + "\n</ul>")


def build_site() -> dict[str, bytes]:
    """Every file of the site by its path below the site's root; no clock, no random numbers."""
    releases = load_release_texts()
    site: dict[str, bytes] = {}
    for group in GROUPS:
        own = [release for release in releases if release.office.group == group.id]
        site |= _listings(group, own)
        site |= {f"releases/{release.path}": _release_file(release, own, group) for release in own}
        if group.feed:
            feed = feeds.atom_feed if group.feed.endswith(".atom") else feeds.rss_feed
            site[group.feed] = feed(group, own)
    listing_paths = [path for path in site if path.startswith("presse/")]
    site["sitemap.xml"] = feeds.sitemap(listing_paths, releases)
    site["robots.txt"] = feeds.robots_txt()
    site["index.html"] = _start_page().encode()
    site["impressum.html"] = pages.service_page("Impressum", _IMPRINT).encode()
    site["datenschutz.html"] = pages.service_page("Datenschutz", _PRIVACY).encode()
    site["404.html"] = pages.service_page("Seite nicht gefunden", _NOT_FOUND).encode()
    for asset in sorted((PACKAGE_FOLDER / "assets").iterdir()):
        site[f"assets/{asset.name}"] = asset.read_bytes()
    return site


def write_site(folder: Path) -> int:
    """Write the site below ``folder``, remove files that no longer belong to it, return the number of files."""
    site = build_site()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.relative_to(folder).as_posix() not in site:
            path.unlink()
    for name, content in site.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return len(site)
