"""A look at sites of many kinds, over real sockets: what is proposed, and what it costs the site."""

import json
from datetime import timedelta
from typing import Any

import pytest

from archive_pipeline.discovering.candidates import Candidate
from archive_pipeline.discovering.proposal import Site, propose, schedule_for
from archive_pipeline.discovering.session import Session
from archive_pipeline.discovering.survey import MAX_REQUESTS, survey
from archive_pipeline.errors import ConfigError, FetchError, RefusedError
from archive_pipeline.plugin_manager import PluginManager, load_plugins
from archive_pipeline.sources.editing import Setting

Web = Any
Look = Any
HOST = "www.kreis-muster.example"
BASE = f"http://{HOST}"


def settings_of(found: Any) -> dict[str, object]:
    return {setting.key: setting.value for setting in found.candidate.settings}


def test_a_feed_named_in_the_head_of_the_press_page_two_clicks_away(web: Web, look: Look, markup: Any) -> None:
    releases = web.releases(HOST, "/aktuelles/presse/")
    web.put(f"{HOST}/", markup.html("<a href='/aktuelles/'>Aktuelles</a> <a href='/rathaus/'>Rathaus</a>"))
    web.put(f"{HOST}/aktuelles/", markup.html("<a href='/aktuelles/presse/'>Pressemitteilungen</a>"))
    head = (
        "<link rel='alternate' type='application/rss+xml' title='Pressemitteilungen' href='/presse.rss'>"
        "<link rel='alternate' type='application/rss+xml' title='Kommentare' href='/comments/feed/'>"
        "<link rel='alternate' type='application/rss+xml' title='Veranstaltungen' href='/termine.rss'>"
    )
    web.put(f"{HOST}/aktuelles/presse/", markup.html(markup.list_of(releases), head=head))
    web.put(f"{HOST}/presse.rss", markup.rss(releases), "application/rss+xml")
    web.put(f"{HOST}/termine.rss", markup.rss(releases[:3], "Termine"), "application/rss+xml")
    found = look(BASE)
    best = found.found[0]
    assert (best.candidate.fetcher, best.candidate.url) == ("feed", f"{BASE}/presse.rss")
    assert (len(best.items), best.days[0]) == (8, releases[0].day)
    assert [sample.accepted for sample in best.samples] == [True, True]
    assert found.found[1].candidate.fetcher == "listing"
    assert f"{HOST}/comments/feed/" not in web.asked


def test_a_list_with_pages_and_no_feed(web: Web, look: Look, markup: Any) -> None:
    releases = web.releases(HOST, "/presse/", 12)
    links = "<a href='/presse/?seite=2'>2</a> <a class='next' href='/presse/?seite=2'>weiter</a>"
    more = f"<nav class='pagination'>{links}</nav>"
    web.put(f"{HOST}/presse/", markup.html(markup.list_of(releases[:6]) + more))
    web.put(f"{HOST}/presse/?seite=2", markup.html(markup.list_of(releases[6:])))
    best = look(f"{BASE}/presse/").found[0]
    assert best.candidate.fetcher == "listing"
    assert settings_of(best) == {"items": "li.meldung", "date": "span.datum", "next": "a.next"}
    assert len(best.items) == 12


def test_typo3_makes_its_feed_under_a_page_type(web: Web, look: Look, markup: Any) -> None:
    releases = web.releases(HOST, "/presse/")
    head = "<meta name='generator' content='TYPO3 CMS'>"
    web.put(f"{HOST}/presse/", markup.html("<p>Unsere Meldungen</p>", head=head))
    web.put(f"{HOST}/presse/?type=9818", markup.rss(releases), "application/rss+xml")
    found = look(f"{BASE}/presse/")
    assert found.systems == ("TYPO3 CMS",)
    assert found.found[0].candidate.fetcher == "typo3-feed"
    assert found.found[0].candidate.url == f"{BASE}/presse/"
    assert f"{HOST}/presse/?type=9818" in web.asked


def test_the_preset_of_a_content_system_is_recognised_by_its_list(web: Web, look: Look, markup: Any) -> None:
    releases = web.releases(HOST, "/portal/meldungen/")
    entries = "".join(
        f"<div class='nolis-list-item'><h4><a href='{r.path}?rubrik=1'>{r.title}</a></h4>"
        f"<span class='nolis-list-date'>{r.day:%d.%m.%Y}</span></div>"
        for r in releases
    )
    for release in releases:
        web.put(f"{HOST}{release.path}?rubrik=1", "", status=404)
    web.put(f"{HOST}/aktuelles/", markup.html(entries))
    found = look(f"{BASE}/aktuelles/")
    assert found.found[0].candidate.fetcher == "nolis"
    assert [item.url for item in found.found[0].items] == [release.url for release in releases]


def test_wordpress_is_read_through_its_interface_and_category(web: Web, look: Look, markup: Any) -> None:
    releases = web.releases(HOST, "/2026/11/")
    head = f"<link rel='https://api.w.org/' href='{BASE}/wp-json/'><meta name='generator' content='WordPress 6.5'>"
    web.put(f"{HOST}/", markup.html("<a href='/category/presse/'>Pressemitteilungen</a>", head=head))
    web.put(f"{HOST}/category/presse/", markup.html(markup.list_of(releases), head=head))
    posts = [
        {
            "link": release.url,
            "date": f"{release.day}T08:00:00",
            "modified_gmt": f"{release.day}T08:00:00",
            "title": {"rendered": release.title},
        }
        for release in releases
    ]

    def answer(path: str, data: object) -> None:
        web.put_json(f"{HOST}{path}", data, x_wp_total="8", x_wp_totalpages="1")

    fields = "&orderby=modified&_fields=link,date,modified_gmt,title"
    answer("/wp-json/wp/v2/categories?slug=presse&_fields=id", [{"id": 7}])
    answer(f"/wp-json/wp/v2/posts?per_page=20&page=1{fields}&categories=7", posts)
    answer(f"/wp-json/wp/v2/posts?per_page=20&page=1{fields}", posts)
    found = look(BASE)
    asked = [place for place in web.asked if "wp-json" in place]
    best = found.found[0]
    assert best.candidate.fetcher == "wordpress", asked
    assert best.candidate.url == f"{BASE}/"
    assert settings_of(best) == {"category": "presse"}


def test_the_interface_behind_a_page_that_scripts_fill(web: Web, look: Look, markup: Any) -> None:
    releases = web.releases(HOST, "/meldung/", 6)
    shell = "<div id='app'></div><script src='/static/app.js'></script>"
    web.put(f"{HOST}/presse", f"<html><head><title>Presse</title></head><body>{shell}</body></html>")
    script = 'const a="/api/login",b=fetch("\\/api\\/news?page=0&size=3").then(r=>r.json());import("/static/x.js")'
    web.put(f"{HOST}/static/app.js", script, "text/javascript")
    rows = [
        {"headline": r.title, "detail": {"href": r.path}, "url": r.path, "publishedAt": f"{r.day}T08:00"}
        for r in releases
    ]
    web.put_json(f"{HOST}/api/news?page=0&size=3", {"data": {"total": 6, "news-list": rows[:3]}})
    web.put_json(f"{HOST}/api/news?page=1&size=3", {"data": {"total": 6, "news-list": rows[3:]}})
    best = look(f"{BASE}/presse").found[0]
    assert best.candidate.url == f"{BASE}/api/news?page=0&size=3"
    assert settings_of(best) == {
        "items": '$data."news-list"',
        "link": "$url",
        "headline": "$headline",
        "date": "$publishedAt",
        "page_parameter": "page",
        "start": 0,
    }
    assert [item.title for item in best.items] == [release.title for release in releases]
    assert best.days[0] == releases[0].day
    assert f"{HOST}/api/login" not in web.asked


def test_an_empty_shell_with_nothing_behind_it_says_so(web: Web, look: Look) -> None:
    web.put(f"{HOST}/presse", "<html><body><div id='root'></div><script>start()</script></body></html>")
    found = look(f"{BASE}/presse")
    assert found.found == ()
    assert any("needs_javascript" in note for note in found.notes)


def test_of_a_sitemap_only_the_folder_of_the_press_is_proposed(web: Web, look: Look, markup: Any) -> None:
    releases = web.releases(HOST, "/service/presse/")
    web.put(f"{HOST}/", markup.html("<p>Willkommen</p>"))
    web.put(f"{HOST}/robots.txt", f"User-agent: *\nDisallow: /intern\nSitemap: {BASE}/karte.xml\n", "text/plain")
    others = "".join(f"<url><loc>{BASE}/service/amt-{n}/</loc></url>" for n in range(40))
    pages = "".join(f"<url><loc>{release.url}</loc></url>" for release in releases)
    web.put(f"{HOST}/karte.xml", f"<urlset>{others}{pages}</urlset>", "application/xml")
    best = look(BASE).found[0]
    assert best.candidate.fetcher == "sitemap"
    assert settings_of(best) == {"include": ("/service/presse/*",)}
    assert len(best.items) == 8
    assert web.asked.count(f"{HOST}/robots.txt") == 1


def test_a_sitemap_of_news_stays_whole(web: Web, look: Look) -> None:
    releases = web.releases(HOST, "/a/")
    news = "".join(
        f"<url><loc>{r.url}</loc><n:news><n:publication_date>{r.day}</n:publication_date><n:title>{r.title}</n:title>"
        "</n:news></url>"
        for r in releases
    )
    namespace = "xmlns:n='http://www.google.com/schemas/sitemap-news/0.9'"
    web.put(f"{HOST}/news-sitemap.xml", f"<urlset {namespace}>{news}</urlset>", "application/xml")
    best = look(f"{BASE}/news-sitemap.xml").found[0]
    assert (best.candidate.fetcher, best.candidate.settings, len(best.items)) == ("sitemap", (), 8)


def test_a_json_feed(web: Web, look: Look, markup: Any) -> None:
    releases = web.releases(HOST, "/presse/")
    items = [{"id": r.url, "url": r.url, "title": r.title, "date_published": f"{r.day}T08:00:00Z"} for r in releases]
    data = {"version": "https://jsonfeed.org/version/1.1", "title": "Meldungen", "items": items}
    web.put_json(f"{HOST}/presse.json", data)
    head = "<link rel='alternate' type='application/feed+json' href='/presse.json'>"
    web.put(f"{HOST}/presse/", markup.html("<p>Meldungen</p>", head=head))
    assert look(f"{BASE}/presse/").found[0].candidate.url == f"{BASE}/presse.json"
    assert look(f"{BASE}/presse.json").found[0].candidate.fetcher == "feed"


def test_a_feed_at_a_usual_address_that_no_page_names(web: Web, look: Look, markup: Any) -> None:
    releases = web.releases(HOST, "/x/")
    web.put(f"{HOST}/", markup.html("<p>Willkommen beim Kreis</p>"))
    web.put(f"{HOST}/rss.xml", markup.rss(releases), "application/rss+xml")
    assert look(BASE).found[0].candidate.url == f"{BASE}/rss.xml"


def test_a_council_information_system(web: Web, look: Look, markup: Any, plugins: PluginManager) -> None:
    host = "ratsinfo.kreis-muster.example"
    web.put(f"{host}/", markup.html("<p>Ratsinformationssystem des Kreises</p>"))
    off = {"type": "https://schema.oparl.org/1.1/Error", "message": "OParl is not active."}
    web.put_json(f"{host}/oparl/v1.1/system", off)
    found = look(f"http://{host}/oparl/v1.1/system")
    assert any("abgeschaltet" in note for note in found.notes)
    asked = len(web.asked)
    found = look(f"http://{host}/")
    if "oparl" in plugins.fetchers:
        assert f"{host}/oparl/system" in web.asked[asked:]
    else:
        assert any("oparl" in note for note in found.notes)


def test_robots_txt_holds_for_looking_too(web: Web, look: Look, markup: Any) -> None:
    web.put(f"{HOST}/robots.txt", "User-agent: *\nDisallow: /\n", "text/plain")
    web.put(f"{HOST}/", markup.html("<p>Presse</p>"))
    with pytest.raises(RefusedError) as refused:
        look(BASE)
    assert "robots.txt" in refused.value.message
    assert [place for place in web.asked if place == f"{HOST}/"] == []


def test_what_robots_txt_forbids_is_no_source_and_says_why(web: Web, look: Look, markup: Any) -> None:
    releases = web.releases(HOST, "/presse/")
    head = "<link rel='alternate' type='application/rss+xml' href='/feed.rss'>"
    web.put(f"{HOST}/robots.txt", "User-agent: *\nDisallow: /feed.rss\n", "text/plain")
    web.put(f"{HOST}/feed.rss", markup.rss(releases), "application/rss+xml")
    web.put(f"{HOST}/presse/", markup.html(markup.list_of(releases), head=head))
    found = look(f"{BASE}/presse/")
    assert [trial.candidate.fetcher for trial in found.found] == ["listing"]
    assert any("robots.txt" in trial.problem for trial in found.others)
    assert f"{HOST}/feed.rss" not in web.asked


def test_a_private_address_is_refused_also_behind_a_redirect(web: Web, look: Look, markup: Any) -> None:
    web.names["intern.example"] = ["10.0.0.7"]
    with pytest.raises(RefusedError):
        look("http://intern.example/")
    web.put(f"{HOST}/", "", status=302, location="http://intern.example/")
    with pytest.raises(RefusedError):
        look(BASE)
    assert all(not place.startswith("intern.") for place in web.asked)


def test_a_reservation_stops_the_look_as_it_would_stop_a_run(web: Web, look: Look, markup: Any) -> None:
    releases = web.releases(HOST, "/presse/")
    web.put(f"{HOST}/presse/", markup.html(markup.list_of(releases)), tdm_reservation="1")
    with pytest.raises(RefusedError):
        look(f"{BASE}/presse/")


def test_with_a_legal_basis_the_reservation_does_not_stop_it(web: Web, look: Look, markup: Any) -> None:
    releases = web.releases(HOST, "/presse/")
    web.put(f"{HOST}/presse/", markup.html(markup.list_of(releases)), tdm_reservation="1")
    assert look(f"{BASE}/presse/", legal_basis="60d").found


def test_a_site_full_of_links_costs_no_more_than_the_budget(
    web: Web, look: Look, markup: Any, session: Session
) -> None:
    links = "".join(f"<a href='/presse/{n}/'>Pressemitteilungen {n}</a>" for n in range(200))
    feeds = "".join(f"<link rel='alternate' type='application/rss+xml' href='/f{n}.xml'>" for n in range(200))
    web.put(f"{HOST}/*", markup.html(links, head=feeds))
    found = look(BASE)
    assert found.found == ()
    assert len(session.requests) <= MAX_REQUESTS
    assert len(web.asked) <= MAX_REQUESTS


def test_the_page_asked_about_comes_before_others_of_its_site(web: Web, look: Look, markup: Any) -> None:
    of_kreis, of_court = web.releases(HOST, "/presse/kreis/", 4), web.releases(HOST, "/presse/gericht/", 9)
    links = "<a href='/presse/gericht/'>Pressemitteilungen des Gerichts</a>"
    web.put(f"{HOST}/presse/kreis/", markup.html(markup.list_of(of_kreis) + links))
    web.put(f"{HOST}/presse/gericht/", markup.html(markup.list_of(of_court)))
    assert look(f"{BASE}/presse/kreis/").found[0].candidate.url == f"{BASE}/presse/kreis/"


def test_an_address_without_a_scheme_is_tried_both_ways(web: Web, look: Look, markup: Any) -> None:
    releases = web.releases(HOST, "/presse/")
    web.put(f"{HOST}/presse/", markup.html(markup.list_of(releases)))
    assert look(f"{HOST}/presse/").found[0].candidate.url == f"{BASE}/presse/"


def test_what_is_no_web_address_is_said_at_once(look: Look) -> None:
    with pytest.raises(FetchError):
        look("ftp://kreis.example/")
    with pytest.raises(RefusedError):
        look("http://user:geheim@kreis.example/")
    with pytest.raises(ConfigError):
        look(BASE, fetcher="feeed")


def test_a_list_of_announced_events_is_not_taken_for_releases(web: Web, look: Look, markup: Any) -> None:
    events = "".join(
        f"<li class='termin'><time datetime='2027-0{n}-11'>11.0{n}.2027</time> <a href='/t/{n}'>Sitzung Nummer {n} des "
        "Ausschusses für Verkehr</a></li>"
        for n in range(1, 9)
    )
    web.releases(HOST, "/t/")
    web.put(f"{HOST}/aktuelles/", markup.html(f"<ul>{events}</ul>"))
    assert all(trial.score < 0.15 for trial in look(f"{BASE}/aktuelles/").found)


def test_only_sources_of_the_kind_wanted_are_tried(web: Web, look: Look, markup: Any) -> None:
    releases = web.releases(HOST, "/presse/")
    head = "<link rel='alternate' type='application/rss+xml' href='/feed.rss'>"
    web.put(f"{HOST}/feed.rss", markup.rss(releases), "application/rss+xml")
    web.put(f"{HOST}/presse/", markup.html(markup.list_of(releases), head=head))
    found = look(f"{BASE}/presse/", fetcher="listing")
    assert [trial.candidate.fetcher for trial in found.found] == ["listing"]
    assert f"{HOST}/feed.rss" not in web.asked


BROKEN = """
from pydantic import BaseModel
from archive_pipeline import hookimpl

archive_pipeline_api = 1

class Options(BaseModel):
    pass

class Breaking:
    options = OPTIONS
    def claims(self, url):
        return 500 if "kreis-muster" in url else None
    def discover(self, source, context):
        raise KeyError("kaputt")
    def capture(self, item, source, context):
        raise KeyError("kaputt")

@hookimpl
def register_fetchers(registry):
    registry.add("kaputt", Breaking())
"""


@pytest.mark.parametrize("options", ["Options", "BaseModel"])
def test_a_plugin_that_breaks_is_named_and_stops_nothing(
    options: str, web: Web, session: Session, markup: Any, tmp_path: Any
) -> None:
    (tmp_path / "kaputt.py").write_text(BROKEN.replace("OPTIONS", options))
    loaded = load_plugins(tmp_path, {})
    assert loaded.quarantined == ()
    releases = web.releases(HOST, "/presse/")
    web.put(f"{HOST}/presse/", markup.html(markup.list_of(releases)))
    found = survey(f"{BASE}/presse/", session, loaded, today=markup.today)
    assert found.found[0].candidate.fetcher == "listing"
    assert any("kaputt" in trial.problem for trial in found.others)


def test_the_table_names_what_the_address_tells(web: Web, look: Look, markup: Any, plugins: PluginManager) -> None:
    host = "www.kreis-soest.de"
    releases = web.releases(host, "/presse/")
    web.put(f"{host}/presse/", markup.html(f"<h1>Pressemitteilungen</h1>{markup.list_of(releases)}"))
    found = look(f"http://{host}/presse/")
    table = propose(
        found.found[0], Site(url=found.url, name=found.site_name, taken=frozenset({"kreis-soest"})), plugins
    )
    values = {setting.key: setting.value for setting in table.settings}
    assert values["id"] == "kreis-soest-pressemitteilungen"
    assert values["title"] == "Kreis Muster: Pressemitteilungen"
    assert values["district"] == "05974"
    assert values["schedule"] == "1d"


def test_two_candidates_are_one_when_nothing_tells_them_apart() -> None:
    one = Candidate(fetcher="feed", url="https://a.example/feed?b=1&a=2", how="x")
    same = Candidate(fetcher="feed", url="https://a.example/feed?a=2&b=1#top", how="y")
    other = Candidate(fetcher="feed", url="https://a.example/feed", how="x", settings=(Setting(key="k", value=1),))
    assert one.key == same.key != other.key


@pytest.mark.parametrize(
    ("days", "items", "schedule"),
    [([], 10, "1d"), ([1, 8, 15, 22], 20, "1d"), ([0, 0, 1, 1, 2, 2], 40, "6h"), ([0] * 12 + [1] * 12, 20, "1h")],
)
def test_the_schedule_follows_the_rhythm(days: list[int], items: int, schedule: str, markup: Any) -> None:
    assert schedule_for([markup.today - timedelta(days=day) for day in days], items) == schedule


def test_a_look_leaves_nothing_behind(web: Web, look: Look, markup: Any, tmp_path: Any, monkeypatch: Any) -> None:
    releases = web.releases(HOST, "/presse/")
    web.put(f"{HOST}/presse/", markup.html(markup.list_of(releases)))
    before = sorted(tmp_path.rglob("*"))
    assert look(f"{BASE}/presse/").found
    assert sorted(tmp_path.rglob("*")) == before


def test_answers_are_asked_for_once(web: Web, look: Look, markup: Any) -> None:
    releases = web.releases(HOST, "/presse/")
    head = "<link rel='alternate' type='application/rss+xml' href='/feed.rss'>"
    web.put(f"{HOST}/feed.rss", markup.rss(releases), "application/rss+xml")
    web.put(f"{HOST}/presse/", markup.html(markup.list_of(releases), head=head))
    assert len(look(f"{BASE}/presse/").found) == 2
    assert len(web.asked) == len(set(web.asked)), json.dumps(web.asked, indent=1)
