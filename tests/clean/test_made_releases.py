"""What holds whatever stands in a release: sentences and furniture, as a page and as a text file, with what was learned
and without."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from archive_pipeline.clean import CapturePage, cleaners
from archive_pipeline.errors import CleanError, Quarantine
from archive_pipeline.model import Article, Capture, LearnedLine, LearnedProfile, Source
from archive_pipeline.plugin_manager import PluginManager, load_plugins
from archive_pipeline.processing.chain import clean

TITLE = "Neue Räume für die Gesamtschule"
SENTENCES = (
    "Der Kreistag hat am Montag beschlossen, die Gesamtschule in Auental um zwei Räume zu erweitern.",
    "„Das ist ein guter Tag für die Kinder“, sagte Landrätin Pia Holm nach der Sitzung.",
    "Der Umbau kostet 2,4 Millionen Euro und soll im Sommer 2027 fertig sein, teilte die Verwaltung mit.",
    "Im vergangenen Jahr waren es 1.250 Besucherinnen und Besucher, im Jahr davor 980.",
    "Wer helfen möchte, kann auf das Konto DE02 1203 0000 0000 2020 51 spenden.",
    "Anmeldungen sind bis zum 12. März unter Telefon 02921 4711 oder per E-Mail an fest@auental.example möglich.",
)
FURNITURE = (
    "Auental.",
    "Auental, 12.03.2026 –",
    "Kreis Auental",
    "Pressemitteilung Nr. 17/2026",
    "Meldungsdatum: 12.03.2026",
    "12.03.2026",
    "Startseite",
    "Foto: Kreis Auental",
    "Unser Bild zeigt v.l.n.r. Pia Holm und Tom Berg",
    "Von Pia Holm",
    "(ots)",
    "Quelle: SPD Auental",
    "Pressekontakt:",
    "Pia Holm, Telefon 02921 4711, presse@auental.example",
    "Über uns",
    "Über den Kreis Auental",
    "Der Kreis Auental ist Heimat von 120.000 Menschen und Arbeitgeber für 900 Beschäftigte an sieben Standorten.",
    "Hintergrund:",
    "Weitere Informationen",
    "Weiterlesen …",
    "Teilen auf Facebook",
    "Drucken",
    "Nach oben",
    "Lesezeit: 3 Minuten",
    "Sperrfrist: 12.03.2026, 10 Uhr",
    "Es gilt das gesprochene Wort.",
    "Schreibe einen Kommentar",
    "+++",
    "- - -",
    "© 2026",
    "Social Media",
    "Anzeige",
    TITLE,
)
HEAD = (
    "Startseite",
    "Pressemitteilung Nr. 17/2026",
    "Meldungsdatum: 12.03.2026",
    "Lesezeit: 3 Minuten",
    "Von Pia Holm",
)
TAIL = (
    ("Foto: Kreis Auental",),
    ("Quelle: SPD Auental",),
    ("Pressekontakt:", "Pia Holm, Telefon 02921 4711, presse@auental.example"),
    (
        "Über den Kreis Auental",
        "Der Kreis Auental ist Heimat von 120.000 Menschen und Arbeitgeber für 900 Beschäftigte an sieben Standorten.",
    ),
    ("Teilen auf Facebook",),
    ("Nach oben",),
)
LINE = st.one_of(
    st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=4).map(" ".join),
    st.sampled_from(FURNITURE),
    st.sampled_from(FURNITURE),
)
TAG = st.sampled_from(("p", "p", "p", "div", "h2", "li", "strong", "figcaption", "td"))
ANEW = {"extract", "lead", "text"}
"""Steps that make a text or put its white space in order: they hold no text to be put together again."""
STEPS = [(name, cleaner) for name, cleaner, _ in sorted(cleaners(), key=lambda step: (step[2], step[0]))]

many = settings(max_examples=150, deadline=None, derandomize=True)


def capture_of(lines: list[tuple[str, str]], *, as_page: bool) -> Capture:
    """Texts and tags as a page, or the texts alone as a file."""
    if as_page:
        body = "".join(f"<{tag}>{text}</{tag}>" for text, tag in lines)
        head = f"<head><title>{TITLE} | Kreis Auental</title></head>"
        content = f"<html>{head}<body><h1>{TITLE}</h1><main>{body}</main></body></html>"
    else:
        content = "\n\n".join((TITLE, *(text for text, _ in lines)))
    return Capture(
        source_id="probe",
        key="meldung.html" if as_page else "meldung.txt",
        target="https://www.auental.example/meldung",
        url="https://www.auental.example/meldung",
        body=content.encode(),
        sha256="",
        captured_at=datetime(2026, 11, 22, tzinfo=UTC),
        record_id="<urn:uuid:0>",
        media_type="text/html" if as_page else "text/plain",
    )


@st.composite
def any_order(draw: st.DrawFn) -> tuple[Capture, Source]:
    """A page or a text file of such lines, and a source that may have learned some of them."""
    lines = draw(st.lists(st.tuples(LINE, TAG), min_size=1, max_size=16))
    learned = draw(st.lists(st.tuples(st.sampled_from(lines), st.sampled_from(("head", "tail"))), max_size=4))
    profile = LearnedProfile(
        source_id="probe",
        number=1,
        lines=tuple(LearnedLine(text=text, place=place, releases=9) for (text, _), place in learned),  # type: ignore[arg-type]
        releases=12,
        software="probe",
    )
    return capture_of(lines, as_page=draw(st.booleans())), Source(id="probe", profile=profile if learned else None)


@st.composite
def usual_order(draw: st.DrawFn) -> tuple[Capture, Source]:
    """A release as offices write them: some lines of a letterhead, paragraphs, some lines behind them."""
    chosen = [line for line in HEAD if draw(st.booleans())]
    chosen += draw(st.lists(st.sampled_from(SENTENCES), min_size=4, max_size=6, unique=True))
    chosen += [line for block in TAIL if draw(st.booleans()) for line in block]
    return capture_of([(line, "p") for line in chosen], as_page=draw(st.booleans())), Source(id="probe")


def steps(capture: Capture, source: Source, article: Article) -> Iterator[tuple[str, Article, Article]]:
    """The article before and after each step; what the gate says ends nothing."""
    page = CapturePage(capture)
    for name, cleaner in STEPS:
        before = article
        try:
            article = cleaner.clean(before, page, source)
        except Quarantine:
            continue
        except CleanError:
            return
        yield name, before, article


def last(capture: Capture, source: Source, article: Article) -> Article:
    return [article, *(after for _, _, after in steps(capture, source, article))][-1]


@pytest.fixture(scope="module")
def plugins() -> PluginManager:
    return load_plugins(None, os.environ)


@many
@given(release=any_order())
def test_removed_and_kept_are_what_was_extracted(release: tuple[Capture, Source]) -> None:
    for name, before, after in steps(*release, Article()):
        text = after.text
        for removed in reversed(after.removed[len(before.removed) :]):
            text = text[: removed.start] + removed.text + text[removed.start :]
        assert name in ANEW or text == before.text, name


@many
@given(release=usual_order())
def test_cleaning_what_is_clean_changes_nothing(release: tuple[Capture, Source]) -> None:
    article = last(*release, Article())
    assume(article.text)  # from nothing cleaning begins anew
    again = last(*release, replace(article, removed=()))
    assert again.text == article.text
    assert again.title == article.title
    assert again.removed == ()


@many
@given(release=any_order())
def test_a_rule_that_takes_over_30_percent_is_noted(plugins: PluginManager, release: tuple[Capture, Source]) -> None:
    article = clean(*release, plugins).article
    assert article is not None
    taken: Counter[str] = Counter()
    for span in article.removed:
        taken[span.rule] += len(span.text)
    whole = len(article.text) + taken.total()
    noted = {note.split(":", 1)[1].rpartition(":")[0] for note in article.notes if note.startswith("large-removal:")}
    assert noted == {rule for rule, size in taken.items() if size > 0.3 * whole}
