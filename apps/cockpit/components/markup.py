"""Small pieces of HTML for what Streamlit has no element for. Every text is escaped here; no data is read."""

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Literal
from urllib.parse import urlencode

import streamlit as st

from apps.cockpit.catalogue import LANGUAGE_TAGS, Language

_HERE = Path(__file__).parents[1]


def look_and_links() -> None:
    """The cockpit's own style sheet and what makes its links quick; both small and local."""
    st.html(_HERE / "style.css")
    script = (_HERE / "links.js").read_text(encoding="utf-8")
    st.html(f"<script>{script}</script>", unsafe_allow_javascript=True)


def span(kind: str, content: str, *, title: str | None = None) -> str:
    """A piece of text in one of the style sheet's kinds."""
    hint = "" if title is None else f' title="{escape(title)}"'
    return f'<span class="ck-{kind}"{hint}>{escape(content)}</span>'


def link(content: str, query: dict[str, str]) -> str:
    """A link to another view of the same page."""
    return f'<a href="?{escape(urlencode(query))}" target="_self">{escape(content)}</a>'


def block(language: Language, kind: str, *pieces: str, width: Literal["stretch", "content"] = "stretch") -> None:
    """A block of pieces, marked with its language so that Chinese is set in its simplified forms."""
    st.html(f'<div class="ck-{kind}" lang="{LANGUAGE_TAGS[language]}">{"".join(pieces)}</div>', width=width)


def heading(language: Language, level: int, kind: str, *pieces: str) -> None:
    """A heading; its level is what a screen reader announces."""
    st.html(f'<h{level} class="ck-{kind}" lang="{LANGUAGE_TAGS[language]}">{"".join(pieces)}</h{level}>')


def line(kind: str, *pieces: str) -> str:
    """One line of a block; nothing when there is nothing to say."""
    said = [piece for piece in pieces if piece]
    return f'<div class="ck-{kind}">{"".join(said)}</div>' if said else ""


def facts(language: Language, pairs: Iterable[tuple[str, str]]) -> None:
    """Names and values, two columns where there is room."""
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in pairs)
    block(language, "facts", f"<dl>{rows}</dl>")


def table(
    language: Language, caption: str, head: Sequence[str], rows: Sequence[Sequence[str]], *, texts: int = 1
) -> None:
    """A table of cells that are already HTML; the first ``texts`` columns are text, the others figures."""
    heads = "".join(f'<th scope="col" class="{_cell(n, texts)}">{cell}</th>' for n, cell in enumerate(head))
    body = "".join(
        "<tr>" + "".join(f'<td class="{_cell(n, texts)}">{cell}</td>' for n, cell in enumerate(row)) + "</tr>"
        for row in rows
    )
    st.html(
        f'<div class="ck-scroll" lang="{LANGUAGE_TAGS[language]}" tabindex="0"><table class="ck-table">'
        f'<caption class="ck-hidden">{escape(caption)}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cell(position: int, texts: int) -> str:
    return "ck-text" if position < texts else "ck-figure"
