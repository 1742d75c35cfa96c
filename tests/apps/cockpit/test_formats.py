"""How figures are written."""

from datetime import date

import pytest

from apps.cockpit import formats


@pytest.mark.parametrize(
    ("value", "decimals", "written"),
    [
        (None, 2, "—"),
        (0.0, 2, "0.00"),
        (93.7243, 2, "93.72"),
        (1234567.0, 0, "1,234,567"),
        (-3.25, 1, "−3.2"),
        (-0.001, 2, "0.00"),
    ],
)
def test_a_figure_has_its_decimals_and_a_missing_one_is_a_dash(
    value: float | None, decimals: int, written: str
) -> None:
    # Would catch a missing value shown as 0, and a zero with a minus sign.
    assert formats.number(value, decimals) == written


def test_a_missing_figure_has_no_unit() -> None:
    # Would catch "— %".
    assert formats.quantity(None, 2, "%") == "—"
    assert formats.quantity(93.7243, 2, "%") == "93.72 %"


@pytest.mark.parametrize(
    ("value", "kind", "written"),
    [
        (2.47, "points", "▲ 2.5 pp"),
        (-49.6, "percent", "▼ 49.6 %"),
        (0.04, "points", "unchanged"),
        (None, "percent", "—"),
    ],
)
def test_a_change_says_its_direction_and_its_measure(
    value: float | None, kind: formats.ChangeKind, written: str
) -> None:
    # Would catch percentage points called per cent, and an arrow on a change that rounds to nothing.
    assert formats.change("en", value, kind) == written


def test_parts_are_whole_where_they_are_counts() -> None:
    # Would catch a count of cases written with decimals.
    assert [formats.part(value) for value in (911.0, 182.25, None)] == ["911", "182.25", "—"]


def test_months_are_written_as_their_readers_write_them() -> None:
    # Would catch an English month on a Chinese page.
    october = date(2026, 10, 1)
    assert formats.month("zh", october) == "2026年10月"
    assert formats.month("en", october) == "Oct 2026"
    assert formats.month_key(october) == "2026-10"


def test_a_target_says_at_least_or_at_most() -> None:
    # Would catch a ceiling shown as a floor.
    assert [formats.target_sign(direction) for direction in ("up", "down", "none")] == ["≥", "≤", "="]
