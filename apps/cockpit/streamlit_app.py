"""The cockpit's navigation: ``streamlit run apps/cockpit/streamlit_app.py``. Pages, header and states; no content."""

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from apps.cockpit.catalogue import Language, text
from apps.cockpit.components import header
from apps.cockpit.components.markup import look_and_links
from apps.cockpit.components.states import friendly
from apps.cockpit.view import PAGES, Page, asked_language, open_view

if TYPE_CHECKING:
    from streamlit.navigation.page import StreamlitPage

_HERE = Path(__file__).parent


def run() -> None:
    """Show the page that the address names."""
    language = asked_language()
    st.set_page_config(page_title=text(language, "app.title"), page_icon=str(_HERE / "icon.svg"), layout="wide")
    look_and_links()
    pages: dict[Page, StreamlitPage] = {page: _page(page, language, path=page) for page in PAGES}
    # Streamlit serves its default page at the bare address alone, never at a path of its own: so the first page is
    # there a second time.
    bare = _page(PAGES[0], language, path="cockpit", is_default=True)
    chosen = st.navigation([bare, *pages.values()], position="hidden")
    by_path: dict[str, Page] = {made.url_path: name for name, made in pages.items()}
    page = by_path.get(chosen.url_path, PAGES[0])
    with friendly():
        header(open_view(page), pages)
        chosen.run()


def _page(page: Page, language: Language, *, path: str, is_default: bool = False) -> "StreamlitPage":
    title = text(language, f"page.{page}")
    return st.Page(_HERE / "app_pages" / f"{page}.py", title=title, url_path=path, default=is_default)


run()
