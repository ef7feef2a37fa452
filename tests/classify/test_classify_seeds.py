"""The five documents the product is for, as they are and without the residue of their pages."""

import re
from pathlib import Path

import pytest

from archive_pipeline.model import Article, Source

DISTRICTS = {"000": "05370", "001": "05370", "002": "05370", "003": "05766", "004": "05974"}
PARTIES = {"000": {"fdp"}, "001": {"fdp"}, "002": set(), "003": {"cdu"}, "004": {"spd"}}
BODIES = {
    "000": ["KAI", "Kommunales Integrationszentrum Kreis Heinsberg"],
    "001": ["KAI", "DRK"],
    "002": ["Kommunales Integrationszentrum Kreis Heinsberg", "Flucht und Integration NRW"],
    "003": ["Kommunales Integrationszentrum Kreis Lippe", "Deutsches Rotes Kreuz"],
    "004": ["Kommunales Integrationszentrum Kreis Soest"],
}
SPEAKERS = {
    "000": ["Gülsen Litherland", "Gülsen Litherland", "Stefan Lenzen"],
    "001": ["Stefan Lenzen", "Lothar Terodde"],
    "002": ["Bernd Laprell", *["Stephan Pusch"] * 5, "Souad Lamroubal", "Asli Sevindim"],
    "003": ["Serap Güler", "Serap Güler", "Christian Haase"],
    "004": ["Peter Brüseke"],
}
RESIDUE = re.compile(
    r"^(?:Social Media|Index|By CUH|Go up|Quelle: .*|Fotos?: .*|Schreibe einen .*|Deine E-Mail.*)\n?", re.M
)


@pytest.fixture(scope="module", params=["whole", "cut"])
def articles(request, shared: Path) -> dict[str, Article]:
    found = {}
    for path in sorted((shared / "seeds").glob("*.txt")):
        text = path.read_text(encoding="utf-8")
        if request.param == "cut":
            text = RESIDUE.sub("", text).strip()
        found[path.name[:3]] = Article(text=text)
    return found


@pytest.mark.parametrize("seed", sorted(DISTRICTS))
class TestSeeds:
    def findings(self, built_in, articles, name, seed):
        return built_in[name].classify(articles[seed], Source(id="seeds"))

    def test_district(self, built_in, articles, seed):
        tags = self.findings(built_in, articles, "district", seed)
        assert [tag.value for tag in tags] == [DISTRICTS[seed]]
        assert tags[0].score >= 0.5

    def test_party(self, built_in, articles, seed):
        tags = self.findings(built_in, articles, "party", seed)
        assert {tag.value for tag in tags if tag.role in ("issuer", "about") and tag.score >= 0.5} == PARTIES[seed]

    def test_topic(self, built_in, articles, seed):
        assert self.findings(built_in, articles, "topic", seed)[0].value == "immigration"

    def test_organisations(self, built_in, articles, seed):
        labels = " | ".join(tag.label for tag in self.findings(built_in, articles, "organisation", seed))
        assert [name for name in BODIES[seed] if name not in labels] == []

    def test_quotes(self, built_in, articles, seed):
        quotes = self.findings(built_in, articles, "quotes", seed)
        assert [quote.speaker for quote in quotes] == SPEAKERS[seed]


def test_same_quote_in_two_releases(built_in, articles):
    first, second = (
        {quote.text[:60] for quote in built_in["quotes"].classify(articles[seed], Source(id="seeds"))}
        for seed in ("000", "001")
    )
    assert len(first & second) == 1
