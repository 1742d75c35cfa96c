"""What is shown instead of a page: nothing released, nothing computed, or a release that cannot be read.

Both languages at once, because a reader who meets these has often not chosen a language yet.
"""

import logging
from collections.abc import Generator
from contextlib import contextmanager
from typing import Literal

import duckdb
import streamlit as st

from apps.cockpit.catalogue import both
from apps.cockpit.view import NoValues
from citylake.lake.errors import CitylakeError, NoRelease

_log = logging.getLogger(__name__)


@contextmanager
def friendly() -> Generator[None]:
    """Turn what can go wrong with a release into a sentence for readers; the cause goes to the server's log."""
    try:
        yield
    except NoRelease:
        _state("no_release")
    except NoValues:
        _state("no_values")
    except (CitylakeError, duckdb.Error):
        _log.exception("The release cannot be read")
        _state("broken")


def _state(name: Literal["no_release", "no_values", "broken"]) -> None:
    for title, body in zip(both(f"empty.{name}_title"), both(f"empty.{name}"), strict=True):
        with st.container(border=True):
            st.subheader(title, anchor=False)
            st.markdown(body)
