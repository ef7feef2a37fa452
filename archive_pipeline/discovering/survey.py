"""Looking at a site: from the address given, over the pages that sound like the press, to candidates that were tried.

The order is that of a person who looks for releases: what the page says itself, the pages its links call press, and
only then addresses that are usual. Everything is tried before it is proposed, within a budget of requests and time.
"""

import datetime
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urljoin

from archive_pipeline.address import canonical_url
from archive_pipeline.clean import CapturePage
from archive_pipeline.discovering.candidates import (
    Candidate,
    guessed_feeds,
    in_page,
    is_typo3,
    json_candidate,
    oparl_guesses,
    sitemaps,
    typo3_feeds,
    wordpress_root,
)
from archive_pipeline.discovering.endpoints import embedded_listing, endpoints_in, json_kind, json_listing
from archive_pipeline.discovering.presets import feeds_of_systems, fitting_presets, presets_of_publisher
from archive_pipeline.discovering.press import press_links, press_weight
from archive_pipeline.discovering.session import Session
from archive_pipeline.discovering.trying import NO_LEAVE, Leave, Trial, probe_source, try_candidate
from archive_pipeline.discovering.webpage import WebPage
from archive_pipeline.errors import ArchivePipelineError, FetchError, RefusedError, TransientFetchError
from archive_pipeline.fetch.discovery import expect_capture
from archive_pipeline.fetch.http import sendable_url
from archive_pipeline.model import Capture
from archive_pipeline.plugin_manager import PluginManager
from archive_pipeline.sources.choice import choose_fetcher

__all__ = ["MAX_REQUESTS", "MAX_SECONDS", "Survey", "survey", "web_addresses"]

MAX_REQUESTS = 25
MAX_SECONDS = 180.0
"""What one look costs a site at most, and the person who waits; a pause that robots.txt asks for counts."""

MOST_PAGES = 4
"""Pages beside the one given that are read for what they link to."""

MOST_TRIALS = 8
REFUSED = "robots.txt und Vorbehalte gelten auch für discover; Adressen im eigenen Netz erlaubt --allow-private"
AS_TOLD = "wie angegeben"
PRESS = 0.5
"""How much a page must sound like releases to count as one of the press; "Aktuelles" does."""

MOST_FOUND = 4
ENOUGH = 3
"""Sources that were found to work before guessing addresses is worth no request."""

MOST_GUESSES = 12
MOST_SCRIPTS = 2
MOST_ENDPOINTS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What a look at a site found. `found` are the trials that would make a source, best first; `others` those that
    would not, each with its problem. `notes` say in words what a person should know. `spent` tells that the budget
    ended the look. `site_name` is what the site calls itself, or empty.
    """

    url: str
    site_name: str = ""
    systems: tuple[str, ...] = ()
    found: tuple[Trial, ...] = ()
    others: tuple[Trial, ...] = ()
    notes: tuple[str, ...] = ()
    spent: bool = False
    pages: tuple[str, ...] = ()


def web_addresses(text: str) -> tuple[str, ...]:
    """What an address may mean as a person types it: without a scheme https, else http. Raises FetchError when it is
    none, RefusedError when it holds a password."""
    stripped = text.strip()
    schemes = ("",) if "://" in stripped else ("https://", "http://")
    return tuple(sendable_url(f"{scheme}{stripped}") for scheme in schemes)


def survey(
    url: str,
    session: Session,
    plugins: PluginManager,
    *,
    today: datetime.date,
    fetcher: str | None = None,
    leave: Leave = NO_LEAVE,
) -> Survey:
    """Look at the site at `url`, an address as a person types it; with `fetcher` only for sources of this kind.

    `today` tells announced events from releases. Raises RefusedError and FetchError when not even the first page can
    be had, ConfigError for an unknown fetcher.
    """
    look = _Look(web_addresses(url)[0], session, plugins, today, leave)
    look.read_first(web_addresses(url), fetcher)
    look.read_press_pages()
    look.try_all(fetcher)
    return look.result()


@dataclass(slots=True)
class _Look:
    """One look at one site, as far as it has come."""

    url: str
    session: Session
    plugins: PluginManager
    today: datetime.date
    leave: Leave
    pages: list[tuple[WebPage, float]] = field(default_factory=list)
    candidates: dict[tuple[str, ...], Candidate] = field(default_factory=dict)
    trials: list[Trial] = field(default_factory=list)
    systems: dict[str, None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    fitting: set[str] = field(default_factory=set)

    def read_first(self, addresses: Sequence[str], fetcher: str | None) -> None:
        """The address given: a page, or a source itself. Raises RefusedError, FetchError."""
        if fetcher is not None:
            self.plugins.fetchers.entry(fetcher)
        capture = self._first_answer(addresses)
        if fetcher is not None:
            self._add(Candidate(fetcher=fetcher, url=self.url, how=AS_TOLD, press=1.0, asked=True))
        self._add_claimed(capture.target)
        page = WebPage.of(capture)
        if page is not None:
            self._read(page, press_weight(page.title, page.url))
        else:
            self._add_source_itself(capture)

    def _first_answer(self, addresses: Sequence[str]) -> Capture:
        """What the first address answers that can be reached; others are other readings of what was typed."""
        for number, address in enumerate(addresses, start=1):
            self.url = address
            try:
                return self._get(address)
            except RefusedError as error:
                raise RefusedError(error.message, url=address, hint=error.hint or REFUSED) from error
            except TransientFetchError:
                if number == len(addresses):
                    raise
        raise FetchError("keine Adresse", url=self.url)

    def read_press_pages(self) -> None:
        """The pages that links call press, the best first, and what they link to in turn."""
        if not self.pages:
            return
        read = {canonical_url(page.url) for page, _ in self.pages} | {canonical_url(self.url)}
        front = (0.1, urljoin(self.url, "/"), "")
        while len(self.pages) <= MOST_PAGES:
            links = [
                link for page, _ in self.pages for link in (*press_links(page), *(() if self.candidates else (front,)))
            ]
            links = [link for link in links if canonical_url(link[1]) not in read]
            weight, url, _ = max(links, key=lambda link: link[0], default=(0.0, "", ""))
            if weight <= self._least_weight():
                return
            read.add(canonical_url(url))
            try:
                page = WebPage.of(self._get(url))
            except FetchError as error:
                if self.session.spent:
                    return
                self.notes.append(f"{url}: {error.message}")
                continue
            if page is not None and canonical_url(page.url) not in {canonical_url(one.url) for one, _ in self.pages}:
                self._read(page, max(weight, press_weight(page.title, page.url)))

    def _least_weight(self) -> float:
        """How much a link must sound like releases to be followed: more than the page that was asked about where that
        lists some itself, and more than "Aktuelles" once there are pages."""
        _, press = self.pages[0]
        if press >= PRESS and any(one.asked and one.fetcher == "listing" for one in self.candidates.values()):
            return press
        return PRESS if len(self.pages) > 2 else 0.0

    def try_all(self, fetcher: str | None) -> None:
        """Try the candidates, the likeliest first, and usual addresses where these are not enough."""
        self._try(self._wanted(self.candidates.values(), fetcher), MOST_TRIALS)
        if fetcher is not None:
            return
        for more in (self._behind_shells, self._usual):
            if sum(not trial.problem for trial in self.trials) < ENOUGH and not self.session.spent:
                self._try(list(more()), MOST_GUESSES)

    def result(self) -> Survey:
        """What was found, in order."""
        good = sorted((trial for trial in self.trials if not trial.problem), key=lambda trial: -trial.score)
        shells = [page.url for page, _ in self.pages if page.is_shell]
        if shells and not good:
            self.notes.append(f"{shells[0]} ist eine leere Hülle, die erst ein Browser füllt (needs_javascript)")
        return Survey(
            url=self.url,
            site_name=self._site_name(),
            systems=tuple(self.systems),
            found=tuple(good),
            others=tuple(trial for trial in self.trials if trial.problem),
            notes=tuple(dict.fromkeys(self.notes)),
            spent=self.session.spent,
            pages=tuple(page.url for page, _ in self.pages),
        )

    def _site_name(self) -> str:
        """What the page asked about calls the site, else what several pages call it."""
        names = [page.site_name for page, _ in self.pages]
        most, number = Counter(filter(None, names)).most_common(1)[0] if any(names) else ("", 0)
        return names[0] if names and names[0] else most if number > 1 else ""

    def _get(self, url: str) -> Capture:
        """An address as evidence of discovery. Raises RefusedError, FetchError."""
        source = probe_source("feed", url, (), self.plugins, self.leave)
        return expect_capture(self.session.context(source, "discover").get(url), url, "Die Seite")

    def _read(self, page: WebPage, press: float) -> None:
        self.pages.append((page, press))
        known = {"WordPress": wordpress_root(page) is not None, "TYPO3": is_typo3(page)}
        named = [name for name, fits in known.items() if fits and name.lower() not in page.generator.lower()]
        self.systems.update(dict.fromkeys(filter(None, (page.generator, *named))))
        if len(self.pages) == 1:
            for candidate in presets_of_publisher(page, self.plugins):
                self._add(candidate)
        asked = len(self.pages) == 1 and press >= PRESS
        fitting = tuple(fitting_presets(page, press, self.session, self.plugins, self.leave))
        for candidate in (*fitting, *in_page(page, today=self.today, press=press)):
            self._add(replace(candidate, asked=asked))
        self.fitting |= {self.plugins.fetchers.entry(candidate.fetcher).plugin for candidate in fitting}

    def _add(self, candidate: Candidate) -> None:
        """Note a candidate; of two that are the same the first, as the page that was asked about comes first."""
        if candidate.fetcher not in self.plugins.fetchers:
            if candidate.fetcher not in ("wordpress",):  # whose feed is a candidate of its own
                self.notes.append(f"{candidate.url} braucht den Fetcher {candidate.fetcher}, der nicht geladen ist")
            return
        self.candidates.setdefault(candidate.key, candidate)

    def _add_claimed(self, url: str) -> None:
        """The address given, where a fetcher knows it for one of its own."""
        try:
            claimed = choose_fetcher(url, self.plugins.fetchers)
        except ArchivePipelineError as error:
            self.notes.append(error.message)
            return
        if claimed is not None:
            self._add(Candidate(fetcher=claimed, url=url, how="an der Adresse erkannt", press=0.9, asked=True))

    def _add_source_itself(self, capture: Capture) -> None:
        """The address given holds no page: perhaps a feed, a sitemap, or an interface."""
        url, how = capture.target, "die Adresse selbst"
        text = capture.body.decode("utf-8-sig", "replace")
        kind = json_kind(text)
        if kind is not None:
            self._add_json(url, text, press=0.8, name="", how=how, asked=True)
        elif CapturePage(capture).media_type == "application/xml":
            is_sitemap = "<urlset" in text or "<sitemapindex" in text
            fetcher = "sitemap" if is_sitemap else "feed"
            self._add(Candidate(fetcher=fetcher, url=url, how=how, press=0.9, asked=True))
        else:
            self.notes.append(f"{url} ist keine Seite, sondern {CapturePage(capture).media_type}")

    def _add_json(
        self, url: str, text: str, *, press: float, name: str, how: str, asked: bool = False
    ) -> Candidate | None:
        """The candidate that some JSON makes, if it is one."""
        kind = json_kind(text)
        listing = json_listing(text) if kind == "other" else None
        candidate = None
        if kind == "json_feed":
            candidate = Candidate(fetcher="feed", url=url, how=how, name=name, press=press)
        elif kind == "wordpress":
            candidate = Candidate(fetcher="wordpress", url=url.partition("wp-json")[0], how=how, name=name, press=press)
        elif kind == "oparl":
            candidate = Candidate(fetcher="oparl", url=url, how=how, name=name or "Ratsinformationssystem", press=press)
        elif kind == "oparl_off":
            self.notes.append(f"{url}: OParl ist dort vorgesehen, aber abgeschaltet")
        elif listing is not None:
            candidate = json_candidate(url, listing, press=press, name=name)
        if candidate is not None:
            candidate = replace(candidate, asked=asked)
            self._add(candidate)
        return candidate

    def _wanted(self, candidates: Iterable[Candidate], fetcher: str | None) -> list[Candidate]:
        wanted = [one for one in candidates if fetcher is None or one.fetcher == fetcher]
        return sorted(
            wanted,
            key=lambda one: (one.how != AS_TOLD, not one.asked, -round(one.press, 1), one.fetcher == "listing"),
        )

    def _try(self, candidates: Sequence[Candidate], most: int) -> None:
        """Try candidates that were not tried yet, until enough of them would make a source."""
        for candidate in candidates[:most]:
            if self.session.spent or sum(not trial.problem for trial in self.trials) >= MOST_FOUND:
                return
            if any(trial.candidate.key == candidate.key for trial in self.trials):
                continue
            trial = try_candidate(candidate, self.session, self.plugins, today=self.today, leave=self.leave)
            self.trials.append(trial)

    def _behind_shells(self) -> Iterator[Candidate]:
        """What the scripts of pages load that should list releases and list nothing."""
        lists = {one.url for one in self.candidates.values() if one.fetcher == "listing"}
        for page, press in self.pages:
            if not page.is_shell and (press < 0.5 or page.url in lists):
                continue
            scripts = list(self._texts(page.script_urls[:MOST_SCRIPTS])) if page.is_shell else []
            for url in endpoints_in(page, scripts)[:MOST_ENDPOINTS]:
                for text in self._texts([url]):
                    candidate = self._add_json(
                        url, text, press=max(press, 0.6), name=page.title, how="hinter der Seite"
                    )
                    if candidate is not None:
                        yield candidate
            if page.is_shell and embedded_listing(page) is not None:
                self.notes.append(f"{page.url} trägt Meldungen als Daten für Skripte in sich; die liest kein Fetcher")

    def _texts(self, urls: Iterable[str]) -> Iterator[str]:
        """The bodies of some addresses, as far as they can be had."""
        for url in urls:
            try:
                yield self._get(url).body.decode("utf-8-sig", "replace")
            except FetchError:
                continue

    def _usual(self) -> Iterator[Candidate]:
        """Addresses where sites of many kinds have what is looked for."""
        if not self.pages:
            return
        first, _ = self.pages[0]
        page, press = max(self.pages, key=lambda one: one[1])
        if not any(trial.candidate.fetcher in ("feed", "wordpress") for trial in self.trials if not trial.problem):
            yield from feeds_of_systems(page, press, self.plugins, frozenset(self.fitting))
            yield from typo3_feeds(page, press)
            yield from guessed_feeds(first, press)
        yield from sitemaps(self._robots_txt(first.url), first.url)
        guesses = oparl_guesses(first)
        if "oparl" in self.plugins.fetchers:
            yield from guesses
        elif guesses:
            self.notes.append("ein Ratsinformationssystem ist verlinkt, der Fetcher oparl ist nicht geladen")

    def _robots_txt(self, url: str) -> str:
        """robots.txt, which was asked for before anything else."""
        try:
            return next(self._texts([urljoin(url, "/robots.txt")]), "")
        except RefusedError:
            return ""
