#!/usr/bin/env python3
"""Make the tables of archive_pipeline/classify/data from the reference tables in ../shared/vocab.

    python3 scripts/build_vocabulary.py [FOLDER]

Needed only when the reference tables change, never at install. Keeps the columns the classifiers read, drops rows
that can't be used, and checks keys. topic_lexicon.csv, given_name.txt and calibration.csv in the same folder are
our own and are left alone.
"""

import csv
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

Row = dict[str, str]

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "archive_pipeline" / "classify" / "data"

# "CDU und CSU" is a list of two parties, not their alliance; an ordinary noun is no name of a party.
DROPPED_SURFACES = {
    "CDU und CSU",
    "Bürger für",
    "Bürgerbewegung",
    "Die Republikaner",
    "Stadtpartei",
    "Wählergemeinschaft",
    "Wählervereinigung",
}

# Case forms and names in use that the reference tables lack.
ADDED_SURFACES = {
    "fw": "Freien Wählern|Freier Wähler|FREIEN WÄHLER",
    "thw": "Technische Hilfswerk|Technischen Hilfswerk|Technischen Hilfswerks|Technischen Hilfswerkes",
    "weisserring": "Weißen Ring|Weißen Rings|Weißen Ringes|Weisser Ring",
    "khs": "Kreishandwerkerschaften",
    "ksb": "Kreissportbunds",
    "caritas": "Caritasverbands",
    "bauernverband": "Bauernverbandes|Bauernverbands|Kreisbauernverbandes",
    "diakonie": "Diakonische Werk|Diakonisches Werks",
    "jobcenter": "Job-Centers",
    "auslaenderbehoerde": "Ausländerbehörden",
    "kreisverwaltung": "Landratsamts|Landratsamtes|Kreishauses",
}
CORRECTED_LABELS = {"weisserring": "Weißer Ring"}
ADDED_ORGANISATIONS: tuple[Row, ...] = (
    {"organisation": "bundeswehr", "label": "Bundeswehr", "type": "agency", "variants": "Bundeswehr"},
    {
        "organisation": "reservistenverband",
        "label": "Reservistenverband",
        "type": "association",
        "variants": "Reservistenverband|Reservistenverbandes|Verband der Reservisten der Deutschen Bundeswehr",
    },
)

# Types that need their Land or place: the name is built from its parts.
DROPPED_ORGANISATION_SURFACES = {"Landkreistag", "Städtetag"}

# Ordinary words found in capitals on German pages: a cue of their own is needed (high), or a preposition (medium).
RAISED_TO_HIGH = """
Norden Buch Kuchen Brand Linden Sand Mengen Salz Dingen Auen Nagel Platten Brücken Hecken Speicher Spalt Hammer Bogen
Wellen Häusern Übersee Körner Winkel Fell Steinen Mantel Höfen Gräben Brunnen Seelen Horn Graben Pracht Otter Anger
Weiden Karl Horst Valley March Thür Wanna Zeil Bunde
"""
RAISED_TO_MEDIUM = "Siegen Haar Rees Singen Meinhard Iven Lotte Theres Linda Verl"

# Programmes and single local projects are no organisations: what a text itself introduces as
# "Langform (KÜRZEL)" is found without a vocabulary.
SKIPPED_ORGANISATION_TYPES = {"programme", "project"}

COLUMNS: dict[str, tuple[str, ...]] = {
    "district": ("ags5", "name", "type", "bundesland", "seat", "population", "wikidata", "gnd", "variants"),
    "district_former": ("ags5", "label", "bundesland", "wikidata", "gnd", "valid_to", "successor"),
    "municipality": ("ags8", "name", "population", "postal_code", "variants"),
    "locality_nrw": ("name", "ags5"),
    "adjective_form": ("form", "inflection", "reliability", "ags5"),
    "ambiguous_place": ("name", "risk", "classes"),
    "kfz": ("host_token", "ags5", "matches", "likely"),
    "source_domain": ("domain", "ags5"),
    "party": (
        "party", "label", "short", "kind", "parent", "wikidata", "active_from", "active_to", "variants",
        "weak_variants",
    ),
    "organisation": (
        "organisation", "label", "type", "parent", "wikidata", "gnd", "district_ags5", "variants", "weak_variants",
    ),
    "topic_cap": ("topic", "cap_code", "parent", "label_de", "facet"),
}  # fmt: skip

KEYS = {"district": "ags5", "municipality": "ags8", "party": "party", "organisation": "organisation",
        "topic_cap": "topic", "source_domain": "domain"}  # fmt: skip


def read(folder: Path, table: str) -> list[Row]:
    with (folder / f"{table}.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def former_districts(rows: Iterable[Row], current: set[str]) -> list[Row]:
    """Dissolved since 1991 under a key of their own; a key still in use would name today's district."""
    return [row for row in rows if row["ags5"] and row["ags5"] not in current]


def municipalities(rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if not row["type"].startswith("Gemeindefreies Gebiet (unbewohnt)")]


def plates(rows: Iterable[Row]) -> list[Row]:
    """Plates whose letters point to one district, without those that mean something else in a host name."""
    return [row for row in rows if not row["caution"] and (row["n_districts"] == "1" or row["likely"] == "1")]


def localities(rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if len(row["name"]) > 2 and "(" not in row["name"]]


def parties(rows: Iterable[Row]) -> list[Row]:
    kept = []
    for row in rows:
        variants = [variant for variant in row["variants"].split("|") if variant not in DROPPED_SURFACES]
        variants += filter(None, ADDED_SURFACES.get(row["party"], "").split("|"))
        kept.append({**row, "variants": "|".join(variants)})
    return kept


def ambiguous(rows: Iterable[Row]) -> list[Row]:
    raised = dict.fromkeys(RAISED_TO_HIGH.split(), "high") | dict.fromkeys(RAISED_TO_MEDIUM.split(), "medium")
    known = [{**row, "risk": raised.pop(row["name"], row["risk"])} for row in rows]
    return known + [{"name": name, "risk": risk, "classes": "common_word"} for name, risk in sorted(raised.items())]


def organisations(rows: Iterable[Row]) -> list[Row]:
    """Without programmes, and without federal bodies that the curated part knows under the same name."""
    rows = [row for row in rows if row["type"] not in SKIPPED_ORGANISATION_TYPES]
    curated = {
        name for row in rows if row["type"] != "federal_body" for name in (row["label"], *row["variants"].split("|"))
    }
    rows = [row for row in rows if row["type"] != "federal_body" or row["label"] not in curated]
    blank = dict.fromkeys(COLUMNS["organisation"], "")
    return [with_forms(row) for row in rows] + [blank | row for row in ADDED_ORGANISATIONS]


def with_forms(row: Row) -> Row:
    """A body with its case forms: "des Kreises Soest", "des Wetteraukreises"."""
    names = [name for name in row["variants"].split("|") if name and name not in DROPPED_ORGANISATION_SURFACES]
    names += filter(None, ADDED_SURFACES.get(row["organisation"], "").split("|"))
    label = CORRECTED_LABELS.get(row["organisation"], row["label"])
    if row["type"] == "district_administration":
        kind, _, rest = label.partition(" ")
        if kind in ("Kreis", "Landkreis"):
            names.append(f"{kind}es {rest}")
        elif label.endswith("kreis"):
            names.append(f"{label}es")
    return {**row, "label": label, "variants": "|".join(dict.fromkeys(names))}


def unique(rows: Iterable[Row], columns: tuple[str, ...]) -> list[Row]:
    seen: dict[tuple[str, ...], Row] = {}
    for row in rows:
        seen.setdefault(tuple(row[column] for column in columns), row)
    return list(seen.values())


def check_keys(table: str, rows: list[Row]) -> None:
    key = KEYS.get(table)
    if key is None:
        return
    values = [row[key] for row in rows]
    doubled = sorted({value for value in values if values.count(value) > 1}) if len(values) < 2000 else []
    if doubled or len(set(values)) != len(values):
        raise SystemExit(f"{table}.csv: keys used twice: {', '.join(doubled) or 'see file'}")


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT.parent / "shared" / "vocab"
    current = {row["ags5"] for row in read(folder, "district")}
    filters: dict[str, Callable[[list[Row]], list[Row]]] = {
        "district_former": lambda rows: former_districts(rows, current),
        "municipality": municipalities,
        "kfz": plates,
        "locality_nrw": localities,
        "party": parties,
        "ambiguous_place": ambiguous,
        "organisation": organisations,
    }
    DATA.mkdir(parents=True, exist_ok=True)
    for table, columns in COLUMNS.items():
        rows = filters.get(table, list)(read(folder, table))
        rows = unique(rows, columns)
        check_keys(table, rows)
        with (DATA / f"{table}.csv").open("w", encoding="utf-8", newline="") as out:
            writer = csv.DictWriter(out, columns, extrasaction="ignore", lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        print(f"{table}: {len(rows)} rows")


if __name__ == "__main__":
    main()
