"""Lists with several pages over several runs: the new part, until what is known, and the past in small steps."""

import json
import logging
from datetime import date

import pytest
from pydantic import ValidationError

from archive_pipeline.errors import FetchError, TransientFetchError
from archive_pipeline.fetch import paging
from archive_pipeline.fetch.feed import FeedFetcher, FeedOptions
from archive_pipeline.fetch.listing import ListingFetcher, ListingOptions
from archive_pipeline.model import Source
from archive_pipeline.testing import replay

HOST = "http://amt.example/"
A_PAGE = 3


class Site:
    """A listing over many pages, newest entries first, visited run after run; `stops` fails those pages."""

    def __init__(self, count=30, *, linked=False, **options):
        self.entries = list(range(count, 0, -1))
        self.newest = count
        self.linked = linked
        self.stops = {}
        following = {"next": "a.weiter"} if linked else {"page_parameter": "p"}
        self.options = ListingOptions(items="li", **following, **options)
        self.known = set()
        self.bookmark = None
        self.read = []

    def publish(self, count=1):
        for _ in range(count):
            self.newest += 1
            self.entries.insert(0, self.newest)

    def page(self, number):
        entries = self.entries[(number - 1) * A_PAGE :][:A_PAGE]
        if not entries:
            return None
        items = "".join(f"<li><a href='/{entry}'>Meldung {entry}</a></li>" for entry in entries)
        more = f"<a class='weiter' href='?p={number + 1}'>Ältere</a>" if self.linked else ""
        return f"<ul>{items}</ul>{more if number * A_PAGE < len(self.entries) else ''}".encode()

    def run(self, since=None):
        """The entries that one run offers, as numbers."""
        pages = {number: self.page(number) for number in range(1, 1 + len(self.entries))}
        answers = {f"{HOST}?p={number}": body for number, body in pages.items() if body}
        answers[HOST] = pages[1]
        for number, error in self.stops.items():
            answers[f"{HOST}?p={number}"] = error
        context = replay(answers, since=since)
        context.known = set(self.known)
        if self.bookmark is not None:
            context.keep_bookmark(self.bookmark)
        source = Source(id="amt", url=HOST, options=self.options)
        found = []
        try:
            for item in ListingFetcher().discover(source, context):
                found.append(item)
        finally:
            self.read = [int(url.partition("?p=")[2] or 1) for url in context.asked]
        self.known |= {item.key for item in found}
        self.bookmark = context.bookmark
        return [int(item.key.removeprefix(HOST)) for item in found]


def test_the_first_run_reads_everything_a_later_one_stops_at_what_is_known():
    site = Site()
    assert site.run() == list(range(30, 0, -1))
    assert site.read == list(range(1, 12))
    assert site.run() == [30, 29, 28]
    assert site.read == [1]
    site.publish(4)
    assert site.run() == [34, 33, 32, 31, 30, 29, 28, 27, 26]
    assert site.read == [1, 2, 3]


def test_a_known_entry_pinned_on_top_does_not_stop():
    site = Site()
    site.run()
    site.publish(3)
    site.entries.insert(0, 1)
    assert {31, 32, 33} <= set(site.run())


def test_without_a_bookmark_nothing_is_left_out():
    """What was offered may be known from a run that read only a part: one with --since."""
    site = Site()
    site.known = {f"{HOST}{number}" for number in range(25, 31)}
    assert site.run() == list(range(30, 0, -1))


def test_a_run_that_fails_is_made_up_for():
    site = Site()
    site.run()
    site.publish(9)
    site.stops = {3: TransientFetchError("HTTP 503")}
    known = set(site.known)
    with pytest.raises(TransientFetchError):
        site.run()
    site.known = known  # what a discovery without end has offered does not count as known
    site.stops = {}
    assert site.run()[:9] == list(range(39, 30, -1))


def test_the_cap_ends_a_list_without_end_and_says_so(caplog):
    site = Site(count=300, max_pages=4)
    with caplog.at_level(logging.WARNING):
        assert len(site.run()) == 12
    assert "amt: nach 4 Seiten aufgehört (max_pages)" in caplog.text
    assert site.read == [1, 2, 3, 4]


@pytest.mark.parametrize("linked", [False, True])
def test_the_past_is_read_in_steps_until_its_end(linked):
    site = Site(linked=linked, backfill_pages=2)
    assert site.run() == list(range(30, 21, -1))
    assert site.read == [1, 2, 3]
    assert site.run() == [30, 29, 28, *range(24, 15, -1)]
    assert site.read == [1, 3, 4, 5]
    for _ in range(3):
        site.run()
    assert site.known == {f"{HOST}{number}" for number in range(1, 31)}
    site.run()
    assert json.loads(site.bookmark)["finished"] is True
    site.publish()
    assert site.run()[0] == 31
    assert site.read == [1, 2]


@pytest.mark.parametrize("daily", [1, 3, 7])
def test_pages_that_shift_as_entries_arrive_lose_nothing(daily):
    site = Site(count=60, backfill_pages=1)
    for _ in range(30):
        site.run()
        site.publish(daily)
    site.run()
    assert site.known == {f"{HOST}{number}" for number in range(1, site.newest + 1)}


def test_entries_that_vanish_while_the_past_is_read_lose_none_of_the_others():
    site = Site(count=40, backfill_pages=1)
    for _ in range(20):
        site.run()
        site.entries.remove(site.entries[1])
    left = {f"{HOST}{number}" for number in site.entries}
    assert left <= site.known


def test_a_gap_behind_the_cap_is_closed_by_the_past():
    site = Site(count=12, max_pages=2, backfill_pages=2)
    for _ in range(4):
        site.run()
    assert json.loads(site.bookmark)["finished"] is True
    site.publish(15)
    for _ in range(4):
        site.run()
    assert site.known == {f"{HOST}{number}" for number in range(1, 28)}
    assert json.loads(site.bookmark)["finished"] is True


def test_a_page_that_is_gone_lets_the_past_begin_anew(caplog):
    site = Site(linked=True, backfill_pages=2)
    site.run()
    site.bookmark = site.bookmark.replace("?p=3", "?alt=3")
    site.run()
    assert "die Vergangenheit beginnt von vorn" in caplog.text
    assert site.read == [1, 1, 2, 3, 4, 5]
    assert site.run()[-1] == 10


def test_the_past_ends_at_a_limit(caplog, monkeypatch):
    monkeypatch.setattr(paging, "MAX_PAST", 3)
    site = Site(count=300, backfill_pages=2)
    site.run()
    site.run()
    assert "nach 3 Seiten endet die Vergangenheit (Liste ohne Ende?)" in caplog.text
    site.run()
    assert site.read == [1]


def test_a_range_of_days_reads_on_behind_what_is_known_and_keeps_no_bookmark():
    site = Site()
    site.run()
    kept = site.bookmark
    assert site.run(since=date(2026, 1, 1)) == list(range(30, 0, -1))  # entries without a date
    assert site.bookmark == kept
    fresh = Site()
    fresh.run(since=date(2026, 1, 1))
    assert fresh.bookmark is None


def test_other_settings_make_the_bookmark_void():
    site = Site()
    site.run()
    site.options = site.options.model_copy(update={"link": "a[href]"})
    assert len(site.run()) == 30
    site.options = site.options.model_copy(update={"interval": 5.0})
    assert len(site.run()) == 3


@pytest.mark.parametrize("text", ["", "kaputt", "[]", '{"settings": 1}', '{"seite": 7}'])
def test_a_damaged_bookmark_begins_anew(text):
    site = Site()
    site.bookmark = text
    assert len(site.run()) == 30


def test_a_listing_of_days_stops_at_the_day_that_is_asked_for():
    entries = [
        (1, "20.11.2026"),
        (2, "18.11.2026"),
        (3, "1.10.2026"),
        (4, "30.9.2026"),
        (5, "1.1.2026"),
        (6, "1.1.2025"),
    ]
    pages = [entries[:2], entries[2:4], entries[4:]]
    answers = {
        f"{HOST}?p={number}" if number > 1 else HOST: "".join(
            f"<li><a href='/{one}'>M</a><time>{day}</time></li>" for one, day in page
        ).encode()
        for number, page in enumerate(pages, start=1)
    }
    source = Source(id="amt", url=HOST, options=ListingOptions(items="li", date="time", page_parameter="p"))
    context = replay(answers, since=date(2026, 10, 1))
    assert [item.title for item in ListingFetcher().discover(source, context)] == ["M"] * 3
    context = replay(answers, since=date(2026, 10, 2))
    assert len(list(ListingFetcher().discover(source, context))) == 2
    assert len(context.asked) == 2


ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><title>P</title>{links}{entries}</feed>"""


def atom(*numbers, **links):
    entries = "".join(
        f"<entry><id>{n}</id><link href='{HOST}{n}'/><updated>2026-11-{n:02}T08:00:00Z</updated></entry>"
        for n in numbers
    )
    marks = "".join(f"<link rel='{rel.replace('_', '-')}' href='{href}'/>" for rel, href in links.items())
    return ATOM.format(links=marks, entries=entries).encode()


def feed(answers, known=(), since=None, **options):
    """The entries that a feed offers, and what was asked for."""
    context = replay(answers, since=since)
    source = Source(id="amt", url=f"{HOST}feed", options=FeedOptions(**options))
    if known:
        list(FeedFetcher().discover(source, context))
        context.known = {f"{HOST}{number}" for number in known}
        context.asked.clear()
    items = list(FeedFetcher().discover(source, context))
    return [int(item.key.removeprefix(HOST)) for item in items], [url.removeprefix(HOST) for url in context.asked]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (atom(9, 8, next="feed?page=2"), atom(7, 6)),
        (atom(9, 8, prev_archive="/feed?page=2", self="feed"), atom(7, 6, next_archive="feed")),
        (atom(9, 8, next="feed?page=2", prev_archive="feed?archiv"), atom(7, 6, next="feed")),
        (
            json.dumps({"items": [{"url": "9"}, {"url": "8"}], "next_url": f"{HOST}feed?page=2"}).encode(),
            json.dumps({"items": [{"url": "7"}, {"url": "6"}], "next_url": None}).encode(),
        ),
    ],
    ids=["paged feed", "archived feed", "both", "JSON Feed"],
)
def test_feeds_go_on_in_older_documents(first, second):
    """RFC 5005, sections 3 and 4; JSON Feed 1.1, `next_url`."""
    answers = {f"{HOST}feed": first, f"{HOST}feed?page=2": second}
    assert feed(answers) == ([9, 8, 7, 6], ["feed", "feed?page=2"])
    assert feed(answers, max_pages=1) == ([9, 8], ["feed"])
    assert feed(answers, known=(8, 9)) == ([9, 8], ["feed"])
    assert feed(answers, known=(8,)) == ([9, 8, 7, 6], ["feed", "feed?page=2"])
    assert feed(answers, max_items=3)[0] == [9, 8, 7]


def test_rss_names_its_older_documents_too():
    rss = (
        "<rss version='2.0' xmlns:atom='http://www.w3.org/2005/Atom'><channel><title>P</title>{}"
        "<item><link>http://amt.example/{}</link></item></channel></rss>"
    )
    answers = {
        f"{HOST}feed": rss.format("<atom:link rel='next' href='http://amt.example/feed?2'/>", 9).encode(),
        f"{HOST}feed?2": rss.format("", 8).encode(),
    }
    assert feed(answers) == ([9, 8], ["feed", "feed?2"])


def test_feeds_without_end_and_in_circles_end():
    circle = {f"{HOST}feed": atom(9, next="feed?2"), f"{HOST}feed?2": atom(8, next="feed")}
    assert feed(circle) == ([9, 8], ["feed", "feed?2"])
    same = {f"{HOST}feed": atom(9, next="feed?2"), f"{HOST}feed?2": atom(9, next="feed?3"), f"{HOST}feed?3": atom(7)}
    assert feed(same) == ([9], ["feed", "feed?2"])


def test_an_older_document_that_fails_is_told_after_the_rest():
    context = replay({f"{HOST}feed": atom(9, next="feed?2"), f"{HOST}feed?2": b"<html>Wartung</html>"})
    items = FeedFetcher().discover(Source(id="amt", url=f"{HOST}feed", options=FeedOptions()), context)
    assert next(items).key == f"{HOST}9"
    with pytest.raises(FetchError, match="kein RSS- oder Atom-Feed"):
        next(items)
    assert context.bookmark is None


def test_entries_before_the_day_that_is_asked_for_are_left_out():
    answers = {f"{HOST}feed": atom(9, 8, 7, next="feed?2"), f"{HOST}feed?2": atom(6, 5, next="feed?3")}
    assert feed(answers, since=date(2026, 11, 8)) == ([9, 8], ["feed", "feed?2"])
    undated = b"<rss version='0.91'><channel><item><link>http://amt.example/1</link></item></channel></rss>"
    assert feed({f"{HOST}feed": undated}, since=date(2026, 11, 8))[0] == [1]


def test_mistakes_in_settings_are_found_before_the_run():
    with pytest.raises(ValidationError, match="max_items und backfill_pages schließen einander aus"):
        FeedOptions(max_items=3, backfill_pages=1)
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        FeedOptions(backfill_pages=-1)
