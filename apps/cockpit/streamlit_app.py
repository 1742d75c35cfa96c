"""The cockpit's navigation: ``streamlit run apps/cockpit/streamlit_app.py``. Pages, header and states; no content."""

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from apps.cockpit.catalogue import text
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
    pages: dict[Page, StreamlitPage] = {
        page: st.Page(
            _HERE / "app_pages" / f"{page}.py",
            title=text(language, f"page.{page}"),
            url_path=page,
            default=page == PAGES[0],
        )
        for page in PAGES
    }
    chosen = st.navigation(list(pages.values()), position="hidden")
    page: Page = next(page for page in PAGES if pages[page].url_path == chosen.url_path)
    with friendly():
        header(open_view(page), pages)
        chosen.run()


run()
