"""What one reader is looking at: release, language, region, month, department, indicator, enterprise, studied city.

The address is the state: everything but the release is read from the query parameters and written back to them, so
that a view can be shared, kept as a bookmark and left with the browser's back button. A parameter that means nothing
falls back with a note, never with an error. The release is pinned when a session begins.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal, cast
from zoneinfo import ZoneInfo

import polars as pl
import streamlit as st

from apps.cockpit import queries
from apps.cockpit.catalogue import LANGUAGES, Language, text
from apps.cockpit.formats import month_key
from apps.cockpit.queries import Source
from citylake.lake.releases import Release, current_release, find_release
from citylake.lake.settings import TIMEZONE, CockpitRole, Settings
from citylake.lake.zones import Zones

Page = Literal["governance", "economy", "urban", "entity", "deliveries"]
PAGES: tuple[Page, ...] = ("governance", "economy", "urban", "entity", "deliveries")
SERIES = ("raw", "corrected")
"""Of the study of urban expansion."""

LONGEST_SEARCH = 200
"""Characters; no name of an enterprise is longer."""

_PINNED = "pinned_release_id"
_VIEW = "view"


class NoValues(Exception):
    """The release has no indicator value at all, so that there is nothing to choose from."""


@dataclass(frozen=True)
class Place:
    """A region on the way from the city to a street, with its name in the reader's language."""

    code: str
    name: str
    level: str


@dataclass(frozen=True)
class Studied:
    """What of the study of urban expansion is looked at: a city, a measured year, and a series."""

    city: str
    year: int
    series: str


@dataclass(frozen=True)
class View:
    """One reader's view. ``path`` leads from the chosen region up to the city and is never empty.

    ``entity`` is a key and ``find`` a text as the address has them: whether they mean anything, the page finds out.
    ``studied`` is there on the page of urban expansion alone, and only where the release has a study.
    """

    page: Page
    release: Release
    newest_release: Release
    language: Language
    path: tuple[Place, ...]
    months: tuple[date, ...]
    incomplete_months: frozenset[date]
    month: date
    department: str | None
    indicator: str | None
    entity: str | None = None
    find: str | None = None
    studied: Studied | None = None
    role: CockpitRole = "leader"
    notes: tuple[str, ...] = ()

    @property
    def source(self) -> Source:
        return Source(self.release.release_id, self.role)

    @property
    def region(self) -> Place:
        return self.path[0]

    @property
    def path_codes(self) -> list[str]:
        return [place.code for place in self.path]

    def say(self, key: str, /, **values: object) -> str:
        """A text of the catalogue in the reader's language."""
        return text(self.language, key, **values)

    def to(self, **changes: str | None) -> dict[str, str]:
        """The query parameters of this view after some changes; the open indicator is left unless it is named."""
        shown: dict[str, str | None] = {
            "region": self.region.code,
            "month": month_key(self.month),
            "department": self.department,
            "entity": self.entity,
            "find": self.find,
            "city": self.studied.city if self.studied else None,
            "year": str(self.studied.year) if self.studied else None,
            "series": self.studied.series if self.studied else None,
            "lang": self.language,
        }
        return {name: value for name, value in (shown | changes).items() if value is not None}

    def on(self, page: Page) -> dict[str, str]:
        """The query parameters of the same view on another page, without what that page does not know."""
        department = self.department if self.department in _departments(self.source, page) else None
        studied = {} if page == "urban" else dict.fromkeys(("city", "year", "series"))
        return self.to(department=department, entity=None, find=None, **studied)


def current() -> View:
    """The view that this run of the script shows, for the pages."""
    return cast("View", st.session_state[_VIEW])


def go(view: View, **changes: str | None) -> None:
    """Change the address; Streamlit runs the page again for it."""
    st.query_params.from_dict(view.to(**changes))


def today() -> date:
    """The reader's day in the city; what may be shown until a day is shown by it, however old the release is."""
    return datetime.now(ZoneInfo(TIMEZONE)).date()


def asked_language() -> Language:
    """The language of the address; 中文 when it names none that we have."""
    asked = st.query_params.get("lang", LANGUAGES[0])
    return asked if asked in LANGUAGES else LANGUAGES[0]


def open_view(page: Page) -> View:
    """Read the address against the pinned release and make the result the current view.

    Raises:
        NoRelease: nothing was released yet.
        NoValues: the release has no indicator value.
    """
    settings = Settings()
    zones = Zones.of(settings)
    newest = current_release(zones)
    pinned = str(st.session_state.setdefault(_PINNED, newest.release_id))
    release = newest if pinned == newest.release_id else find_release(zones, pinned, None)
    view = _read_address(page, release, newest, settings.cockpit_role)
    st.session_state[_VIEW] = view
    return view


def _read_address(page: Page, release: Release, newest: Release, role: CockpitRole) -> View:
    """Every parameter checked against what the release holds."""
    source, language = Source(release.release_id, role), asked_language()
    known_months = queries.months(source)
    if known_months.is_empty():
        raise NoValues
    path, region_note = _path(queries.regions(source), language)
    month, month_note = _month(known_months)
    department, department_note = _known("department", _departments(source, page))
    view = View(
        page=page,
        release=release,
        newest_release=newest,
        language=language,
        path=path,
        months=tuple(known_months["month"].to_list()),
        incomplete_months=frozenset(known_months.filter(~pl.col("is_complete"))["month"].to_list()),
        month=month,
        department=department,
        indicator=None,
        entity=_text("entity") if page == "entity" else None,
        find=_text("find") if page == "entity" else None,
        role=role,
    )
    on_page = queries.cards(source, page, view.path_codes, department, month)["indicator_id"].to_list()
    indicator, indicator_note = _known("indicator", on_page)
    studied, study_notes = _studied(source) if page == "urban" else (None, ())
    language_note = None if st.query_params.get("lang", language) == language else "note.unknown_language"
    notes = (language_note, region_note, month_note, department_note, indicator_note, *study_notes)
    shown = tuple(note for note in notes if note is not None)
    return replace(view, indicator=indicator, studied=studied, notes=shown)


def _studied(source: Source) -> tuple[Studied | None, tuple[str | None, ...]]:
    """City, year and series of the address: else the first city, which is the lake's own, the newest year, raw."""
    cities = queries.studied_cities(source)["city_code"].to_list()
    years = [str(year) for year in queries.measured_years(source)]
    if not cities or not years:
        return None, ()
    city, city_note = _known("city", cities)
    year, year_note = _known("year", years)
    series, series_note = _known("series", list(SERIES))
    return Studied(city or cities[0], int(year or years[-1]), series or SERIES[0]), (city_note, year_note, series_note)


def _text(parameter: str) -> str | None:
    """A parameter that may be anything; nothing when it is blank."""
    return st.query_params.get(parameter, "").strip()[:LONGEST_SEARCH] or None


def _departments(source: Source, page: Page) -> list[str]:
    """The departments that a page can be narrowed to."""
    known = queries.delivering_departments(source) if page == "deliveries" else queries.departments(source)
    return known["department_code"].to_list()


def _known(parameter: str, values: list[str]) -> tuple[str | None, str | None]:
    """A parameter's value when it is one of these, and the note to show when it is not."""
    asked = st.query_params.get(parameter)
    if asked is None or asked in values:
        return asked, None
    return None, f"note.unknown_{parameter}"


def _path(known: pl.DataFrame, language: Language) -> tuple[tuple[Place, ...], str | None]:
    """The way from the region of the address up to the city."""
    asked, note = _known("region", known["region_code"].to_list())
    rows = {row["region_code"]: row for row in known.iter_rows(named=True)}
    city = known.filter(pl.col("region_level") == "city")["region_code"].to_list()
    code: str | None = asked or (city[0] if city else None)
    path: list[Place] = []
    while code is not None and (row := rows.get(code)) is not None:
        path.append(Place(code=code, name=row[f"region_name_{language}"], level=row["region_level"]))
        code = row["parent_code"]
    if not path:
        raise NoValues
    return tuple(path), note


def _month(known: pl.DataFrame) -> tuple[date, str | None]:
    """The month of the address, else the newest one that is over, else the newest."""
    over = known.filter("is_complete")["month"].to_list()
    newest: date = (over or known["month"].to_list())[0]
    asked = st.query_params.get("month")
    if asked is None:
        return newest, None
    wanted = {month_key(day): day for day in known["month"].to_list()}.get(asked)
    return (newest, "note.unknown_month") if wanted is None else (wanted, None)
