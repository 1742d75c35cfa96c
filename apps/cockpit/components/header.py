"""The top of every page: whose figures, from which release, real or synthetic, and what the address got wrong."""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from apps.cockpit import view as viewing
from apps.cockpit.catalogue import LANGUAGE_NAMES, LANGUAGES, Language
from apps.cockpit.components.markup import block, line, span
from apps.cockpit.formats import local_minute
from apps.cockpit.view import Page, View
from citylake.lake.settings import TIMEZONE

_LANGUAGE = "control_language"


def header(view: View, pages: Mapping[Page, StreamlitPage]) -> None:
    """Title, pages, language, release, origin and notes."""
    with st.container(horizontal=True, vertical_alignment="center", key="ck-masthead"):
        block(view.language, "title", span("brand", view.say("app.title")), width="content")
        for name, page in pages.items():
            chosen = "current" if name == view.page else "other"
            with st.container(key=f"ck-page-{chosen}-{name}", width="content"):
                st.page_link(page, label=view.say(f"page.{name}"), query_params=view.on(name))
        with st.container(horizontal=True, horizontal_alignment="right", width="stretch"):
            _language_switch(view)
    origin_mark(view)
    block(
        view.language,
        "release",
        view.say(
            "release.line",
            as_of=view.release.data_as_of,
            created=local_minute(view.release.created_at.astimezone(ZoneInfo(TIMEZONE))),
            release=view.release.release_id,
        ),
    )
    if view.newest_release.release_id != view.release.release_id:
        st.info(view.say("release.newer", as_of=view.newest_release.data_as_of))
    for note in view.notes:
        st.warning(view.say(note))


def origin_mark(view: View) -> None:
    """A banner that cannot be overlooked wherever a figure is not real; nothing where all are."""
    if view.release.origin == "real":
        return
    block(
        view.language,
        "synthetic",
        line("synthetic-name", view.say(f"origin.{view.release.origin}")),
        line("synthetic-note", view.say(f"origin.{view.release.origin}_note")),
    )


def _language_switch(view: View) -> None:
    st.session_state[_LANGUAGE] = view.language
    st.segmented_control(
        view.say("control.language"),
        LANGUAGES,
        format_func=_language_name,
        key=_LANGUAGE,
        required=True,
        label_visibility="collapsed",
        on_change=_switch_language,
        args=(view,),
    )


def _language_name(language: Language) -> str:
    return LANGUAGE_NAMES[language]


def _switch_language(view: View) -> None:
    viewing.go(view, lang=st.session_state[_LANGUAGE], indicator=view.indicator)
