"""What a cell of a workbook shows, as text. Knows no sheets."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from citylake.contracts.model import Column

if TYPE_CHECKING:
    from collections.abc import Callable

LOST_DIGITS = 1e15
"""A spreadsheet keeps 15 digits of a number: one from here on has lost some."""


def texts_of(cells: tuple[Any, ...], column: Column | None) -> list[str | None]:
    """What each cell shows; None for an empty one."""
    if set(map(type, cells)) == {str}:
        return [cell or None for cell in cells]
    is_time = column is not None and column.logical_type == "timestamp"
    shown: Callable[[Any], str | None] = _text_of_time if is_time else text_of
    return [shown(cell) for cell in cells]


def have_lost_digits(cells: tuple[Any, ...]) -> list[bool]:
    """Whether a cell is a number of which a spreadsheet cannot keep all digits."""
    if not {float, int} & set(map(type, cells)):
        return [False] * len(cells)
    return [isinstance(cell, float | int) and abs(cell) >= LOST_DIGITS for cell in cells]


def text_of(cell: Any) -> str | None:  # noqa: ANN401  # whatever a cell holds
    """A cell as text: numbers with the 15 digits that a spreadsheet keeps, dates and times as ISO 8601 has them."""
    if isinstance(cell, str):
        return cell or None
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float | int):
        text = f"{cell:.15g}"
        return f"{Decimal(text):f}" if "e" in text else text
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ")
    if isinstance(cell, date | time):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        hours, seconds = divmod(round(cell.total_seconds()), 3600)
        return f"{hours:02d}:{seconds // 60:02d}:{seconds % 60:02d}"
    raise AssertionError(f"a cell of type {type(cell)}")


def _text_of_time(cell: Any) -> str | None:  # noqa: ANN401  # whatever a cell holds
    """A cell of a column of times: at midnight, a spreadsheet's library gives a mere date."""
    is_date = isinstance(cell, date) and not isinstance(cell, datetime)
    return f"{cell.isoformat()} 00:00:00" if is_date else text_of(cell)
