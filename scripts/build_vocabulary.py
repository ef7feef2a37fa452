#!/usr/bin/env python3
"""Make the tables of archive_pipeline/classify/data from the reference tables in ../shared/vocab.

    python3 scripts/build_vocabulary.py [FOLDER]

Needed only when the reference tables change, never at install. Keeps the columns the classifiers read, drops rows
that can't be used, and checks keys. topic_lexicon.csv, given_name.txt and calibration.csv in the same folder are
our own and are left alone.
"""

import csv
import re
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
    "linke": "LINKEN",
    "fw": "Freien Wählern|Freier Wähler|FREIEN WÄHLER",
    "thw": "Technische Hilfswerk|Technischen Hilfswerk|Technischen Hilfswerks|Technischen Hilfswerkes",
    "weisserring": "Weißen Ring|Weißen Rings|Weißen Ringes|Weisser Ring",
    "pds": "Partei des Demokratischen Sozialismus|Partei des demokratischen Sozialismus",
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

# Days on which parties began and ended, as they state them themselves; the reference table has years, or nothing.
# The Greens' begin as Die Grünen: their weak names are older than the union with Bündnis 90.
PARTY_DATES: dict[str, tuple[str, str]] = {
    "gruene": ("1980-01-13", ""),
    "pds": ("1990-02-04", "2007-06-15"),
    "linke": ("2007-06-16", ""),
    "afd": ("2013-02-06", ""),
    "bsw": ("2024-01-08", ""),
    "volt": ("2018-03-03", ""),
    "piraten": ("2006-09-10", ""),
    "basis": ("2020-07-04", ""),
    "werteunion": ("2024-02-17", ""),
    "lkr": ("2015-07-19", ""),
    "buendnis-deutschland": ("2022-11-20", ""),
    "buendnis-c": ("2015-03-28", ""),
    "die-rechte": ("2012-05-27", ""),
    "iii-weg": ("2013-09-28", ""),
    "humanisten": ("2014-10-11", ""),
    "npd": ("1964-11-28", ""),
    "ja": ("2013-06-15", "2025-03-31"),
}
PARTY_SUCCESSORS = {"pds": "linke", "ja": "generation-deutschland", "pf-1010": "pf-1031"}
ADDED_PARTIES: tuple[Row, ...] = (
    {
        "party": "wasg",
        "label": "Arbeit & soziale Gerechtigkeit – Die Wahlalternative",
        "short": "WASG",
        "kind": "party",
        "active_from": "2005-01-22",
        "active_to": "2007-06-15",
        "successor": "linke",
        "variants": "WASG|Wahlalternative Arbeit und soziale Gerechtigkeit|Arbeit & soziale Gerechtigkeit – Die "
        "Wahlalternative",
    },
    {
        "party": "generation-deutschland",
        "label": "Generation Deutschland",
        "kind": "association",
        "parent": "afd",
        "active_from": "2025-11-29",
        "variants": "Generation Deutschland",
    },
    # Names that a party had for a time count for it in that time alone.
    {
        "party": "npd-heimat",
        "label": "Die Heimat",
        "kind": "name",
        "parent": "npd",
        "active_from": "2023-06-03",
        "weak_variants": "Die Heimat|HEIMAT",
    },
    {
        "party": "pds-linkspartei",
        "label": "Die Linkspartei.PDS",
        "kind": "name",
        "parent": "pds",
        "active_from": "2005-07-17",
        "active_to": "2007-06-15",
        "variants": "Linkspartei",
    },
)
DATED_SURFACES = {"npd": {"Die Heimat", "HEIMAT"}}

# Today's districts that took the place of others, and since when. Those not named here are older than the keys.
DISTRICT_BEGINNINGS = {
    "1994-07-01": "15081 15086 15090 16061 16062 16063 16064 16065 16066 16067 16068 16069 16070 16071 16072 16073 "
    "16074 16075 16076 16077",
    "2001-11-01": "03241",
    "2007-07-01": "15001 15082 15083 15084 15085 15087 15088 15089 15091",
    "2008-08-01": "14521 14522 14523 14524 14625 14626 14627 14628 14729 14730",
    "2009-10-21": "05334",
    "2011-09-04": "13071 13072 13073 13074 13075 13076",
    "2016-11-01": "03159",
}

# Kreisfreie Städte that became part of a Kreis or got another key: their names are those of municipalities today.
FORMER_CITIES = """
05313 Aachen|Nordrhein-Westfalen|2009-10-20|05334
03152 Landkreis Göttingen|Niedersachsen|2016-10-31|03159
13001 Greifswald|Mecklenburg-Vorpommern|2011-09-03|13075
13002 Neubrandenburg|Mecklenburg-Vorpommern|2011-09-03|13071
13005 Stralsund|Mecklenburg-Vorpommern|2011-09-03|13073
13006 Wismar|Mecklenburg-Vorpommern|2011-09-03|13074
14161 Chemnitz|Sachsen|2008-07-31|14511
14166 Plauen|Sachsen|2008-07-31|14523
14167 Zwickau|Sachsen|2008-07-31|14524
14262 Dresden|Sachsen|2008-07-31|14612
14263 Görlitz|Sachsen|2008-07-31|14626
14264 Hoyerswerda|Sachsen|2008-07-31|14625
14365 Leipzig|Sachsen|2008-07-31|14713
15101 Dessau|Sachsen-Anhalt|2007-06-30|15001
15202 Halle (Saale)|Sachsen-Anhalt|2007-06-30|15002
15303 Magdeburg|Sachsen-Anhalt|2007-06-30|15003
16056 Eisenach|Thüringen|2021-06-30|16063
"""

# Types that need their Land or place: the name is built from its parts. Landfrauen are no farmers' union.
DROPPED_ORGANISATION_SURFACES = {"Landkreistag", "Städtetag", "Landfrauen", "Landfrauenverband"}

# Forms that mean a Land far more often than the city of its name.
WEAKENED_ADJECTIVES = {"Brandenburger"}

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
    "district": (
        "ags5", "name", "type", "bundesland", "seat", "population", "wikidata", "gnd", "valid_from", "variants",
    ),
    "district_former": ("ags5", "label", "bundesland", "wikidata", "gnd", "valid_to", "successor", "variants"),
    "municipality": ("ags8", "name", "population", "postal_code", "wikidata", "variants"),
    "locality_nrw": ("name", "ags5"),
    "adjective_form": ("form", "inflection", "reliability", "ags5"),
    "ambiguous_place": ("name", "risk", "classes"),
    "kfz": ("host_token", "ags5", "matches", "likely"),
    "source_domain": ("domain", "ags5"),
    "party": (
        "party", "label", "short", "kind", "parent", "wikidata", "active_from", "active_to", "successor",
        "variants", "weak_variants",
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


def districts(rows: Iterable[Row]) -> list[Row]:
    since = {key: day for day, keys in DISTRICT_BEGINNINGS.items() for key in keys.split()}
    names = {row["ags5"]: "|".join(dict.fromkeys(inflected(row["variants"].split("|")))) for row in rows}
    return [{**row, "variants": names[row["ags5"]], "valid_from": since.get(row["ags5"], "")} for row in rows]


def former_districts(rows: Iterable[Row], current: list[Row]) -> list[Row]:
    """Dissolved since 1991 under a key of their own (a key still in use would name today's district), with the case
    forms of their names that are no name of a district of today, and kreisfreie Städte that are none any more."""
    keys = {row["ags5"] for row in current}
    taken = {name for row in current for name in (row["name"], *row["variants"].split("|"))}
    kept = [
        {**row, "variants": "|".join(name for name in former_names(row["label"]) if name not in taken)}
        for row in rows
        if row["ags5"] and row["ags5"] not in keys
    ]
    for line in FORMER_CITIES.strip().splitlines():
        key, _, rest = line.partition(" ")
        label, state, valid_to, successor = rest.split("|")
        made = {"ags5": key, "label": label, "bundesland": state, "valid_to": valid_to, "successor": successor}
        kept.append(dict.fromkeys(COLUMNS["district_former"], "") | made)
    return sorted(kept, key=lambda row: row["ags5"])


def former_names(label: str) -> list[str]:
    """The forms in which texts name a dissolved Kreis: both words for it, and the genitive."""
    kind, _, rest = label.partition(" ")
    if kind in ("Kreis", "Landkreis"):
        return [f"{word}{ending} {rest}" for word in (kind, *{"Kreis", "Landkreis"} - {kind}) for ending in ("", "es")]
    return [label, f"{label}es"] if label.endswith("kreis") else [label]


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
        dated = DATED_SURFACES.get(row["party"], set())
        begin, end = PARTY_DATES.get(row["party"], (row["active_from"], row["active_to"]))
        changed = {
            "variants": "|".join(variants),
            "weak_variants": "|".join(name for name in row["weak_variants"].split("|") if name not in dated),
            "active_from": begin,
            "active_to": end,
            "successor": PARTY_SUCCESSORS.get(row["party"], ""),
        }
        kept.append({**row, **changed})
    return kept + [dict.fromkeys(COLUMNS["party"], "") | row for row in ADDED_PARTIES]


def adjectives(rows: Iterable[Row]) -> list[Row]:
    return [{**row, "reliability": "low"} if row["form"] in WEAKENED_ADJECTIVES else row for row in rows]


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
    return {**row, "label": label, "variants": "|".join(dict.fromkeys(inflected(names)))}


def inflected(names: Iterable[str]) -> list[str]:
    """The names with the case forms of those that begin with an adjective: "des Märkischen Kreises"."""
    found: list[str] = []
    for name in names:
        adjective = re.fullmatch(r"(.*\bdes )?(.*isch)er (Kreise?s?)", name)
        if adjective and name.endswith("Kreises"):
            found.append(f"{adjective[1] or ''}{adjective[2]}en Kreises")
            continue
        found.append(name)
        if adjective:
            found += (f"{adjective[2]}en Kreis", f"{adjective[2]}en Kreises")
    return found


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
    current = read(folder, "district")
    filters: dict[str, Callable[[list[Row]], list[Row]]] = {
        "district": districts,
        "district_former": lambda rows: former_districts(rows, current),
        "municipality": municipalities,
        "kfz": plates,
        "locality_nrw": localities,
        "party": parties,
        "adjective_form": adjectives,
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
