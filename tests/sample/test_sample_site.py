"""The static sample site: up to date, complete, its links lead somewhere, its files open."""

import email
import email.policy
import gzip
import io
import zipfile
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import PurePosixPath
from urllib.parse import urljoin, urlsplit

import docx
import feedparser
import lxml.etree
import lxml.html
import pypdf
import pytest

from archive_pipeline.sample import SAMPLE_FOLDER, SAMPLE_SITE
from archive_pipeline.sample.feeds import announced
from archive_pipeline.sample.pages import SITE_ADDRESS
from archive_pipeline.sample.release_text import GROUPS, Format, Group, ReleaseText, load_release_texts
from archive_pipeline.sample.site_builder import PAGE_SIZE, build_site, write_site

RELEASES = load_release_texts()
FEED_GROUPS = [group for group in GROUPS if group.feed]


def files_of_site() -> dict[str, bytes]:
    return {
        path.relative_to(SAMPLE_SITE).as_posix(): path.read_bytes()
        for path in sorted(SAMPLE_SITE.rglob("*"))
        if path.is_file()
    }


def unpacked(name: str, content: bytes) -> object:
    """What must be equal on every machine: compressors and mail header folding differ between versions."""
    if name.endswith(".gz"):
        return gzip.decompress(content)
    if name.endswith(".docx"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return [(member.filename, member.date_time, archive.read(member)) for member in archive.infolist()]
    if name.endswith(".eml"):
        message = email.message_from_bytes(content, policy=email.policy.default)
        return list(message.items()), [part.get_content() for part in message.iter_parts()]
    return content


def html_pages() -> Iterator[tuple[str, bytes]]:
    for name, content in files_of_site().items():
        if name.endswith(".html"):
            yield name, content
        elif name.endswith(".html.gz"):
            yield name, gzip.decompress(content)


def of_group(group: Group) -> list[ReleaseText]:
    return [release for release in RELEASES if release.office.group == group.id]


def of_format(kind: Format) -> ReleaseText:
    return next(release for release in RELEASES if release.format == kind)


def lines_of(release: ReleaseText) -> list[str]:
    return [line for block in release.blocks for line in block.lines]


def squeezed(text: str) -> str:
    return " ".join(text.split())


def test_the_committed_site_is_what_the_texts_give() -> None:
    committed, built = files_of_site(), build_site()
    assert sorted(committed) == sorted(built), "run scripts/build_sample.py"
    stale = [name for name in built if unpacked(name, committed[name]) != unpacked(name, built[name])]
    assert stale == [], "run scripts/build_sample.py"


def test_building_twice_gives_the_same_bytes() -> None:
    assert build_site() == build_site()


def test_writing_removes_what_no_longer_belongs(tmp_path) -> None:
    (tmp_path / "releases").mkdir()
    (tmp_path / "releases" / "old.html").write_text("old")
    assert write_site(tmp_path) == len(build_site())
    assert not (tmp_path / "releases" / "old.html").exists()
    assert (tmp_path / "index.html").read_bytes() == (SAMPLE_SITE / "index.html").read_bytes()


class _Balance(HTMLParser):
    """Names elements that are closed wrongly."""

    void = frozenset({"meta", "link", "img", "br", "input", "path", "hr"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        """Closed in itself, as XHTML writes void elements."""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"{tag} at {self.getpos()}")


def test_pages_are_well_formed_in_their_declared_character_set() -> None:
    for name, content in html_pages():
        latin = "/verbaende/" in name
        text = content.decode("iso-8859-1" if latin else "utf-8")
        declared = "charset=iso-8859-1" if latin else 'charset="utf-8"'
        assert declared in text[:600].lower(), name
        balance = _Balance()
        balance.feed(text)
        assert (balance.wrong, balance.open) == ([], []), name
        assert "$" not in text, f"{name}: a placeholder was not filled"


def test_every_link_leads_to_a_file_of_the_site() -> None:
    names = set(files_of_site())
    dead = set()
    for name, content in html_pages():
        tree = lxml.html.fromstring(content)
        for _, _, link, _ in tree.iterlinks():
            target = urlsplit(urljoin(f"{SITE_ADDRESS}/{name}", link))
            if target.netloc == "sample.invalid":
                path = target.path.removeprefix("/")
                file = path + "index.html" if not path or path.endswith("/") else path
                dead |= {(name, link)} if file not in names else set()
            else:
                dead.add((name, link))
    assert dead == set()


@pytest.mark.parametrize(
    "release", [release for release in RELEASES if release.format.startswith("html")], ids=lambda release: release.id
)
def test_a_page_shows_each_paragraph_once_with_the_clutter_of_its_system(release: ReleaseText) -> None:
    content = (SAMPLE_FOLDER / release.path).read_bytes()
    tree = lxml.html.fromstring(gzip.decompress(content) if release.format == "html.gz" else content)
    text = squeezed(tree.text_content())
    for line in lines_of(release):
        assert text.count(squeezed(line)) == 1, line
    for wanted in (release.title, release.subtitle, release.embargo, release.source_line, *release.office.contact):
        assert squeezed(wanted) in text
    assert tree.findtext(".//h1") == release.title
    assert "Cookies" in text
    assert text.count("Weiterlesen") == 3
    assert "Impressum" in text
    for picture in release.pictures:
        assert picture.caption in text
        assert picture.credit in text


def test_each_group_marks_dates_in_its_own_way() -> None:
    marks = {
        "kommunen": lambda tree, release: tree.xpath("//time/@datetime") == [f"{release.published}"],
        "parteien": lambda tree, release: (
            tree.xpath("//meta[@property='article:published_time']/@content") == [f"{release.published}T09:30:00+00:00"]
        ),
        "verbaende": lambda tree, release: f"Meldungsdatum: {release.published:%d.%m.%Y}" in tree.text_content(),
        "land": lambda tree, release: (
            f'"datePublished": "{release.published}' in tree.findtext(".//script[@type='application/ld+json']")
        ),
    }
    for release in RELEASES:
        if release.format == "html" and release.published:
            tree = lxml.html.fromstring((SAMPLE_FOLDER / release.path).read_bytes())
            assert marks[release.office.group](tree, release), release.id
            others = set(marks) - {release.office.group}
            assert not any(name != "land" and marks[name](tree, release) for name in others), (
                f"{release.id} has a mark of another system"
            )


def test_an_undated_page_has_no_date_mark() -> None:
    undated = [release for release in RELEASES if release.published is None and release.format == "html"]
    assert undated
    for release in undated:
        tree = lxml.html.fromstring((SAMPLE_FOLDER / release.path).read_bytes())
        assert tree.xpath("//time | //meta[@property='article:published_time'] | //*[@class='posted-on']") == []


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.id)
def test_listing_pages_lead_to_every_release_in_tens(group: Group) -> None:
    seen: list[str] = []
    address: str | None = f"/presse/{group.id}/index.html"
    pages = 0
    while address:
        tree = lxml.html.fromstring((SAMPLE_SITE / address.removeprefix("/")).read_bytes())
        entries = tree.xpath("//li[@class='eintrag']/a/@href")
        assert 0 < len(entries) <= PAGE_SIZE
        seen += entries
        pages += 1
        address = next(iter(tree.xpath("//a[@rel='next']/@href")), None)
    assert sorted(seen) == sorted(f"/releases/{release.path}" for release in of_group(group))
    assert pages == -(-len(seen) // PAGE_SIZE)


@pytest.mark.parametrize("group", FEED_GROUPS, ids=lambda group: group.id)
def test_feeds_parse_and_announce_the_releases_of_their_group(group: Group) -> None:
    feed = feedparser.parse((SAMPLE_SITE / str(group.feed)).read_bytes())
    assert not feed.bozo
    assert feed.version == ("atom10" if group.id == "verbaende" else "rss20")
    expected = {f"{SITE_ADDRESS}/releases/{release.path}": release for release in announced(of_group(group))}
    assert [entry.link for entry in feed.entries] == list(expected)
    for entry in feed.entries:
        release = expected[entry.link]
        assert entry.title == release.title
        day = "{:04}-{:02}-{:02}".format(*entry.published_parsed) if "published_parsed" in entry else None
        assert day == (release.published.isoformat() if release.published else None)
        assert release.lead[:60] in entry.summary


def test_two_feeds_are_rss_and_one_is_atom() -> None:
    suffixes = sorted(PurePosixPath(str(group.feed)).suffix for group in FEED_GROUPS)
    assert suffixes == [".atom", ".xml", ".xml"]


def test_the_sitemap_lists_every_release_and_listing() -> None:
    tree = lxml.etree.fromstring((SAMPLE_SITE / "sitemap.xml").read_bytes())
    locations = {element.text for element in tree.iter("{*}loc")}
    expected = {name for name in files_of_site() if name.startswith(("releases/", "presse/"))}
    assert locations == {f"{SITE_ADDRESS}/{name}" for name in expected}
    assert f"Sitemap: {SITE_ADDRESS}/sitemap.xml" in (SAMPLE_SITE / "robots.txt").read_text()


def test_the_pdf_has_a_text_layer() -> None:
    release = of_format("pdf")
    with (SAMPLE_FOLDER / release.path).open("rb") as handle:
        reader = pypdf.PdfReader(handle, strict=True)
        text = squeezed(" ".join(page.extract_text() for page in reader.pages))
        assert reader.metadata is not None
        assert reader.metadata.title == release.title
    for line in (release.title, *lines_of(release), *release.office.contact):
        assert squeezed(line) in text


def test_the_docx_opens_with_title_and_paragraphs() -> None:
    release = of_format("docx")
    document = docx.Document(str(SAMPLE_FOLDER / release.path))
    paragraphs = [paragraph.text for paragraph in document.paragraphs]
    assert document.core_properties.title == release.title
    assert [line for line in (release.title, *lines_of(release)) if line not in paragraphs] == []


def test_the_mail_is_multipart_quoted_printable_with_umlauts() -> None:
    release = of_format("eml")
    raw = (SAMPLE_FOLDER / release.path).read_bytes()
    assert raw.isascii()
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert release.title in message["Subject"]
    assert message["Date"].datetime.date() == release.published
    parts = list(message.iter_parts())
    assert [part.get_content_type() for part in parts] == ["text/plain", "text/html"]
    assert {part["Content-Transfer-Encoding"] for part in parts} == {"quoted-printable"}
    for line in lines_of(release):
        assert all(line in squeezed(part.get_content()) for part in parts)


@pytest.mark.parametrize("release", [r for r in RELEASES if r.format in ("txt", "md")], ids=lambda release: release.id)
def test_text_files_hold_the_whole_release(release: ReleaseText) -> None:
    text = (SAMPLE_FOLDER / release.path).read_text(encoding="utf-8")
    for line in (release.office.name, release.title, release.source_line, *lines_of(release), *release.office.contact):
        assert line in text
