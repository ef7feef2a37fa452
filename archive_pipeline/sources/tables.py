"""The tables of sources.toml and what each of their keys may hold."""

import datetime
import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, model_validator

from archive_pipeline.model import Access, Axis
from archive_pipeline.sources.authority import AuthorityKeys
from archive_pipeline.sources.retention import FOREVER, parse_retention
from archive_pipeline.sources.schedule import parse_interval, parse_schedule

__all__ = ["ArchiveTable", "LegalBasis", "Persons", "RobotsOverrideTable", "SnoozeTable", "SourceTable", "slug"]

LegalBasis = Literal["44b", "60d", "60f", "consent", "official-work-5"]
"""On what grounds a source is archived: §§ 44b, 60d, 60f or 5 UrhG, or the publisher's consent."""

Persons = Literal["off", "office-holders"]
"""Whether names of persons are recognised, and whose."""

_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})


def slug(text: str) -> str:
    """`text` as a slug: `Kreis Düren` becomes `kreis-dueren`; empty when nothing usable is left."""
    return "-".join(re.findall(r"[a-z0-9]+", text.lower().translate(_UMLAUTS)))


def _source_id(value: str) -> str:
    if not _SLUG.fullmatch(value) or len(value) > 64:
        proposal = slug(value)[:64].strip("-")
        meant = f' – meinten Sie "{proposal}"?' if proposal and proposal != value else ""
        raise ValueError(f"nur Kleinbuchstaben, Ziffern und einzelne Bindestriche, höchstens 64 Zeichen{meant}")
    return value


def _web_address(value: str) -> str:
    try:
        parts = urlsplit(value)
        host, user, _ = parts.hostname, parts.username, parts.port
    except ValueError:
        raise ValueError("ist keine gültige Adresse") from None
    if parts.scheme not in ("http", "https"):
        raise ValueError("Schema muss http oder https sein")
    if not host or re.search(r"\s", value) or not value.isprintable():
        raise ValueError("ist keine gültige Adresse")
    if user is not None:
        raise ValueError("Zugangsdaten gehören nicht in die Adresse, sondern in die Umgebung oder eine Geheimnisdatei")
    return value


def _proxy(value: str) -> str:
    try:
        parts = urlsplit(value)
        is_proxy = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_proxy = False
    if not is_proxy:
        raise ValueError('muss die Adresse eines HTTP-Proxys sein: "http://proxy.example.org:3128"')
    if parts.username is not None:
        raise ValueError("Zugangsdaten gehören nicht in die Adresse, sondern in die Umgebung oder eine Geheimnisdatei")
    return value


def _ags(value: str, info: ValidationInfo) -> str:
    if not re.fullmatch(r"[0-9]{5}", value):
        raise ValueError(
            "muss der fünfstellige AGS-Schlüssel eines Kreises oder einer kreisfreien Stadt sein"
            + _authority_keys(info).meant(Axis.DISTRICT, value)
        )
    return _known(Axis.DISTRICT, value, info)


def _party(value: str, info: ValidationInfo) -> str:
    if not re.fullmatch(rf"{_SLUG.pattern}(?:@[0-9]{{5}})?", value):
        raise ValueError(
            'muss ein Kürzel wie "spd" sein, bei örtlichen Gruppen mit Kreis wie "uwg@05370"'
            + _authority_keys(info).meant(Axis.PARTY, value)
        )
    party, at, district = value.partition("@")
    if at and _authority_keys(info).has(Axis.PARTY, value):
        return value
    _known(Axis.PARTY, party, info)
    if at:
        _known(Axis.DISTRICT, district, info)
    return value


def _known(axis: Axis, key: str, info: ValidationInfo) -> str:
    keys = _authority_keys(info)
    if not keys.has(axis, key):
        raise ValueError(f"steht in keinem Vokabular{keys.meant(axis, key)}")
    return key


def _authority_keys(info: ValidationInfo) -> AuthorityKeys:
    return info.context if isinstance(info.context, AuthorityKeys) else AuthorityKeys(())


def _organisation(value: str) -> str:
    if not _SLUG.fullmatch(value):
        raise ValueError(f'muss ein Kürzel aus Kleinbuchstaben, Ziffern und Bindestrichen sein, etwa "{slug(value)}"')
    return value


def _schedule(value: str) -> str:
    return parse_schedule(value).text


def _interval(value: str) -> str:
    if parse_interval(value) is None:
        raise ValueError('muss ein Zeitraum wie "14d" oder "36h" sein')
    return value


def _retention(value: str) -> str:
    if parse_retention(value) is None and value != FOREVER:
        raise ValueError(f'muss eine Frist wie "10y" oder "18m" sein, oder "{FOREVER}"')
    return value


def _language(value: str) -> str:
    if not re.fullmatch(r"[a-z]{2,3}", value):
        raise ValueError('muss ein Sprachkürzel nach ISO 639 wie "de" sein')
    return value


def _filled(value: str) -> str:
    if not value.strip():
        raise ValueError("darf nicht leer sein")
    return value


def _one_line(value: str) -> str:
    if not value.isprintable():
        raise ValueError("darf keine Steuerzeichen enthalten")
    return value


def _contact(value: str) -> str:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+|https?://\S+", value) or not value.isprintable():
        raise ValueError("muss eine Mail-Adresse oder eine Web-Adresse sein")
    return value


def _folder(value: str) -> str:
    try:
        Path(value).expanduser()
    except RuntimeError:
        raise ValueError("der Benutzer nach „~“ ist unbekannt") from None
    if "\0" in value:
        raise ValueError("enthält ein Zeichen, das in Pfaden verboten ist")
    return _filled(value)


Filled = Annotated[str, AfterValidator(_filled)]


class _Table(BaseModel):
    """Common settings: no key is ignored, no value is converted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ArchiveTable(_Table):
    """`[archive]`: settings of the whole archive. `max_bytes` is the largest body that is stored, `warc_bytes` the size
    from which on a WARC file gets no further record, `request_interval` the seconds between two requests to one host,
    `connections` the hosts that are asked at the same time, `proxy` the address of an HTTP proxy, `ca_bundle` a file of
    certificates to trust instead of the system's, `recheck_budget` how many known releases of one source a run looks at
    again at most.
    """

    path: Annotated[str, AfterValidator(_folder)] = "archive"
    engine: Filled = "whoosh"
    title: str = ""
    contact: Annotated[str, AfterValidator(_contact)] | None = None
    user_agent: Annotated[str, AfterValidator(_filled), AfterValidator(_one_line)] | None = None
    persons: Persons = "office-holders"
    max_bytes: Annotated[int, Field(ge=1)] = 20_000_000
    warc_bytes: Annotated[int, Field(ge=1_000_000)] = 1_000_000_000
    request_interval: Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)] = 2.0
    connections: Annotated[int, Field(ge=1, le=256)] = 16
    proxy: Annotated[str, AfterValidator(_proxy)] | None = None
    ca_bundle: Annotated[str, AfterValidator(_folder)] | None = None
    recheck_budget: Annotated[int, Field(ge=0)] = 100


class RobotsOverrideTable(_Table):
    """`robots_override` of a source: the publisher's leave, for sources with `legal_basis = "consent"` alone."""

    reason: Filled
    granted_by: Filled
    date: datetime.date


class SnoozeTable(_Table):
    """`snooze` of a source: its health needs no attention up to and including the day `until`."""

    until: datetime.date
    note: str = ""


class SourceTable(_Table):
    """`[[source]]`: the keys every source may have; the fetcher's own keys are validated by its `options`.

    District and party are looked up in the validation context, an `AuthorityKeys`.
    """

    id: Annotated[str, AfterValidator(_source_id)]
    title: str = ""
    fetcher: Filled | None = None
    url: Annotated[str, AfterValidator(_web_address)] | None = None
    path: Annotated[str, AfterValidator(_folder)] | None = None
    schedule: Annotated[str, AfterValidator(_schedule)] | None = None
    district: Annotated[str, AfterValidator(_ags)] | None = None
    party: Annotated[str, AfterValidator(_party)] | None = None
    organisation: Annotated[str, AfterValidator(_organisation)] | None = None
    language: Annotated[str, AfterValidator(_language)] = "de"
    access: Access = "public"
    legal_basis: LegalBasis | None = None
    appraisal: str | None = None
    responsible: str | None = None
    capture_scope: str | None = None
    call_number: str | None = None
    retention: Annotated[str, AfterValidator(_retention)] | None = None
    enabled: bool = True
    gate: bool = True
    expected: Annotated[str, AfterValidator(_interval)] | None = None
    budget: Annotated[int, Field(ge=1)] | None = None
    robots_override: RobotsOverrideTable | None = None
    snooze: SnoozeTable | None = None

    @model_validator(mode="after")
    def _override_needs_consent(self) -> "SourceTable":
        if self.robots_override is not None and self.legal_basis != "consent":
            raise ValueError('robots_override gilt nur mit legal_basis = "consent"')
        return self
