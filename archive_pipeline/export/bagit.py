"""BagIt 1.0 (RFC 8493): a folder that says what is in it and proves it, with sha512."""

import hashlib
import html
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from archive_pipeline.durable import sync
from archive_pipeline.errors import FixityError

__all__ = ["acquisition_page", "finish_bag", "is_bag", "verify_bag"]

DECLARATION = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
MANIFEST, TAG_MANIFEST = "manifest-sha512.txt", "tagmanifest-sha512.txt"
TAG_FILES = ("bag-info.txt", "bagit.txt", MANIFEST)
CHUNK = 1 << 20


def is_bag(folder: Path) -> bool:
    """Whether a folder is a bag."""
    return (folder / "bagit.txt").is_file() and (folder / "data").is_dir()


def finish_bag(folder: Path, about: Mapping[str, str]) -> None:
    """Make a bag of a folder whose payload lies in `data`; `about` becomes bag-info.txt, with Payload-Oxum added."""
    lines, size, count = [], 0, 0
    for path in _payload(folder):
        name = path.relative_to(folder).as_posix()
        lines.append(f"{_sha512(path)}  {_encoded(name)}\n")
        size += path.stat().st_size
        count += 1
    (folder / "bagit.txt").write_text(DECLARATION, encoding="utf-8")
    info = {**about, "Payload-Oxum": f"{size}.{count}"}
    tags = "".join(f"{name}: {' '.join(value.split())}\n" for name, value in info.items() if value.strip())
    (folder / "bag-info.txt").write_text(tags, encoding="utf-8")
    (folder / MANIFEST).write_text("".join(lines), encoding="utf-8")
    tagged = "".join(f"{_sha512(folder / name)}  {name}\n" for name in TAG_FILES)
    (folder / TAG_MANIFEST).write_text(tagged, encoding="utf-8")
    for path in (*_payload(folder), *(folder / name for name in (*TAG_FILES, TAG_MANIFEST))):
        sync(path)


def verify_bag(folder: Path) -> Iterator[str]:
    """What is wrong with a bag that `finish_bag` made, in words; every file is read. Raises FixityError where a
    manifest can't be read."""
    declared = {**_read(folder, MANIFEST), **_read(folder, TAG_MANIFEST)}
    for missing in (*TAG_FILES,):
        if missing not in declared:
            yield f"{folder.name}/{TAG_MANIFEST}: nennt {missing} nicht"
    there = {path.relative_to(folder).as_posix() for path in _payload(folder)}
    for name in sorted(there - declared.keys()):
        yield f"{folder.name}/{name}: steht in keinem Manifest"
    for name, expected in declared.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            yield f"{folder.name}/{name}: der Pfad führt aus dem Bag hinaus"
        elif not path.is_file():
            yield f"{folder.name}/{name}: fehlt"
        elif (found := _sha512(path)) != expected:
            yield f"{folder.name}/{name}: sha512 erwartet {expected}, gefunden {found}"


def _payload(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "data").rglob("*") if path.is_file())


def _encoded(name: str) -> str:
    """Only these three are encoded (RFC 8493, 2.1.3)."""
    return name.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _read(folder: Path, name: str) -> dict[str, str]:
    found = {}
    try:
        lines = (folder / name).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise FixityError(f"{folder.name}/{name} lässt sich nicht lesen: {error}") from error
    for line in lines:
        digest, _, path = line.partition("  ")
        if not path:
            raise FixityError(f"{folder.name}/{name}: eine Zeile ist nicht lesbar ({line[:60]!r})")
        found[path.replace("%0A", "\n").replace("%0D", "\r").replace("%25", "%")] = digest
    return found


def _sha512(path: Path) -> str:
    digest = hashlib.sha512()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def acquisition_page(title: str, sections: Sequence[tuple[str, Sequence[tuple[str, str]]]]) -> str:
    """The page for the acquisition file: sections of names and values, as HTML that needs nothing else."""
    parts = [
        '<!DOCTYPE html>\n<html lang="de">\n<head>\n<meta charset="utf-8">\n',
        f"<title>{html.escape(title)}</title>\n</head>\n<body>\n<h1>{html.escape(title)}</h1>\n",
    ]
    for heading, rows in sections:
        parts.append(f"<h2>{html.escape(heading)}</h2>\n<table>\n")
        for name, value in rows:
            parts.append(f'<tr><th scope="row">{html.escape(name)}</th><td>{html.escape(value)}</td></tr>\n')
        parts.append("</table>\n")
    return "".join([*parts, "</body>\n</html>\n"])
