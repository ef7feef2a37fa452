"""What publishers reserve for machines, and whether that stops us.

Read are the TDM Reservation Protocol (W3C Community Group, final report of 10 May 2024): `/.well-known/tdmrep.json`,
the fields `tdm-reservation` and `tdm-policy`, their namesakes in HTML and PDF; and what `X-Robots-Tag` and
`<meta name="robots">` say. Groups of robots.txt that name other crawlers speak to those.

Everything found is recorded with the capture. What blocks is decided by the source's `legal_basis`:

- `44b`: § 44b (3) UrhG lets a publisher reserve text and data mining in machine-readable form, so a reservation blocks.
- no `legal_basis`: blocks as well. § 44b is the one exception that is open to everybody, so it is the one that holds
  for somebody who names none, and the message says what to name instead.
- `60d`, `60f`: what research organisations and archives may copy knows no such reservation, so it is recorded only.
- `consent`: the publisher's word to this archive is the more special one. `official-work-5`: in official works there
  is nothing to reserve. Recorded only, too.

What reserves mining: `tdm-reservation: 1`, and `noai`, which says the same in other words. `noimageai` speaks of
images, `noindex`, `noarchive`, `nocache` and `none` of what search engines show: these are recorded and block nobody.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote, urlsplit

from lxml import etree

__all__ = [
    "UNDECLARED",
    "Declaration",
    "SiteRule",
    "declared_by_answer",
    "declared_by_site",
    "objection",
    "parse_site_rules",
]

BLOCKED_BASES = (None, "44b")
"""Values of `legal_basis` under which a reservation is obeyed."""

DIRECTIVES = frozenset({"noai", "noimageai", "noarchive", "nocache", "noindex", "none"})
"""What is recorded of the directives for robots."""

MINING_DIRECTIVE = "noai"
"""The directive that reserves text and data mining."""

WITH_VALUE = ("unavailable_after", "max-snippet", "max-image-preview", "max-video-preview")
"""Directives whose colon doesn't follow the name of a robot."""

HTML_TYPES = ("text/html", "application/xhtml+xml")
WORTH_PARSING = (b"tdm-", b"noai", b"noimageai", b"noarchive", b"nocache", b"noindex", b"none,", b'"none"', b"'none'")
"""Stand, in lower case, in every page whose meta elements say something that is recorded, and in few others."""

META = re.compile(rb"<meta\b[^<>]{0,4000}>", re.IGNORECASE)
NO_MARKUP = re.compile(rb"<(!--|script\b|style\b)", re.IGNORECASE)
"""What may hold text that looks like elements, and is none."""

END_OF = {
    b"!--": re.compile(rb"-->"),
    b"script": re.compile(rb"</script", re.IGNORECASE),
    b"style": re.compile(rb"</style", re.IGNORECASE),
}

PDF_RESERVATION = re.compile(rb"tdm:reservation\s*(?:=\s*[\"']|>)\s*([01])\b")
PDF_POLICY = re.compile(rb"tdm:policy\s*(?:=\s*[\"']|>)\s*([^\s<>\"']+)")
UNRESERVED = re.compile(r"%([0-9A-Fa-f]{2})")
MAX_POLICY = 2000
"""A longer address of a policy (characters) is no address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What a publisher declares for one resource.

    `reserved` is the value of `tdm-reservation`, None when it is unset; `place` says where it stood. `directives` are
    those for robots, each with its place.
    """

    reserved: bool | None = None
    policy: str | None = None
    place: str = ""
    directives: tuple[tuple[str, str], ...] = ()

    @property
    def text(self) -> str | None:
        """What is reserved, in the form it is recorded in; None when nothing is.

        `tdm-reservation=1 [tdmrep.json]; tdm-policy=https://…; noai [X-Robots-Tag]`.
        """
        found = [f"tdm-reservation=1 [{self.place}]"] if self.reserved else []
        found += [f"tdm-policy={self.policy}"] if self.reserved and self.policy else []
        found += [f"{name} [{place}]" for name, place in self.directives]
        return "; ".join(found) or None

    @property
    def reserves_mining(self) -> bool:
        """Whether text and data mining is reserved."""
        return bool(self.reserved) or any(name == MINING_DIRECTIVE for name, _ in self.directives)


UNDECLARED = Declaration()
"""What silence declares."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteRule:
    """One rule of a tdmrep.json: `location` is a pattern as in robots.txt, with `*` and `$`."""

    location: str
    reserved: bool
    policy: str | None = None

    def matches(self, path: str) -> bool:
        """Whether the rule is about this path (with query), percent-encoded."""
        whole = self.location.endswith("$")
        first, *rest = self.location.removesuffix("$").split("*")
        if not path.startswith(first):
            return False
        if not rest:
            return len(path) == len(first) or not whole
        at = len(first)
        for part in rest[:-1]:
            found = path.find(part, at)
            if found < 0:
                return False
            at = found + len(part)
        last = rest[-1]
        return path.endswith(last) and len(path) - len(last) >= at if whole else path.find(last, at) >= 0


def parse_site_rules(body: bytes) -> tuple[SiteRule, ...]:
    """The rules of a tdmrep.json in their order; none for anything else. Rules that break the protocol are left out."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return ()
    rules = [found] if isinstance(found, dict) else found if isinstance(found, list) else []
    return tuple(_site_rules(rules))


def _site_rules(rules: Sequence[object]) -> Iterator[SiteRule]:
    for rule in rules:
        if not isinstance(rule, dict) or not isinstance(rule.get("location"), str):
            continue
        reserved = _flag(rule.get("tdm-reservation"))
        location = rule["location"].strip()
        if location.startswith(("http://", "https://")):  # whole addresses are met, too
            location = _path(location)
        if location and reserved is not None:
            yield SiteRule(location=_normal(location), reserved=reserved, policy=_policy(rule.get("tdm-policy")))


def declared_by_site(rules: Sequence[SiteRule], url: str) -> Declaration:
    """What a tdmrep.json says of one address: the first rule that matches counts."""
    path = _normal(_path(url))
    for rule in rules:
        if rule.matches(path):
            return Declaration(reserved=rule.reserved, policy=rule.policy, place="tdmrep.json")
    return UNDECLARED


def declared_by_answer(
    site: Declaration,
    headers: Iterable[tuple[str, str]],
    body: bytes,
    *,
    media_type: str | None,
    product: str,
) -> Declaration:
    """What holds for a resource after its answer was seen: header fields supersede what the whole `site` declares, the
    resource itself supersedes both, and silence changes nothing. Directives count that speak to every robot or to
    `product`."""
    fields = [(name.lower(), value) for name, value in headers]
    declared = _superseded(site, fields, "HTTP")
    directives = [
        (name, "X-Robots-Tag")
        for field, value in fields
        if field == "x-robots-tag"
        for name in _directives(value, product)
    ]
    if body.startswith(b"%PDF-") or media_type == "application/pdf":
        return replace(_superseded(declared, _pdf_fields(body), "PDF"), directives=_unique(directives))
    metas = list(_metas(body, media_type))
    directives += [
        (name, "meta")
        for field, value in metas
        if field in ("robots", product.lower())
        for name in _directives(value, product)
    ]
    return replace(_superseded(declared, metas, "meta"), directives=_unique(directives))


def objection(declaration: Declaration, legal_basis: str | None) -> str | None:
    """Why a source with this `legal_basis` may not keep the resource, in words, or None if it may."""
    if not declaration.reserves_mining or legal_basis not in BLOCKED_BASES:
        return None
    remedy = (
        'der Quelle fehlt legal_basis, deshalb gilt § 44b UrhG; erlaubt etwas anderes das Erfassen, "60d", "60f",'
        ' "consent" oder "official-work-5" eintragen'
        if legal_basis is None
        else 'legal_basis = "44b" achtet ihn; stimmt der Herausgeber zu: legal_basis = "consent"'
    )
    return f"Nutzungsvorbehalt für Text und Data Mining ({declaration.text}); {remedy}"


def _superseded(before: Declaration, fields: Iterable[tuple[str, str]], place: str) -> Declaration:
    """`before` with what these fields or elements say. Of two that contradict each other the reservation counts."""
    pairs = list(fields)
    flags = {_flag(part) for name, value in pairs if name == "tdm-reservation" for part in value.split(",")} - {None}
    policy = next((found for name, value in pairs if name == "tdm-policy" and (found := _policy(value))), None)
    declared = replace(before, reserved=True in flags, place=place) if flags else before
    return replace(declared, policy=policy or declared.policy)


def _flag(value: object) -> bool | None:
    """0 and 1, as a number, a text or a truth value; anything else is unset."""
    return {"1": True, "0": False, "true": True, "false": False}.get(str(value).strip().lower())


def _policy(value: object) -> str | None:
    """The address of a policy, if it is a short printable text."""
    text = value.strip() if isinstance(value, str) else ""
    return text if text and len(text) <= MAX_POLICY and text.isprintable() else None


def _directives(value: str, product: str) -> Iterator[str]:
    """The directives of one field or element that speak to every robot or to us."""
    ours = True
    for part in value.lower().split(","):
        robot, colon, rest = part.partition(":")
        if colon and robot.strip() not in WITH_VALUE:
            ours, part = robot.strip() == product.lower(), rest  # noqa: PLW2901 - what follows the name
        if ours and (name := part.strip()) in DIRECTIVES:
            yield name


def _unique(directives: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple(dict.fromkeys(directives))


def _metas(body: bytes, media_type: str | None) -> Iterator[tuple[str, str]]:
    """Name, in lower case, and content of the meta elements of an HTML page.

    Only these are given to the parser: a whole page of hostile making can keep it busy for hours.
    """
    is_page = media_type in HTML_TYPES or (media_type is None and b"<" in body[:1024])
    if is_page and body.startswith((b"\xff\xfe", b"\xfe\xff")):
        body = body.decode("utf-16", "replace").encode()
    lowered = body.lower() if is_page else b""
    if not any(word in lowered for word in WORTH_PARSING):
        return
    tags = b"".join(META.findall(_markup(body)))
    if tags:
        for element in etree.HTML(tags.replace(b"\0", b" ")).iter("meta"):
            yield (element.get("name") or "").strip().lower(), element.get("content") or ""


def _markup(body: bytes) -> bytes:
    """A page without its comments, scripts and styles; one that doesn't end takes the rest of the page along."""
    parts: list[bytes] = []
    at: int | None = 0
    while at is not None:
        found = NO_MARKUP.search(body, at)
        parts.append(body[at : found.start() if found else None])
        # a comment may end within its own beginning: <!-->
        end = END_OF[found[1].lower()].search(body, found.start() + 2) if found else None
        at = end.end() if end else None
    return b" ".join(parts)


def _pdf_fields(body: bytes) -> Iterator[tuple[str, str]]:
    """What the XMP metadata of a PDF say; they stand in it uncompressed, so that every program finds them."""
    if found := PDF_RESERVATION.search(body):
        yield "tdm-reservation", found[1].decode()
    if found := PDF_POLICY.search(body):
        yield "tdm-policy", found[1].decode("latin-1")


def _path(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _normal(path: str) -> str:
    """Percent-encoded as RFC 3986, 6.2.2 has it: what needs no encoding is decoded, the rest has upper-case digits."""
    encoded = quote(path, safe="%/?:@!$&'()*+,;=~-._[]")
    return UNRESERVED.sub(_decoded, encoded)


def _decoded(match: re.Match[str]) -> str:
    character = chr(int(match[1], 16))
    return character if character.isascii() and (character.isalnum() or character in "-._~") else match[0].upper()
