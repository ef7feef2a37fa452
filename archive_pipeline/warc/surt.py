"""Sort-friendly forms of addresses (SURT): the keys of CDXJ lines, as replay tools look them up.

`https://www.Kreis.example:443/Presse/?b=2&a=1#top` is `example,kreis)/presse?a=1&b=2`. The package of that name
is under a licence this project keeps out, and brings a client for the network; the form is documented at
https://iipc.github.io/warc-specifications/specifications/cdx-format/ and by the replay tools.
"""

import re
from urllib.parse import quote_from_bytes, unquote_to_bytes

__all__ = ["surt"]

PARTS = re.compile(r"(?i)(https?)://(?:[^/?#]*@)?([^/?#:]*)(?::(\d*))?([^?#]*)(?:\?([^#]*))?")
WWW = re.compile(r"^www\d*\.")
DEFAULT_PORTS = {"http": "80", "https": "443"}
SESSION = re.compile(
    r"(?i)(?:^|(?<=&))(?:(?:jsessionid|phpsessid|sid)=[0-9a-z]{32}|aspsessionid[a-z]{8}=[a-z]{24})(?:&|$)"
)
SAFE = "!\"$&'()*+,-./:;<=>?@[\\]^_`{|}~"


def surt(url: str) -> str:
    """The key of an address; anything but http and https stays as it is."""
    match = PARTS.match(url.strip())
    if match is None:
        return url
    scheme, host, port, path, query = match.groups()
    host = WWW.sub("", _host(host))
    port = "" if port in (None, "", DEFAULT_PORTS[scheme.lower()]) else f":{port}"
    path = _escaped(_resolved(path or "/")).lower()
    if len(path) > 1:
        path = path.rstrip("/") or "/"
    key = f"{','.join(reversed(host.split('.')))}{port}){path}"
    arguments = SESSION.sub("", _escaped(query or "")).lower()
    return f"{key}?{'&'.join(sorted(arguments.split('&')))}" if arguments else key


def _host(host: str) -> str:
    name = unquote_to_bytes(host).decode("utf-8", "replace").lower().strip(".")
    try:
        return re.sub(r"\.{2,}", ".", name.encode("idna").decode("ascii"))
    except UnicodeError:
        return name


def _resolved(path: str) -> str:
    """Without `.`, `..` and empty segments."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            kept = kept[:-1]
        elif segment not in (".", ""):
            kept.append(segment)
    return "/" + "/".join(kept) + ("/" if path.endswith("/") and kept else "")


def _escaped(text: str) -> str:
    """Every byte that needs it, percent-encoded once."""
    octets = text.encode()
    while (plain := unquote_to_bytes(octets)) != octets:
        octets = plain
    return quote_from_bytes(octets, safe=SAFE)
