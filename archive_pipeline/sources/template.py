"""The commented sources.toml that `init` writes."""

from string import Template

__all__ = ["new_sources_toml"]

_TEMPLATE = Template("""\
# Konfiguration dieses Archivs. Prüfen: archive-pipeline sources check
# Passwörter und Tokens gehören nicht hierher, sondern in ARCHIVE_PIPELINE_SECRET_<NAME> oder in die Datei,
# die ARCHIVE_PIPELINE_SECRETS_FILE nennt.

[archive]
path = "archive"              # Ordner der Daten, relativ zu dieser Datei
engine = "$engine"            # Suchmaschine
title = "Archiv für Pressemitteilungen"
# contact = "archiv@example.org"   # Mail- oder Web-Adresse, mit der sich der Abruf ausweist: bitte eintragen
# user_agent = "…"                 # ersetzt die ganze Kennung; sonst Programmname, Version und contact
persons = "office-holders"    # wer genannt wird: "office-holders" (nur mit Amt, Funktion oder Partei) oder "off"
max_bytes = 20_000_000        # größere Dokumente werden nicht gespeichert, sondern gemeldet
request_interval = 2.0        # Sekunden zwischen zwei Abrufen beim selben Server
# warc_bytes = 1_000_000_000       # so groß wird eine WARC-Datei, dann beginnt eine neue
# connections = 16                 # so viele Server werden zugleich gefragt, jeder für sich einer nach dem anderen
# recheck_budget = 100             # so viele bekannte Mitteilungen je Quelle und Lauf werden nachgeprüft
# proxy = "http://proxy.example.org:3128"   # alle Abrufe über diesen Proxy
# ca_bundle = "zertifikate.pem"    # Zertifikate, denen statt denen des Systems vertraut wird

# Jede Quelle ist eine Tabelle [[source]]. Pflicht ist nur id; fetcher kann fehlen, wenn die url ihn erkennen lässt.
#   id             Kürzel aus Kleinbuchstaben, Ziffern, Bindestrichen; bleibt für immer
#   fetcher        "folder" (Ordner), "feed" (RSS, Atom, JSON Feed), "sitemap", "listing" (Auflistung),
#                  "mail" (Mail in Dateien), "imap" (Postfach auf einem Server), "warc" (Webarchiv) oder ein Plugin
#   schedule       Abstand ("30m", "6h", "1d") oder Cron-Zeile ("15 6 * * mon-fri"), für run --due
#   expected       so lange darf nichts Neues kommen, ohne dass status die Quelle als still meldet ("14d")
#   budget         höchstens so viele Dokumente je Lauf: ein großer Altbestand kommt dann über Tage
#   district       fünfstelliger AGS-Schlüssel, in Anführungszeichen
#   party          Kürzel (cdu csu spd fdp gruene linke afd bsw fw …), örtliche Gruppen mit Kreis: "uwg@05370"
#   organisation   Kürzel der herausgebenden Stelle
#   language       Sprache der Texte, wenn nichts anderes erkannt wird ("de")
#   access         wer den Volltext lesen darf: public, login, onsite, closed
#   legal_basis    44b, 60d, 60f, consent oder official-work-5
#   robots_override = { reason = "…", granted_by = "…", date = 2026-01-31 }   nur mit legal_basis = "consent"
#   snooze = { until = 2026-12-31, note = "…" }   bis dahin meldet status keine Störung
#   appraisal, responsible, capture_scope, call_number   Bewertung, zuständig, Umfang, Signatur
#   retention      wie lange Mitteilungen bleiben: "10y", "18m" oder "forever"; gelöscht wird nie von selbst
#   gate           false archiviert auch, was die Qualitätsprüfung zurückhalten würde
#   enabled        false schaltet die Quelle ab; ihre Geschichte bleibt
$sample
# [[source]]
# id = "mein-kreis"
# title = "Pressestelle des Kreises"
# fetcher = "feed"
# url = "https://www.example.org/presse/rss.xml"
# schedule = "6h"
# district = "05974"
# access = "login"
# legal_basis = "60d"

# [[source]]
# id = "ablage"
# title = "Dateien aus dem Posteingang"
# fetcher = "folder"
# path = "eingang"
""")

_SAMPLE = """
# Mitgelieferte Beispielquelle: erfundene Mitteilungen, braucht kein Netz.
[[source]]
id = "sample"
title = "Beispielquelle"
fetcher = "folder"
path = "package:sample"
"""


def new_sources_toml(*, engine: str = "whoosh", sample: bool = False) -> str:
    """The text of a new sources.toml; with `sample` the sample source that comes with the package is on.

    `engine` must be the name of a registered engine: the caller checks it.
    """
    return _TEMPLATE.substitute(engine=engine, sample=_SAMPLE if sample else "")
