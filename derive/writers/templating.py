"""The one template environment: templates hold layout, and what they print is escaped unless our printers made it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup


class Ready(str):
    """Text in the target's own language, made by a printer: templates pass it on as it is.

    Joining it with a plain string gives a plain string again, so forgetting the mark costs backslashes, not safety.
    """

    __slots__ = ()


def templates_folder() -> Path:
    """Where the templates are: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "templates", package.parent / "templates"):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"no templates beside {package}: the installation is incomplete; reinstall derive")


def environment(escape: Callable[[str], str], override: Path | None = None) -> Environment:
    """Templates by name (`latex/report.tex`), first from `override`; plain strings go through `escape`."""

    def finalize(value: object) -> Markup:
        if isinstance(value, Ready | Markup):
            return Markup(str(value))
        if value is None:
            raise TypeError("a template prints None: the writer has not filled this value")
        return Markup(escape(str(value)))

    folders = [override, templates_folder()] if override is not None else [templates_folder()]
    return Environment(
        loader=ChoiceLoader([FileSystemLoader(folder) for folder in folders]),
        autoescape=True,
        finalize=finalize,
        undefined=StrictUndefined,
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<%=",
        variable_end_string="%>",
        comment_start_string="<#",
        comment_end_string="#>",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
