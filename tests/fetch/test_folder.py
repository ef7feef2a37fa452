"""The fetcher `folder`, on real files."""

import gzip
import os
import unicodedata

import pytest

from archive_pipeline.errors import FetchError, TooLargeError
from archive_pipeline.fetch import FolderFetcher
from archive_pipeline.fetch.folder import FolderOptions
from archive_pipeline.model import Gone, Item, Source
from archive_pipeline.sample import SAMPLE_FOLDER


@pytest.fixture
def folder(tmp_path):
    """The folder that relative paths start from is the archive's; the releases lie in `presse`."""
    (tmp_path / "presse").mkdir()
    return tmp_path / "presse"


def source(**options):
    return Source(id="ordner", fetcher="folder", path="presse", options=FolderOptions(**options))


def keys(archive, **options):
    found = FolderFetcher().discover(source(**options), archive.context(source(**options)))
    return [item.key for item in found]


def capture(archive, key, *, max_bytes=100_000):
    context = archive.context(source(), max_bytes=max_bytes)
    (result,) = FolderFetcher().capture(Item(source_id="ordner", key=key), source(), context)
    return result


def test_known_types_in_order(archive, folder):
    names = ("b.txt", "a.html", "c.HTM", "d.md", "e.pdf", "f.docx", "g.eml", "h.txt.gz", "ohne", "Nr. 5", "Mai.2026")
    for name in (*names, "bild.jpg", "prog.exe", "tabelle.xlsx", "alles.zip", ".versteckt.txt"):
        (folder / name).write_bytes(b"x")
    (folder / "tief" / "er").mkdir(parents=True)
    (folder / "tief" / "er" / "z.txt").write_bytes(b"x")
    (folder / ".git").mkdir()
    (folder / ".git" / "z.txt").write_bytes(b"x")
    assert keys(archive) == sorted([*names, "tief/er/z.txt"])
    assert "tief/er/z.txt" not in keys(archive, recursive=False)


def test_patterns(archive, folder):
    (folder / "alt").mkdir()
    for name in ("a.txt", "b.txt", "bild.jpg", "alt/c.txt"):
        (folder / name).write_bytes(b"x")
    assert keys(archive, include=("*.jpg", "a.*")) == ["a.txt", "bild.jpg"]
    assert keys(archive, exclude=("alt/*", "b.txt")) == ["a.txt"]


def test_items_tell_size_and_time_of_change(archive, folder):
    (folder / "a.html").write_bytes(b"xy")
    (item,) = FolderFetcher().discover(source(), archive.context(source()))
    state = (folder / "a.html").stat()
    assert item == Item(source_id="ordner", key="a.html", media_type="text/html", fingerprint=f"2-{state.st_mtime_ns}")


def test_captured_as_it_lies_there(archive, folder):
    (folder / "a.html").write_bytes("<p>Düren</p>".encode("latin-1"))
    captured = capture(archive, "a.html")
    assert captured.body == "<p>Düren</p>".encode("latin-1")
    assert (captured.media_type, captured.charset, captured.url) == ("text/html", None, None)
    assert captured.target == "urn:archive-pipeline:ordner:a.html"
    assert archive.store.read(captured.warc_file, captured.warc_offset) == captured


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_with_umlauts_in_either_form(archive, folder, form):
    (folder / unicodedata.normalize(form, "Bürger")).mkdir()
    (folder / unicodedata.normalize(form, "Bürger") / unicodedata.normalize(form, "Öffnung.txt")).write_bytes(b"Text")
    assert keys(archive) == ["Bürger/Öffnung.txt"]
    assert capture(archive, "Bürger/Öffnung.txt").body == b"Text"


def test_a_name_in_latin_1(archive, folder):
    with open(os.fsencode(folder) + b"/D\xfcren.txt", "wb") as file:
        file.write(b"Text")
    assert keys(archive) == ["Düren.txt"]
    assert capture(archive, "Düren.txt").body == b"Text"


def test_compressed_files_are_opened(archive, folder):
    (folder / "a.html.gz").write_bytes(gzip.compress(b"<p>Text</p>"))
    captured = capture(archive, "a.html.gz")
    assert (captured.body, captured.media_type, captured.key) == (b"<p>Text</p>", "text/html", "a.html.gz")


@pytest.mark.parametrize("content", [gzip.compress(b"<p>Text</p>" * 50, mtime=0)[:-12], b"kein gzip", b""])
def test_damaged_compression_is_kept_as_it_is(archive, folder, content):
    (folder / "a.html.gz").write_bytes(content)
    captured = capture(archive, "a.html.gz")
    assert (captured.body, captured.media_type) == (content, "application/gzip")


def test_an_empty_file_is_captured(archive, folder):
    (folder / "leer.txt").write_bytes(b"")
    assert capture(archive, "leer.txt").body == b""


def test_too_large(archive, folder):
    with (folder / "groß.txt").open("wb") as file:
        file.truncate(50 * 2**20)
    (folder / "bombe.txt.gz").write_bytes(gzip.compress(bytes(10 * 2**20)))
    with pytest.raises(TooLargeError, match="größer als die erlaubten 100000 Bytes") as caught:
        capture(archive, "groß.txt")
    assert caught.value.url == "groß.txt"
    with pytest.raises(TooLargeError, match="entpackt"):
        capture(archive, "bombe.txt.gz")


def test_vanished(archive, folder):
    (folder / "a.txt").write_bytes(b"x")
    items = list(FolderFetcher().discover(source(), archive.context(source())))
    (folder / "a.txt").unlink()
    assert capture(archive, items[0].key) == Gone("Die Datei ist verschwunden")
    (folder / "b").write_bytes(b"x")
    assert capture(archive, "b/c.txt") == Gone("Die Datei ist verschwunden")


def test_unreadable(archive, folder):
    (folder / "a.txt").mkdir()
    with pytest.raises(FetchError, match="Die Datei ist nicht lesbar") as caught:
        capture(archive, "a.txt")
    assert caught.value.hint


@pytest.mark.skipif(os.geteuid() == 0, reason="root darf alles lesen")
def test_closed_folders_do_not_pass_in_silence(archive, folder):
    (folder / "zu.d").mkdir(mode=0)
    (folder / "a.txt").write_bytes(b"x")
    assert keys(archive) == ["a.txt", "zu.d"]
    with pytest.raises(FetchError, match="nicht lesbar"):
        capture(archive, "zu.d")
    folder.chmod(0)
    with pytest.raises(FetchError, match="Der Ordner presse ist nicht lesbar"):
        keys(archive)
    folder.chmod(0o700)


def test_links_out_of_the_folder_and_devices_are_no_items(archive, folder, tmp_path):
    (tmp_path / "geheim.txt").write_bytes(b"geheim")
    (folder / "raus.txt").symlink_to(tmp_path / "geheim.txt")
    (folder / "tot.txt").symlink_to(folder / "nirgends")
    (folder / "ordner").symlink_to(tmp_path)
    (folder / "echt.txt").write_bytes(b"x")
    (folder / "gleich.txt").symlink_to(folder / "echt.txt")
    os.mkfifo(folder / "rohr.txt")
    assert keys(archive) == ["echt.txt", "gleich.txt"]
    assert capture(archive, "raus.txt") == Gone("Die Datei ist verschwunden")
    assert capture(archive, "../geheim.txt") == Gone("Die Datei ist verschwunden")


def test_a_missing_folder(archive):
    with pytest.raises(FetchError, match="Den Ordner presse gibt es nicht") as caught:
        keys(archive)
    assert str(archive.folder) in caught.value.hint
    with pytest.raises(FetchError, match="fehlt path"):
        list(FolderFetcher().discover(Source(id="leer", options=FolderOptions()), archive.context()))


def test_a_single_file_is_a_folder_of_one(archive, folder):
    (folder / "a.txt").write_bytes(b"Text")
    one = Source(id="eins", path="presse/a.txt", options=FolderOptions())
    context = archive.context(one)
    (item,) = FolderFetcher().discover(one, context)
    (captured,) = FolderFetcher().capture(item, one, context)
    assert (item.key, captured.body) == ("a.txt", b"Text")


def test_the_sample(archive):
    sample = Source(id="sample", path="package:sample", options=FolderOptions())
    items = list(FolderFetcher().discover(sample, archive.context(sample)))
    assert len(items) >= 30
    (captured,) = FolderFetcher().capture(items[0], sample, archive.context(sample))
    assert SAMPLE_FOLDER.joinpath(items[0].key).exists()
    assert captured.body


def test_it_claims_no_address():
    assert FolderFetcher().claims("https://kreis.example/presse") is None
