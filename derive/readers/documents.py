"""Documents as people keep them: Markdown, LaTeX, notebooks, as blocks that know where they stand.

A block is a display, an inline formula, code, prose or a `check:` declaration; its text is a stretch of the source, so
that an offset in the block is an offset in the source.  Nothing is executed.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from derive.errors import Unreadable
from derive.readers.latex_tokens import Macro, macros_of

Kind = Literal["display", "inline", "code", "prose", "heading", "declaration"]


@dataclass(frozen=True)
class Source:
    """One text that offsets count in: a file, or a cell of a notebook (cells from 1)."""

    text: str
    cell: int | None = None
    starts: tuple[int, ...] = ()

    @staticmethod
    def of(text: str, cell: int | None = None) -> Source:
        starts = [0] + [m.end() for m in re.finditer("\n", text)]
        return Source(text, cell, tuple(starts))

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column, from 1."""
        offset = max(0, min(offset, len(self.text)))
        line = bisect.bisect_right(self.starts, offset)
        return line, offset - self.starts[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of a line."""
        end = self.starts[number] - 1 if number < len(self.starts) else len(self.text)
        return self.text[self.starts[number - 1] : end]


@dataclass(frozen=True)
class Block:
    """A stretch of a source: `text` starts at offset `start`."""

    kind: Kind
    text: str
    start: int
    source: Source
    language: str = ""


@dataclass
class Document:
    """The blocks of a document in order, and its macros."""

    path: str
    blocks: list[Block] = field(default_factory=list)
    macros: dict[str, Macro] = field(default_factory=dict)
    sources: list[Source] = field(default_factory=list)


def read_document(text: str, path: str = "", kind: str | None = None) -> Document:
    """The blocks of a text; `kind`: md, tex or ipynb, else by the path's suffix.  Raises Unreadable."""
    kind = kind or {"ipynb": "ipynb", "tex": "tex"}.get(path.rsplit(".", 1)[-1], "md")
    if "\x00" in text:
        raise Unreadable("this is not a text", "it holds zero bytes", path=path)
    document = Document(path)
    reader = {"md": _markdown, "tex": _latex, "ipynb": _notebook}[kind]
    reader(document, text)
    return document


# ---------------------------------------------------------------- Markdown


def _markdown(document: Document, text: str, cell: int | None = None) -> None:
    source = Source.of(text, cell)
    document.sources.append(source)
    document.macros |= macros_of(text)
    place = 0
    for begin, end, language in _fences(text, source):
        document.blocks += _formulas(source, place, begin)
        inner = text.index("\n", begin) + 1 if "\n" in text[begin:end] else end
        body = text[:end].rstrip()
        last = body.rfind("\n", begin) + 1
        closed = last if last > inner and body[last:].strip(" >").startswith(("```", "~~~")) else end
        document.blocks.append(Block("code", text[inner : max(inner, closed)], inner, source, language))
        place = end
    document.blocks += _formulas(source, place, len(text))


def _fences(text: str, source: Source) -> Iterator[tuple[int, int, str]]:
    """Front matter and fenced code, by markdown-it: offsets and language."""
    from markdown_it import MarkdownIt

    front = re.match(r"---\n.*?\n---[ \t]*(?:\n|$)", text, re.S)
    shift = 0
    if front:
        yield 0, front.end(), "front"
        shift = front.group().count("\n")
    body = "\n" * shift + text[front.end() :] if front else text
    for token in MarkdownIt("commonmark").parse(body):
        if token.type == "fence" and token.map:
            begin, end = token.map
            stop = source.starts[end] if end < len(source.starts) else len(text)
            yield source.starts[begin], stop, token.info.strip().split(" ")[0]


# ---------------------------------------------------------------- formulas in running text

_ENVIRONMENTS = r"equation|align|alignat|gather|multline|split|eqnarray|displaymath|math|flalign"
_MATH = re.compile(
    r"(?P<comment><!--.*?-->)"
    r"|(?P<dollars>(?<!\\)\$\$(?P<d>.*?)(?<!\\)\$\$)"
    r"|(?P<bracket>\\\[(?P<b>.*?)\\\])"
    rf"|(?P<environment>\\begin\{{(?P<name>(?:{_ENVIRONMENTS})\*?)\}}(?P<e>.*?)\\end\{{(?P=name)\}})"
    r"|(?P<cut>(?<!\\)\$\$(?P<c>[^$]*?)(?<!\\)\$(?!\$))"
    r"|(?P<paren>\\\((?P<p>.*?)\\\))"
    r"|(?P<dollar>(?<![\\$])\$(?!\$)(?P<i>(?:[^$\\\n]|\\.|\n(?!\s*\n))+?)(?<!\\)\$)"
    r"|(?P<heading>^[ \t]*\#{1,6}[ \t][^\n]*|^[ \t]*\\(?:sub)*section\*?\{[^\n]*)"
    r"|(?P<bold>^\s*\*\*[^*\n]*\*\*)"
    r"|(?P<tick>(?<!`)`[^`\n]+`)",
    re.S | re.M,
)
_GROUPS = (
    ("dollars", "d", "display"),
    ("bracket", "b", "display"),
    ("environment", "e", "display"),
    ("cut", "c", "display"),
    ("paren", "p", "inline"),
    ("dollar", "i", "inline"),
)


def _formulas(source: Source, begin: int, end: int) -> list[Block]:
    """Displays, inline formulas, headings and the prose between them."""
    text, blocks, place = source.text[:end], [], begin
    for found in _MATH.finditer(text, begin):
        if found["tick"]:
            continue
        if found["bold"] or found["heading"]:
            if place < found.start():
                blocks.append(Block("prose", text[place : found.start()], place, source))
            blocks += _heading(source, found.start(), found.end())
            place = found.end()
            continue
        if place < found.start():
            blocks.append(Block("prose", text[place : found.start()], place, source))
        blocks.append(_formula(found, source))
        place = found.end()
    if place < end:
        blocks.append(Block("prose", text[place:end], place, source))
    return blocks


def _heading(source: Source, begin: int, end: int) -> list[Block]:
    """A heading, with the formulas in it."""
    text = source.text[begin:end]
    blocks = [Block("heading", text, begin, source)]
    for found in re.finditer(r"(?<!\\)\$([^$\n]+)\$", text):
        blocks.append(Block("inline", found[1], begin + found.start(1), source))
    return blocks


def _formula(found: re.Match, source: Source) -> Block:
    if found["comment"]:
        kind = "declaration" if re.match(r"<!--\s*check:", found["comment"]) else "prose"
        inner = re.sub(r"^<!--\s*(check:)?|-->$", "", found["comment"])
        return Block(kind, inner, found.start() + found["comment"].index(inner), source)
    outer, inner, kind = next(g for g in _GROUPS if found[g[0]] is not None)
    language = ""
    if outer == "environment":
        language = found["name"].rstrip("*")
    return Block(kind, found[inner], found.start(inner), source, language)


# ---------------------------------------------------------------- LaTeX


def _latex(document: Document, text: str, cell: int | None = None) -> None:
    """A LaTeX file: comments blanked (declarations kept), code environments taken out."""
    source = Source.of(text, cell)
    document.sources.append(source)
    document.macros |= macros_of(_without_comments(text))
    for found in re.finditer(r"^[ \t]*%+[ \t]*check:(?P<body>.*(?:\n[ \t]*%(?![ \t]*check:)[^\n]*)*)", text, re.M):
        body = re.sub(r"^[ \t]*%", "", found["body"], flags=re.M)
        document.blocks.append(Block("declaration", body, found.start("body"), source))
    blank = _without_comments(text)
    opened = re.search(r"\\begin\{document\}", blank)
    begin, end = opened.end() if opened else 0, len(blank)
    clean = Source(blank, cell, source.starts)
    for found in re.finditer(r"\\begin\{(verbatim|lstlisting|minted)\}(.*?)\\end\{\1\}", blank, re.S):
        if found.start() < begin:
            continue
        document.blocks += _formulas(clean, begin, found.start())
        document.blocks.append(Block("code", found[2], found.start(2), source, "python"))
        begin = found.end()
    document.blocks += _formulas(clean, begin, end)


def _without_comments(text: str) -> str:
    """Comments replaced by blanks, so that offsets stay."""
    return re.sub(r"(?<!\\)%[^\n]*", lambda m: " " * len(m.group()), text)


# ---------------------------------------------------------------- notebooks


def _notebook(document: Document, text: str, cell: int | None = None) -> None:
    """A notebook: markdown cells as Markdown, code cells as code."""
    import warnings

    import nbformat

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            book = nbformat.reads(text, as_version=4)
    except Exception as problem:  # nbformat raises its own kinds, json's and plain ones
        raise Unreadable("this notebook cannot be read", str(problem).split("\n")[0], path=document.path) from problem
    for number, one in enumerate(book.cells, 1):
        body = one.source if isinstance(one.source, str) else "".join(one.source)
        if one.cell_type == "markdown":
            _markdown(document, body, number)
        elif one.cell_type == "code":
            source = Source.of(body, number)
            document.sources.append(source)
            document.blocks.append(Block("code", body, 0, source, "python"))
