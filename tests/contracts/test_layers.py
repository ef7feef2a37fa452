"""The shape of the package: imports point one way, and each library has one place."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import archive_pipeline

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "archive_pipeline"
PLUGINS = ROOT / "plugins"

LAYERS: tuple[frozenset[str], ...] = tuple(
    frozenset(names.split())
    for names in (
        "errors model query durable",
        "protocols address",
        "registry",
        "hookspecs",
        "language warc sample",
        "mail",
        "sources fetch clean classify archive index export",
        "search",
        "builtin plugin_manager plugin_loading vocabularies processing workspace indexing searching opening pipeline"
        " ingest decide upkeep exchange learn discovering developing accounts testing",
        "web cli",
    )
)
"""From the ground up: a part imports from layers below its own. Parts of one layer don't know each other, except in
the layer that puts the parts together: there only circles are forbidden."""

ASSEMBLY = next(number for number, parts in enumerate(LAYERS) if "pipeline" in parts)

HOMES = {
    "warcio": ("warc",),
    "whoosh": ("index",),
    "tantivy": ("index",),
    "httpx2": ("fetch",),
    "httpcore2": ("fetch",),
    "protego": ("fetch",),
    "stamina": ("fetch",),
    "imap_tools": ("fetch",),
    "cronsim": ("sources",),
    "tomlkit": ("sources", "vocabularies"),
    "tld": ("address",),
    "feedparser": ("fetch",),
    "parsel": ("clean", "fetch", "plugin_loading"),
    "pluggy": ("hookspecs", "plugin_loading", "plugin_manager"),
    "langdetect": ("language",),
    "trafilatura": ("clean",),
    "click": ("cli",),
    "rich": ("cli",),
}
"""The parts of the package that may import a library."""

OPENS_THE_NETWORK = {
    "fetch_url",
    "fetch_response",
    "find_feed_urls",
    "sitemap_search",
    "trafilatura.downloads",
    "trafilatura.feeds",
    "trafilatura.sitemaps",
    "trafilatura.spider",
    "urllib.request",
    "http.client",
    "requests",
}
"""Names that reach the network past robots.txt, rate limits and WARC."""


@dataclass(frozen=True)
class Import:
    """One import: the file and line, the module, the names taken from it, and whether a function hides it."""

    file: Path
    line: int
    module: str
    names: tuple[str, ...]
    in_function: bool

    @property
    def part(self) -> str:
        """The part of the package the file belongs to."""
        first = self.file.relative_to(PACKAGE).parts[0]
        return first.removesuffix(".py")

    def __str__(self) -> str:
        return f"{self.file.relative_to(ROOT)}:{self.line} imports {self.module} {' '.join(self.names)}"


class Imports(ast.NodeVisitor):
    def __init__(self, file: Path) -> None:
        self.file = file
        self.depth = 0
        self.found: list[Import] = []

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.visit_body(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.visit_body(node)

    def visit_body(self, node: ast.AST) -> None:
        self.depth += 1
        self.generic_visit(node)
        self.depth -= 1

    def visit_If(self, node: ast.If) -> None:
        if not (isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"):
            self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.add(node, alias.name, ())

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        self.add(node, "." * node.level + (node.module or ""), tuple(alias.name for alias in node.names))

    def add(self, node: ast.stmt, module: str, names: tuple[str, ...]) -> None:
        self.found.append(Import(self.file, node.lineno, module, names, self.depth > 0))


def imports_of(folder: Path) -> Iterator[Import]:
    for file in sorted(folder.rglob("*.py")):
        visitor = Imports(file)
        visitor.visit(ast.parse(file.read_text(encoding="utf-8")))
        yield from visitor.found


CORE = list(imports_of(PACKAGE))


def own(found: Import) -> Iterator[str]:
    """The parts of this package that an import names."""
    first, *rest = found.module.split(".")
    if first == "archive_pipeline":
        yield from [rest[0]] if rest else found.names


def layer(part: str) -> int:
    for number, parts in enumerate(LAYERS):
        if part in parts:
            return number
    pytest.fail(f"archive_pipeline/{part} belongs to no layer: add it to LAYERS where it belongs")


def test_every_part_of_the_package_has_a_layer() -> None:
    parts = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert {layer(part) for part in parts - {"__init__", "__main__"}} <= set(range(len(LAYERS)))


def test_imports_point_one_way() -> None:
    wrong = []
    for found in CORE:
        if found.part in ("__init__", "__main__"):
            continue
        for target in own(found):
            here, there = layer(found.part), layer(target)
            if target != found.part and not (there < here or here == there == ASSEMBLY):
                wrong.append(str(found))
    assert wrong == []


def test_nothing_imports_in_circles() -> None:
    graph: dict[str, set[str]] = {}
    for found in CORE:
        name = ".".join(("archive_pipeline", *found.file.relative_to(PACKAGE).with_suffix("").parts))
        graph.setdefault(name.removesuffix(".__init__"), set()).update(modules_of(found))
    graph.pop("archive_pipeline", None)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"circle: {' -> '.join(error.args[1])}")


def test_no_folder_needs_one_that_needs_it() -> None:
    graph: dict[str, set[str]] = {}
    for found in CORE:
        if found.part not in ("__init__", "__main__"):
            graph.setdefault(found.part, set()).update(set(own(found)) - {found.part})
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"circle: {' -> '.join(error.args[1])}")


def modules_of(found: Import) -> Iterator[str]:
    if found.module.split(".")[0] != "archive_pipeline":
        return
    for name in found.names:
        path = PACKAGE.parent.joinpath(*found.module.split("."), name)
        if path.with_suffix(".py").exists() or path.is_dir():
            yield f"{found.module}.{name}"
        elif found.module != "archive_pipeline":
            yield found.module


def test_no_import_hides_in_a_function() -> None:
    allowed = {"cli/main.py"}  # the lazy table of commands
    hidden = [found for found in CORE if found.in_function]
    assert [str(found) for found in hidden if found.file.relative_to(PACKAGE).as_posix() not in allowed] == []


def test_no_relative_imports_in_the_core() -> None:
    assert [str(found) for found in CORE if found.module.startswith(".")] == []


@pytest.mark.parametrize("library", sorted(HOMES))
def test_a_library_stays_in_its_place(library: str) -> None:
    using = [found for found in CORE if found.module.split(".")[0] == library]
    assert [str(found) for found in using if found.part not in HOMES[library]] == []


def test_only_the_engine_itself_imports_whoosh() -> None:
    using = {found.file.name for found in CORE if found.module.split(".")[0] == "whoosh"}
    assert all(name.startswith("whoosh_") for name in using)


@pytest.mark.parametrize("folder", [PACKAGE, PLUGINS], ids=["core", "plugins"])
def test_nobody_opens_the_network_past_the_one_client(folder: Path) -> None:
    wrong = [
        str(found)
        for found in imports_of(folder)
        if found.module in OPENS_THE_NETWORK
        or not OPENS_THE_NETWORK.isdisjoint({*found.names, *(f"{found.module}.{name}" for name in found.names)})
    ]
    for file in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and ast.unparse(node).startswith("trafilatura."):
                called = ast.unparse(node)
                if node.attr in OPENS_THE_NETWORK or called in OPENS_THE_NETWORK:
                    wrong.append(f"{file.relative_to(ROOT)}:{node.lineno} {called}")
    assert wrong == []


def test_first_party_plugins_use_public_names_only() -> None:
    public = set(archive_pipeline.__all__)
    wrong = []
    for found in imports_of(PLUGINS):
        if not found.module.startswith("archive_pipeline"):
            continue
        from_root = found.module == "archive_pipeline" and found.names and set(found.names) <= public
        if not from_root and found.module != "archive_pipeline.testing":
            wrong.append(str(found))
    assert wrong == []


def test_nobody_imports_the_plugins_folder_by_name() -> None:
    assert [str(found) for found in CORE if found.module.split(".")[0] in ("plugins", "archive_pipeline_plugins")] == []


def test_blanket_excepts_that_swallow_stand_in_the_two_guards_only() -> None:
    """A plugin (plugin manager), a document (processing) and a source (fetching) fail alone; nobody else catches
    everything without raising again."""
    guards = {"processing/chain.py", "ingest/fetching.py"}
    swallowing = {
        file.relative_to(PACKAGE).as_posix()
        for file in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ExceptHandler) and is_blanket(node)
        if not any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
    }
    assert swallowing <= guards


def is_blanket(node: ast.ExceptHandler) -> bool:
    kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    return any(kind is None or ast.unparse(kind) in ("Exception", "BaseException") for kind in kinds)
