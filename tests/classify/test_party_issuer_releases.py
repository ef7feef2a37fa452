"""Who issues a release: short texts of our own with issuers of all parties and levels, and texts of others about them.

Each row: expected issuers, title, text, further fields. A party that is talked about, named more often, invited or
allied never issues; the speaker's party, the title's sender, the contact block do.
"""

import pytest

SPEAKERS = [
    # the title names the sender before a colon, and an opponent behind it
    ("gruene", "GRÜNE: SPD verschleppt Radweg", "Die SPD bremst wieder. Die SPD hat keinen Plan.", {}),
    ("spd", "SPD: CDU blockiert den Kita-Ausbau", "Die CDU hat gegen den Antrag gestimmt, die CDU redet nur.", {}),
    ("linke", "Linke: FDP macht Politik für Reiche", "Die FDP will kürzen. Kritik an der FDP kommt aus Köln.", {}),
    ("volt", "Volt: Stadt braucht mehr Bäume", "Der Rat soll handeln.", {}),
    ("fw", "FREIE WÄHLER: CSU lässt Dörfer im Stich", "Die CSU im Kreistag hat abgelehnt.", {}),
    ("cdu", "CDU – Haushalt der Ampel ist unseriös", "SPD, Grüne und FDP haben sich verrechnet.", {}),
    # the title's subject acts on another party
    ("fdp", "FDP kritisiert Grüne wegen Parkgebühren", "Die Grünen wollen Autofahrer schröpfen.", {}),
    ("afd", "AfD-Fraktion wirft CDU Wortbruch vor", "Die CDU habe zugestimmt, so Fraktionschef Karl Muster.", {}),
    ("csu", "CSU widerspricht den Freien Wählern", "Die Freien Wähler irren, sagt Kreisvorsitzender Max Huber.", {}),
    ("bsw", "BSW fordert Frieden", "Die SPD rüste auf, erklärt die BSW-Landesvorsitzende Eva Beispiel.", {}),
    # party and place as the speaker
    (
        "volt",
        "Volt Münster: Mehr Europa wagen",
        "Volt fordert ein Semesterticket. „Europa gelingt“, sagt Liv Muster.",
        {},
    ),
    ("volt", "Neue Bänke", "Zum Weltfrauentag hat Volt Bonn eine Tafel gedeckt. Volt fordert mehr Bänke.", {}),
    ("spd", "Neue Bänke", "Die SPD Lemgo lädt am Samstag ein. Auch die CDU ist willkommen.", {}),
    ("gruene", "Neue Bänke", "Mit einem Antrag wollen die Grünen Soest den Markt begrünen. Die CDU ist dagegen.", {}),
    ("fw", "Rufbus bleibt", "Die Freien Wähler Passau wollen den Rufbus erhalten. CSU und SPD zögern.", {}),
    ("piraten", "Keine Kameras", "Die Piratenpartei Kiel lehnt Kameras ab. Die CDU hatte sie beantragt.", {}),
    ("oedp", "Volksbegehren", "Die ÖDP Regensburg sammelt Unterschriften. CSU und Freie Wähler mauern.", {}),
    ("fdp", "Leere Läden", "Die Freien Demokraten Wetterau haben ein Papier beschlossen.", {}),
    # the speaker's function
    (
        "gruene",
        "Abstand zu Windrädern",
        "„Die CDU bremst, die CDU lobt nur sich“, erklärt die Kreissprecherin der Grünen, Eva Muster.",
        {},
    ),
    (
        "spd",
        "Heime",
        "„Die CDU spart an Alten“, kritisiert der SPD-Landtagsabgeordnete Paul Muster. CDU und FDP regieren.",
        {},
    ),
    ("cdu", "Ganztag", "„Die Ampel liefert nicht“, so der CDU-Kreisvorsitzende Jan Muster. Die SPD schweigt.", {}),
    ("linke", "Mieten", "Janine Beispiel, Vorsitzende der Linksfraktion, kritisiert: „SPD und Grüne versagen.“", {}),
    (
        "fdp",
        "Bürokratie",
        "„Die Grünen verbieten gern und viel“, sagte Gerd Muster (FDP), Sprecher seiner Fraktion im Kreistag.",
        {},
    ),
    (
        "afd",
        "Grenzen",
        "Der AfD-Bundestagsabgeordnete Udo Muster erklärt: „Die Union hat umgesetzt, was die SPD will.“",
        {},
    ),
    ("ssw", "Fähre", "Dazu erklärt der Vorsitzende des SSW im Landtag, Lars Muster: „CDU und Grüne reden nur.“", {}),
    (
        "csu",
        "Klinik",
        "Der Vorsitzende der CSU im Kreistag, Toni Huber, betont: „Wir stehen zum Haus.“ Die SPD klagt.",
        {},
    ),
    ("bsw", "Renten", "Die Sprecherin der BSW-Gruppe im Rat, Eva Muster, sagt: „Die SPD kürzt, die CDU auch.“", {}),
    # views and accounts of a party
    ("spd", "Schulen", "Nach Ansicht der SPD muss gebaut werden. Die CDU sieht das anders, die CDU will sparen.", {}),
    (
        "gruene",
        "Wald",
        "Aus Sicht von BÜNDNIS 90/DIE GRÜNEN reicht das nicht. Scharfe Kritik an der CDU-Kreistagsfraktion.",
        {},
    ),
    (
        "fdp",
        "Kreishaus",
        "Nach Auffassung der FDP-Kreistagsfraktion ist der Bau zu teuer. Kritik an der SPD bleibt.",
        {},
    ),
    # the inverted sentence
    (
        "gruene",
        "Wind",
        "Scharfe Kritik üben die Grünen im Kreis Steinfurt an einem Antrag der CDU-Kreistagsfraktion. "
        "Die Grünen und BÜNDNIS 90/DIE GRÜNEN im Land sind einig.",
        {},
    ),
    ("spd", "Bus", "Gegen den Antrag der FDP-Fraktion wendet sich die SPD-Fraktion im Stadtrat.", {}),
    ("linke", "Bad", "Mit Unverständnis reagiert die Fraktion DIE LINKE auf die Pläne der CDU-Fraktion.", {}),
    # contact block, source line, who we are, author
    (
        "gruene",
        "Wind",
        "Die CDU bremst. Die CDU-Kreistagsfraktion stellte einen Antrag.",
        {"contact": "Pressekontakt:\nGRÜNE Kreisverband Steinfurt\npresse@gruene.example"},
    ),
    (
        "volt",
        "Tafel",
        "Auf dem Markt stand eine Tafel.",
        {"contact": "Volt Deutschland, City-Team Münster\nvolt@v.example"},
    ),
    (
        "fw",
        "Rufbus",
        "Die CSU will den Rufbus streichen. Die CSU irrt.",
        {"contact": "Kontakt:\nFREIE WÄHLER Kreistagsfraktion Passau\nTel. 1"},
    ),
    ("spd", "Fest", "Es wird gefeiert.", {"contact": "V.i.S.d.P.:\nSPD-Ortsverein Werl, Paul Muster"}),
    ("linke", "Mieten", "Die SPD und die Stadt sparen.", {"contact": "V.i.S.d.P.:\nDie Linke, Kreisverband Göttingen"}),
    ("fdp", "Fest", "Die CDU lud ein.", {"source_line": "FDP-Kreisverband Wetterau"}),
    ("oedp", "Biene", "Die CSU lehnt das ab.", {"author": "ÖDP Kreisverband Passau"}),
    (
        "piraten",
        "Netz",
        "Die SPD überwacht.",
        {"contact": "Ansprechpartner:\nPiratenpartei Kreisverband Kiel\npresse@p.example"},
    ),
    (
        "cdu",
        "Wir",
        "Es gibt Neues aus dem Rat.",
        {"boilerplate": "Über uns\nDie CDU-Ratsfraktion Unna hat elf Mitglieder."},
    ),
    # hosts
    ("gruene", "Wald", "Die CDU sägt. Die CDU-Fraktion jubelt.", {"url": "https://gruene-steinfurt.de/wald"}),
    ("gruene", "Wald", "Es wird gesägt.", {"url": "https://gruen-digital.example.gruene.de/wald"}),
    ("fw", "Dorf", "Es wird gebaut.", {"url": "https://www.freie-waehler-passau.de/dorf"}),
    ("volt", "Dorf", "Es wird gebaut.", {"url": "https://volt-muenster.example.de/dorf"}),
    ("bsw", "Dorf", "Es wird gebaut.", {"url": "https://bsw-vg.de/dorf"}),
    ("ssw", "Dorf", "Es wird gebaut.", {"url": "https://www.ssw.de/presse"}),
    # associations count as their party
    ("cdu", "Junge Union fordert WLAN", "Die Junge Union Lippe will WLAN im Bus. Die Jusos sind dagegen.", {}),
    ("spd", "Jusos: Ausbildung stärken", "Die Jusos wollen mehr Plätze als die CDU.", {}),
    ("csu", "Frauen-Union der CSU lädt ein", "Die Frauen-Union der CSU fordert Kitas. Die SPD kommt auch.", {}),
    # opponents named more often, coalition partners
    (
        "spd",
        "Kreisumlage",
        "Die SPD-Kreistagsfraktion beantragt eine Senkung. CDU und Grüne lehnen ab. Die CDU spricht von "
        "Kosten, die Grünen von Zeit. CDU, Grüne und CDU-Landrat müssten zahlen. Die CDU irrt.",
        {},
    ),
    (
        "gruene",
        "Haushalt",
        "Gemeinsam mit der CDU haben die Grünen im Rat den Haushalt gestaltet, erklärt der "
        "Fraktionssprecher der Grünen, Ole Muster. BÜNDNIS 90/DIE GRÜNEN danken der CDU.",
        {},
    ),
    ("cdu", "Koalition", "Die CDU-Fraktion begrüßt die Einigung mit den Grünen. Die Grünen und die CDU regieren.", {}),
    (
        "spd",
        "Parkhaus: Sozialdemokraten sehen Klärungsbedarf",
        "Die SPD-Stadtratsfraktion Andernach hat eine Anfrage gestellt. Die CDU-Mehrheit hatte "
        "den Verkauf beschlossen.",
        {},
    ),
    (
        "cdu",
        "Christdemokraten besichtigen Kläranlage",
        "Mitglieder der CDU Borken haben sich ein Bild gemacht. Eingeladen hatte der Abwasserbetrieb.",
        {},
    ),
    (
        "gruene",
        "Grüne fordern mehr Grün",
        "Der Kreisverband von Bündnis 90/Die Grünen in Kleve hat ein Konzept vorgelegt. SPD und CDU seien untätig.",
        {},
    ),
    (
        "fdp",
        "Liberale lehnen Hundesteuer ab",
        "„Das ist Abzocke der Bürger“, sagt Ratsherr Jens Kahl (FDP). CDU und SPD hatten die Steuer vorgeschlagen.",
        {},
    ),
    (
        "linke",
        "Kein Geld für Waffen",
        "Zur Haushaltsdebatte erklärt Mia Groth, Kreisvorsitzende der Partei Die Linke: „Die SPD "
        "hat ihre Wähler verraten.“",
        {},
    ),
    (
        "afd",
        "Messerangriff in Suhl",
        "Der AfD-Kreisverband Suhl fordert Konsequenzen. Die CDU-Landesregierung und SPD-Innenminister hätten versagt.",
        {},
    ),
    (
        "fw",
        "Straßenbeiträge abschaffen",
        "Die FREIEN WÄHLER im Landtag bringen einen Gesetzentwurf ein. SPD und Grüne bremsen seit Jahren.",
        {},
    ),
    (
        "csu",
        "CSU Dachau stellt Liste auf",
        "Bei der Aufstellungsversammlung der CSU in Dachau wurde gewählt. Kritik gab es an den Grünen.",
        {},
    ),
    (
        "bsw",
        "BSW-Kreisverband Halle gegründet",
        "In Halle hat sich ein Kreisverband des BSW gegründet. Viele kamen von der Linken und der SPD.",
        {},
    ),
    (
        "volt",
        "Radentscheid",
        "Volt Frankfurt unterstützt den Radentscheid. Grüne und SPD im Römer zögern, so Fraktionschefin Kim Lang.",
        {},
    ),
    (
        "piraten",
        "Open Data",
        "Nach Meinung der Piratenfraktion im Rat gehören alle Daten ins Netz. Die CDU sieht das anders.",
        {},
    ),
    (
        "oedp",
        "Flächenfraß",
        "Die ÖDP kritisiert CSU und Freie Wähler scharf: Der Kreistag habe 40 Hektar versiegelt.",
        {},
    ),
    (
        "ssw",
        "Minderheiten",
        "SSW: CDU vergisst die Friesen. Die Landtagsabgeordnete Sybilla Nis (SSW) fordert Mittel.",
        {},
    ),
    (
        "spd",
        "Besuch in Berlin",
        "50 Gäste folgten der Einladung der SPD-Bundestagsabgeordneten Nina Post. „Berlin ist "
        "spannend“, sagte Post. CDU-Politiker trafen sie nicht.",
        {},
    ),
    (
        "cdu",
        "Lage der Bauern",
        "Auf Einladung des CDU-Landtagsabgeordneten Rolf Kamp diskutierten Landwirte. Auch "
        "Ministerin Eva Lohr (Grüne) kam.",
        {},
    ),
]

OTHERS = [
    (
        "Besuch",
        "Die Stadt Werl empfing die SPD-Fraktion. Bürgermeister Karl Muster (CDU) führte durch das Haus.",
        {"contact": "Pressekontakt:\nStadt Werl, Pressestelle\nTel. 1"},
    ),
    ("Haushalt", "Der Kreistag hat mit Stimmen von CDU und Grünen entschieden. SPD und FDP stimmten dagegen.", {}),
    ("IHK warnt", "Die IHK kritisiert die Pläne der SPD. Präsident Karl Muster wandte sich an die SPD-Fraktion.", {}),
    (
        "NABU gegen CDU-Antrag",
        "Der NABU kritisiert einen Antrag der CDU-Kreistagsfraktion. Die CDU schade dem Moor.",
        {"contact": "Kontakt:\nNABU Regionalgruppe Greifswald"},
    ),
    ("Gäste beim Verband", "Zu Gast waren Eva Muster (SPD), Karl Muster (CDU) und Ole Muster (Grüne).", {}),
    ("Minister im Werk", "Minister Karl Muster (CDU) besuchte das Werk. „Respekt“, sagte Muster.", {}),
    (
        "Bauernverband",
        "Der Bauernverband lud die Bundestagsabgeordnete Eva Muster (SPD) ein. Bauern kritisierten sie.",
        {},
    ),
    (
        "Gewerkschaft",
        "Die Gewerkschaft kritisiert die AfD. Mit der AfD spreche sie nicht, sagte Chefin Eva Muster.",
        {},
    ),
    ("Wahl", "Zur Wahl treten CDU, SPD, Grüne, FDP, Linke, AfD und Volt an. Der Wahlleiter erklärte es.", {}),
    ("Antrag der Grünen abgelehnt", "Der Stadtrat lehnte den Antrag der Grünen ab. Es gebe keinen Bedarf.", {}),
    ("Demonstration gegen die AfD", "Das Bündnis ruft auf. Gegen die AfD wollen viele auf die Straße gehen.", {}),
    (
        "Spende",
        "Die FDP-Ortsgruppe spendete 200 Euro. Der Heimatverein bedankte sich.",
        {"contact": "Kontakt:\nHeimatverein Haren e. V.\nTel. 1"},
    ),
    ("Kreis ehrt Retter", "Landrätin Ute Brandt (SPD) hat 14 Retter geehrt. „Ihr seid Vorbilder“, sagte Brandt.", {}),
    (
        "VdK lobt SPD-Vorstoß",
        "Der Sozialverband VdK begrüßt den Vorstoß der SPD. „Die SPD hat recht“, sagte Landesvorsitzender Horst Vöge.",
        {},
    ),
    ("DGB trifft Fraktionen", "Der DGB sprach mit den Fraktionen von SPD, Grünen und Linken. Die FDP sagte ab.", {}),
    (
        "Handwerk gegen Grünen-Pläne",
        "Die Handwerkskammer lehnt die Pläne der Grünen ab. Präsident Uwe Karl warnt die Grünen vor einem Fehler.",
        {},
    ),
    (
        "Schützenfest",
        "Bürgermeister Jan Voss (CDU) eröffnete das Fest. Die Junge Union half am Stand, die Jusos spülten.",
        {},
    ),
]


def issuers(findings) -> set[str]:
    return {tag.value for tag in findings if tag.role == "issuer" and tag.score >= 0.5}


@pytest.mark.parametrize(("party", "title", "text", "fields"), SPEAKERS)
def test_the_speaker_issues(classify, party, title, text, fields):
    assert issuers(classify("party", text, title=title, **fields)) == {party}


@pytest.mark.parametrize(("title", "text", "fields"), OTHERS)
def test_no_party_issues_what_others_write(classify, title, text, fields):
    assert issuers(classify("party", text, title=title, **fields)) == set()
