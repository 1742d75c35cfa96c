import pytest
import shapely

from citylake.lake.errors import UsageError
from citylake.nightlights.boundaries import city_unit, county_units, find_city

FIVE = {"郑州": 7565, "开封": 6238, "新乡": 8298, "焦作": 3975, "许昌": 4981}


@pytest.mark.parametrize("name", ["无锡", "无锡市", "320200"])
def test_a_city_is_found_by_name_or_code(name: str) -> None:
    assert find_city(name) == "320200"


@pytest.mark.parametrize("name", ["Atlantis", "江阴", "320281", ""])
def test_what_is_no_city_at_prefecture_level_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="There is no city"):
        find_city(name)


@pytest.mark.parametrize(("name", "area"), FIVE.items())
def test_a_prefecture_is_as_large_as_is_known(name: str, area: float) -> None:
    assert city_unit(find_city(name), "prefecture").land_area_km2 == pytest.approx(area, abs=1)


def test_wuxi_is_as_large_as_the_yearbook_says_within_a_percent() -> None:
    # The outlines are generalised: 4 600.5 km² of the official 4 627.46.
    assert city_unit("320200", "prefecture").land_area_km2 == pytest.approx(4627.46, rel=0.01)


def test_a_prefecture_is_its_districts_and_its_counties() -> None:
    units = county_units("320200")
    assert [unit.name_zh for unit in units] == ["无锡市", "江阴市", "宜兴市"]
    whole = city_unit("320200", "prefecture")
    assert sum(unit.land_area_km2 for unit in units) == pytest.approx(whole.land_area_km2, rel=1e-6)
    assert all(unit.outline.is_valid for unit in units)
    assert shapely.area(shapely.intersection(units[0].outline, units[1].outline)) < 1e-6


def test_the_districts_of_a_city_leave_out_counties_and_county_level_cities() -> None:
    # A yearbook's figure is of the districts: 巩义 and five others would lower Zhengzhou's threshold for nothing.
    assert city_unit("410100", "municipal_districts").land_area_km2 == pytest.approx(1094.5, abs=1)


def test_a_city_without_counties_is_all_districts() -> None:
    # 东莞 has neither districts nor counties: the yearbook's figure is of all of it.
    assert city_unit("441900", "municipal_districts").land_area_km2 > 2000


def test_a_municipality_consists_of_its_districts() -> None:
    # 16 410 km² by the yearbook; 重庆 keeps counties beside its districts.
    assert city_unit(find_city("北京"), "municipal_districts").land_area_km2 == pytest.approx(16410, rel=0.01)
    assert len(county_units(find_city("重庆"))) == 13


def test_a_prefecture_without_districts_asks_for_another_scope() -> None:
    with pytest.raises(UsageError, match="scope prefecture"):
        city_unit(find_city("532300"), "municipal_districts")
