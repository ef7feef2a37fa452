"""What a query means, in full: its tree, and what every word of it is looked up as."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from archive_pipeline.index.terms import PART_SIGN, exact_forms, nearest_forms, phrase_query, word_query
from archive_pipeline.language.folding import fold
from archive_pipeline.query import All, And, Exact, Filter, Fuzzy, Node, Not, Or, Phrase, Prefix, Range, Term
from archive_pipeline.search.describe import FIELD_NAMES
from archive_pipeline.search.names import Names

__all__ = ["ExplainedNode", "explain_query", "explained_as_json"]

_MOST_FORMS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedNode:
    """One node of a query tree, `depth` levels down.

    `field` is the name people type, None for all text. A word is looked up by any of `keys` (stems), with `parts` also
    as a part of compounds, or by `sequence`: words that follow one another at most `slop` apart, each by any of its
    keys. An exact word, a beginning and a fuzzy word are looked up by `forms` (folded, not stemmed; of beginnings and
    fuzzy words those in the archive, when it was at hand). `values` are keys of a filter with their labels. `documents`
    is how many releases the node finds by itself.
    """

    kind: str
    depth: int
    field: str | None = None
    text: str = ""
    keys: tuple[str, ...] = ()
    parts: bool = False
    sequence: tuple[tuple[str, ...], ...] = ()
    slop: int = 0
    forms: tuple[str, ...] = ()
    values: tuple[tuple[str, str], ...] = ()
    documents: int | None = None


def explain_query(
    node: Node,
    names: Names,
    *,
    forms: Callable[[str], Sequence[str]] | None = None,
    count: Callable[[Node], int] | None = None,
) -> tuple[ExplainedNode, ...]:
    """The nodes of a query tree, each before those below it. `forms` lists the word forms of the archive that begin
    so, `count` says how many releases a tree finds; without them these are left open."""
    return tuple(_explained(node, 0, names, forms or (lambda _: ()), count))


def _explained(
    node: Node,
    depth: int,
    names: Names,
    forms: Callable[[str], Sequence[str]],
    count: Callable[[Node], int] | None,
) -> Iterator[ExplainedNode]:
    documents = count(node) if count else None
    kind = type(node).__name__
    match node:
        case And(nodes) | Or(nodes):
            yield ExplainedNode(kind=kind, depth=depth, documents=documents)
            for inner in nodes:
                yield from _explained(inner, depth + 1, names, forms, count)
        case Not(inner):
            yield ExplainedNode(kind=kind, depth=depth, documents=documents)
            yield from _explained(inner, depth + 1, names, forms, count)
        case Filter(field, values):
            labels = tuple((value, names.label(field, value)) for value in values)
            yield ExplainedNode(kind=kind, depth=depth, field=FIELD_NAMES[field], values=labels, documents=documents)
        case Range(field, start, end, unknown):
            text = "unbekannt" if unknown else f"{start or ''}..{end or ''}"
            yield ExplainedNode(kind=kind, depth=depth, field=FIELD_NAMES[field], text=text, documents=documents)
        case All():
            yield ExplainedNode(kind=kind, depth=depth, documents=documents)
        case _:
            yield _word(node, depth, forms, documents)


def _word(
    node: Term | Phrase | Prefix | Fuzzy | Exact,
    depth: int,
    forms: Callable[[str], Sequence[str]],
    documents: int | None,
) -> ExplainedNode:
    field = FIELD_NAMES[node.field] if node.field else None
    text = " ".join(node.texts) if isinstance(node, Phrase) else node.text
    match node:
        case Term() | Phrase():
            sought = word_query(text) if isinstance(node, Term) else phrase_query(node.texts)
            return ExplainedNode(
                kind=type(node).__name__,
                depth=depth,
                field=field,
                text=text,
                keys=tuple(dict.fromkeys(key.removeprefix(PART_SIGN) for key in sought.keys)),
                parts=any(key.startswith(PART_SIGN) for key in sought.keys),
                sequence=sought.sequence,
                slop=node.slop if isinstance(node, Phrase) else 0,
                documents=documents,
            )
        case Exact():
            known = exact_forms(text)
        case Prefix():
            known = tuple(forms(fold(text)))
        case Fuzzy(_, distance):
            form = fold(text)
            known = nearest_forms(form, forms(form[:1]), distance)
    return ExplainedNode(
        kind=type(node).__name__, depth=depth, field=field, text=text, forms=known, documents=documents
    )


def explained_as_json(node: ExplainedNode) -> dict[str, object]:
    """A node as JSON, without what it doesn't have."""
    found: dict[str, object] = {"node": node.kind, "depth": node.depth}
    if node.field:
        found["field"] = node.field
    if node.text:
        found["text"] = node.text
    if node.keys:
        found |= {"keys": list(node.keys), "parts": node.parts}
    if node.sequence:
        found |= {"sequence": [list(keys) for keys in node.sequence], "slop": node.slop}
    if node.forms:
        found |= {"forms": list(node.forms[:_MOST_FORMS]), "forms_total": len(node.forms)}
    if node.kind == "Filter":
        found["values"] = [{"value": value, "label": label} for value, label in node.values]
    if node.documents is not None:
        found["documents"] = node.documents
    return found
