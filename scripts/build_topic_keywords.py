#!/usr/bin/env python3
"""Make archive_pipeline/classify/data/topic_keyword.csv from the reference tables in ../shared/vocab.

    python3 scripts/build_topic_keywords.py [FOLDER]

Needed only when the reference tables change, never at install. Joins the keywords of topic_keyword.csv (Wikidata) with
the concepts of topic_nwbib.csv (Wikidata, GND), leaves out what is no subject of a release, and mends topics that were
assigned by a pattern.
"""

import csv
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "archive_pipeline" / "classify" / "data" / "topic_keyword.csv"
COLUMNS = ("topic", "label", "wikidata", "gnd", "nwbib", "surfaces")
PARENT = {"sport": "culture", "european_integration": "international_affairs"}

# Everyday words, names of single places and bodies, and words that mean something else in a release.
DROPPED = """
Abgaben Abgeordnete Abgeordneter Afghanistan Allee Alltag Arbeitnehmer Architekten Arzneimittel Ausbildung Ausländer
Außenprüfung Bank Brunnen Buch Bundespräsident Burgen Burka Buße Diplom Drama Einschulung Elbe Epik Erholungsgebiete
Erziehung Euro Familie Festungen Finanzierung Fische Gebäude Gebühren Geräte Gesteinsabbau Gewalt Glas Grenzen
Grenzsteuersatz Griechenland Hafen Handel Handschriften Hanf Hausrat Häfen Industrie Innenstadt Insekten
Interessenverbände Journalisten Kanäle Kind Kinder Kleidung Klima Kohle Kommune Kosten Künstler Legenden Lehrer Leser
Liebe Luft Lurche Maghreb Magister Manager Marketing Master Medizin Meister Migrant Minarett Minderheiten
Ministerpräsident Moore Musiker Märkte Möbel Nachbarschaft Nahrung Niederschlag Nordstaat Note Omnibus Opposition
Organisation Parks Parlament Parteien Pendler Pflanzen Pflicht Plastik Plätze Polen Politiker Praktikum Presse
Prostitution Recht Regierung Reptilien Rhein Russland Rüstungen Sagen Sanktion Schanzen Schauspieler Schleier Schmuck
Schüler Seen Siedlung Soldaten Sprache Standard Steuer Steuern Strahlung Straßen Studenten Subvention Sänger
Säugetiere Technik Temperatur Textilien Tier Tiere Tilgung Tod Tracht Transparenz Tschechien Tunnel Täter Türkei
Ukraine Uniformen Unternehmen Unterricht Vereine Verfassung Vergabe Verkehr Verleger Versetzung Verwaltung Vögel
Waffen Wahlen Wasser Werbung Weser Wetter Wild Winter Wirtschaft Witz Wolf Zeichnung Zigarette
"""
# Names of single bodies, roads and places: patterns.
SINGLE = re.compile(
    r"\b(?:Bremen|Hamburg|Berlin|Kiel|Lübeck|Saar|Bundesautobahn|Bundesstraße|Bahnhof|Flughafen [A-Z]|Airport|Olympi|"
    r"Bewerbungen|Volkswagen|Asklepios|Vivantes|GEWOBA|Cottbus|Lausitz|Südschleswig|Landesverband|Landschaftsverband|"
    r"Kommunalverband|Westdeutscher|Mitteldeutscher|Einzelne|Sonstige|Allgemein|Mediaspree|Snowden|Nürburgring|Fehmarn|"
    r"Transrapid|Weser|Elb|"
    r"Mittelrhein|Hochmosel|Hafenquer|Griechische|Türkei|Spätkauf|NPD|RAG|Senne|Wehrmacht|Reichswehr|"
    r"Universitätsklinikum|[Gg]eschichte)"
)
MENDED = {
    "Zölle": "foreign_trade",
    "Waffenexport": "foreign_trade",
    "Außenwirtschaft": "foreign_trade",
    "Straßenbau": "transportation",
    "Gewerkschaften": "labour",
    "Europäische Union": "international_affairs",
    "Städtepartnerschaften": "international_affairs",
    "Kreispartnerschaften": "international_affairs",
    "Grundrechte": "civil_rights",
    "Naturparke": "public_lands",
    "Nationalpark": "public_lands",
    "Nationalparks in Deutschland": "public_lands",
    "Tierschutz": "agriculture",
    "Bienen": "agriculture",
    "Krankenversicherung": "health",
    "Rechtsextremismus": "civil_rights",
    "sozialer Wohnungsbau": "housing",
    "Inklusion": "civil_rights",
    "Familienformen": "social_welfare",
    "Wohngeld": "housing",
    "Resozialisierung": "law_crime",
    "Jugendstrafrecht (Deutschland)": "law_crime",
    "Frauenhaus": "civil_rights",
    "Behinderung": "civil_rights",
    "Kirche und Staat": "civil_rights",
    "Friedhöfe": "public_lands",
}


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def bare(label: str) -> str:
    return label.partition(" (")[0]


def is_subject(label: str) -> bool:
    return (
        len(label) > 3
        and not ({label, bare(label)} & set(DROPPED.split()))
        and ". " not in label
        and not SINGLE.search(label)
    )


def surfaces(label: str, names: str) -> list[str]:
    known = {label, *DROPPED.split()}
    found = [name.strip() for name in names.split("|")]
    return [
        name
        for name in dict.fromkeys([bare(label), *found])
        if (len(name) > 4 or (len(name) > 2 and name.isupper()))
        and name not in known
        and not {"(", "."} & set(name)
        and len(name.split()) < 5
    ]


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT.parent / "shared" / "vocab"
    table: dict[str, dict[str, str]] = {}
    for row in rows(folder, "topic_keyword.csv"):
        label = row["label_de"]
        topic = MENDED.get(label, row["topic"])
        if topic and is_subject(label):
            names = "|".join(surfaces(label, row["aliases"]))
            known = dict.fromkeys(COLUMNS, "") | {"wikidata": row["wikidata"], "surfaces": names}
            table[row["wikidata"]] = known | {"topic": PARENT.get(topic, topic), "label": bare(label)}
    for row in rows(folder, "topic_nwbib.csv"):
        label = row["label_de"]
        topic = MENDED.get(label, row["topic"])
        if not topic or not is_subject(label) or not (row["wikidata"] or row["gnd"]):
            continue
        wikidata = row["wikidata"].partition("|")[0]
        key = wikidata or row["id"]
        new = dict.fromkeys(COLUMNS, "") | {
            "label": label,
            "topic": PARENT.get(topic, topic),
            "wikidata": wikidata,
        }
        known = table.setdefault(key, new)
        names = [*known["surfaces"].split("|"), label, *row["alt_labels"].split("|")]
        known["surfaces"] = "|".join(surfaces(known["label"], "|".join(filter(None, names))))
        known["gnd"], known["nwbib"] = row["gnd"].partition("|")[0], row["id"]
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted(table.values(), key=lambda row: (row["topic"], row["label"], row["nwbib"])))


if __name__ == "__main__":
    main()
