"""What of a name is writing and what is naming."""

import polars as pl
import pytest

from citylake.identity import names


def of(expression: pl.Expr, text: str | None) -> str | None:
    return pl.DataFrame({"text": [text]}, schema={"text": pl.String}).select(expression).item()


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("王 伟", "王伟"),
        ("　王　伟　", "王伟"),
        ("阿依古丽·买买提", "阿依古丽买买提"),
        ("阿依古丽•买买提", "阿依古丽买买提"),
        ("ｗｕ伟", "WU伟"),
        ("張國華", "张国华"),
        ("。", None),
        (None, None),
    ],
)
def test_blanks_dots_width_and_traditional_characters_are_writing(written: str | None, name: str | None) -> None:
    assert of(names.person_name(pl.col("text")), written) == name


@pytest.mark.parametrize(("one", "other"), [("国龙", "國龍"), ("建伟", "建玮"), ("未来", "末来"), ("候明", "侯明")])
def test_variants_homophones_and_look_alikes_sound_the_same(one: str, other: str) -> None:
    sound = names.name_sound(pl.col("text"))
    assert of(sound, one) == of(sound, other)


def test_a_sound_has_a_syllable_a_character() -> None:
    assert of(names.name_sound(pl.col("text")), "欧阳A") == "ou yang A"
    assert of(names.name_sound(pl.col("text")), "王伟") != of(names.name_sound(pl.col("text")), "王强")


@pytest.mark.parametrize(
    ("written", "core"),
    [
        ("江苏省无锡市中天机械制造有限公司", "中天机械制造"),
        ("中天机械制造（无锡）有限公司", "中天机械制造"),
        ("无锡中天机械制造有限责任公司", "中天机械制造"),
        ("江阴市中天贸易有限公司", "中天贸易"),
        ("无锡市滨湖区王伟小吃店", "王伟小吃店"),
        ("無錫中天貿易有限公司", "中天贸易"),
        ("无锡有限公司", "无锡有限公司"),
        ("宜兴市丰收农民专业合作社", "丰收"),
        (None, None),
    ],
)
def test_the_core_of_an_organisations_name_is_what_tells_it_from_others(written: str | None, core: str | None) -> None:
    assert of(names.entity_core(pl.col("text")), written) == core


def test_an_address_keeps_its_county_and_loses_what_all_have() -> None:
    assert of(names.address(pl.col("text")), "江苏省无锡市滨湖区 中山路1号") == "滨湖区中山路1号"
    assert of(names.address(pl.col("text")), "滨湖区中山路1号") == "滨湖区中山路1号"
