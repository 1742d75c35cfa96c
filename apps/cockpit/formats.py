"""How numbers, months and changes are written for readers. No value is computed here and none is fetched."""

from datetime import date, datetime
from typing import Literal

from apps.cockpit.catalogue import Language, text

NO_VALUE = "—"
_SIGNS = {"up": "≥", "down": "≤"}

ChangeKind = Literal["points", "percent"]


def number(value: float | None, decimals: int = 0) -> str:
    """A figure with its decimals and thousands separators; an em dash where there is no value."""
    if value is None:
        return NO_VALUE
    written = f"{value:,.{decimals}f}"
    return written.removeprefix("-") if not written.strip("-0.,") else written.replace("-", "−")


def quantity(value: float | None, decimals: int, unit: str) -> str:
    """A figure and its unit; the dash alone where there is no value."""
    return number(value, decimals) if value is None else f"{number(value, decimals)} {unit}".strip()


def part(value: float | None) -> str:
    """A numerator or denominator: whole where it is whole, else two decimals."""
    return number(value, 0 if value is None or value.is_integer() else 2)


def change(language: Language, value: float | None, kind: ChangeKind) -> str:
    """A change with an arrow: percentage points for rates, per cent for the others."""
    if value is None:
        return NO_VALUE
    size = number(abs(value), 1)
    if size == "0.0":
        return text(language, "card.unchanged")
    unit = text(language, "card.points") if kind == "points" else "%"
    return f"{'▲' if value > 0 else '▼'} {size} {unit}"


def target_sign(direction: str) -> str:
    """What a target asks for: at least, or at most."""
    return _SIGNS.get(direction, "=")


def month(language: Language, day: date) -> str:
    """A calendar month as its readers write it."""
    return f"{day.year}年{day.month}月" if language == "zh" else f"{day:%b %Y}"


def local_minute(moment: datetime) -> str:
    """An instant on the wall clock of the city, to the minute; the zone is the caller's."""
    return f"{moment:%Y-%m-%d %H:%M}"


def month_key(day: date) -> str:
    """A month as the address and chart axes write it, in every language: ``2026-10``."""
    return f"{day:%Y-%m}"
