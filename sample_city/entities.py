"""The market entities of the synthetic city: companies, sole traders and the rest, as their register has them.

Three quarters of a million residents' entities fit in memory, so the register is made whole. What changes on a night
is drawn by ``nights``; here is the state on the day of the full extract.
"""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from sample_city import names, rates
from sample_city.hardness import Defects
from sample_city.identifiers import Integers, Mask, mistype_codes, old_registration_numbers, unified_codes
from sample_city.persons import Homes, People
from sample_city.regions import Regions

if TYPE_CHECKING:
    from collections.abc import Sequence

# (register's word, share, category in the code)
_TYPES: tuple[tuple[str, float, int], ...] = (
    ("个体工商户", 0.655, 2),
    ("有限责任公司", 0.270, 1),
    ("个人独资企业", 0.028, 1),
    ("农民专业合作社", 0.009, 3),
    ("普通合伙", 0.012, 1),
    ("股份有限公司", 0.006, 1),
    ("有限责任公司 外商投资企业", 0.004, 1),
    ("股份合作制", 0.003, 1),
    ("集体所有制", 0.003, 1),
    ("集体分支机构(非法人)", 0.010, 1),
)
SOLE_TRADER = 0
_INCORPORATED = [
    place for place, (word, _, _) in enumerate(_TYPES) if "公司" in word or "合作" in word or "集体所有" in word
]

# How a capital is spelled, and how often; {} is the amount in units of ten thousand.
_SPELLINGS: tuple[tuple[str, float], ...] = (
    ("{}(万元人民币)", 0.770),
    ("{}万人民币", 0.150),
    ("{}万元人民币", 0.030),
    ("{}(万美元)", 0.025),
    ("{}万元", 0.008),
    ("{}(万)", 0.004),
    ("{}(万元)", 0.004),
    ("{}(万日元)", 0.002),
    ("{}(万港元)", 0.002),
    ("{}(万欧元)", 0.002),
    ("{}万美元", 0.002),
    ("{}万人民币元", 0.001),
)
_AMOUNTS = (
    1,
    2,
    3,
    5,
    8,
    10,
    20,
    30,
    50,
    60,
    80,
    100,
    118,
    200,
    300,
    500,
    600,
    800,
    1000,
    1200,
    2000,
    3000,
    5000,
    10000,
)
_SCOPES = ("销售", "制造、加工", "技术服务、技术咨询", "零售", "安装、维修", "设计、制作")


@dataclass(frozen=True)
class Entities:
    """The register's records as they stand on the first night, those registered later behind them."""

    known: int
    """How many are registered on the first night; as many as remain, in equal parts, come on the nights after it."""
    frame: pl.DataFrame
    truth: pl.DataFrame
    """Beside each record: ``true_code``, the code it goes by elsewhere; ``owner``, a person; ``is_sole_trader``, …"""

    def choose(self, rng: np.random.Generator, size: int, sole_traders: float) -> Integers:
        """Rows of known, active ones; a sole trader as often as said against an organisation."""
        weights = np.where(self.truth["is_sole_trader"].head(self.known), sole_traders, 1.0)
        weights *= (self.frame["status_code"].head(self.known) == "存续").to_numpy()
        return rng.choice(self.known, size=size, p=weights / weights.sum())

    def at(self, rows: Integers) -> pl.DataFrame:
        """What other departments know of these: code, name, legal representative, and the truth beside it."""
        known = self.frame.select("entity_name", "legal_representative", "registered_date")
        truth = self.truth.with_columns(code=pl.when("is_code_old").then("registration_code").otherwise("true_code"))
        return pl.concat([known[rows], truth[rows]], how="horizontal")


def make_entities(  # noqa: PLR0913  # the city's parts, and how much of it
    rng: np.random.Generator, people: People, regions: Regions, known: int, on: date, *, nights: int, defects: Defects
) -> Entities:
    """``known`` register records as they stand at the end of that day, those of the nights to come behind them."""
    count = known + max(2, round(known * rates.ENTITIES_NEW_A_DAY)) * (nights - 1)
    kind = rng.choice(len(_TYPES), size=count, p=_shares([share for _, share, _ in _TYPES]))
    owner = rng.integers(len(people), size=count)
    homes = Homes.draw(rng, regions, count)
    place = regions.at(homes.community.astype(np.int64))
    registered = _registered(rng, count, on)
    codes, truth = _codes(rng, kind, registered, defects)
    trader = kind == SOLE_TRADER
    owners = people.names(owner)
    spelled = _type_words(rng, kind)
    frame = pl.DataFrame(
        {
            "registration_code": codes,
            "entity_name": _entity_names(rng, trader, place, owners),
            "registered_date": pl.Series(registered),
            "entity_type": spelled,
            "registered_capital": capitals(rng, trader),
            "business_scope": _scopes(rng, count),
            "province_name": pl.repeat("江苏", count, eager=True),
            "city_name": pl.repeat("无锡", count, eager=True),
            "domicile": _domiciles(rng, homes, regions),
            "legal_representative": owners,
            **_ends(rng, registered, on),
        }
    )
    truth = truth.with_columns(
        owner=pl.Series(owner),
        is_sole_trader=trader,
        is_incorporated=np.isin(kind, _INCORPORATED),
        district_code=place["district_code"],
    )
    return Entities(known, frame, truth)


def capitals(rng: np.random.Generator, is_sole_trader: Mask) -> pl.Series:
    """Registered capital in the spellings that the register has grown over the years; many sole traders have none."""
    count = len(is_sole_trader)
    amount = np.array(_AMOUNTS)[rng.integers(len(_AMOUNTS), size=count)] / np.where(is_sole_trader, 10, 1)
    spelling = rng.choice(len(_SPELLINGS), size=count, p=_shares([share for _, share in _SPELLINGS]))
    frame = pl.DataFrame(
        {
            "amount": amount,
            "style": rng.random(count),
            "spelling": pl.Series([words for words, _ in _SPELLINGS]).gather(spelling),
            "is_stated": rng.random(count) >= np.where(is_sole_trader, 0.4, 0.02),
        }
    )
    whole = pl.col("amount").cast(pl.Int64).cast(pl.String)
    is_whole = pl.col("amount") == pl.col("amount").floor()
    digits = (
        pl.when(is_whole & (pl.col("amount") >= 1000) & (pl.col("style") < 0.3))
        .then(whole.str.replace(r"(\d)(\d{3})$", "$1,$2"))
        .when(is_whole & (pl.col("style") < 0.9))
        .then(whole)
        .otherwise(pl.col("amount").round(1).cast(pl.String) + "000")
    )
    words = pl.col("spelling").str.replace("{}", digits, literal=True)
    return frame.select(pl.when("is_stated").then(words)).to_series()


def _shares(weights: "Sequence[float]") -> npt.NDArray[np.float64]:
    return np.array(weights) / sum(weights)


def _registered(rng: np.random.Generator, count: int, on: date) -> npt.NDArray[np.datetime64]:
    """Dates of registration: the nearer the more, none before 1979, workdays of the week only."""
    ago = rng.exponential(rates.ENTITIES_GROWTH_YEARS * 365.25, count).astype(np.int64)
    day = np.datetime64(on, "D") - np.minimum(ago, (np.datetime64(on, "D") - np.datetime64("1979-01-08")).astype(int))
    return np.busday_offset(day, 0, roll="backward")


def _codes(
    rng: np.random.Generator, kind: Integers, registered: npt.NDArray[np.datetime64], defects: Defects
) -> tuple[pl.Series, pl.DataFrame]:
    """Registration codes, some of them mistyped, some of old entities in the old form."""
    count = len(kind)
    category = np.array([code for _, _, code in _TYPES])[kind]
    serial = rng.permutation(count)
    true_codes = unified_codes(category, serial)
    is_old = (rng.random(count) < defects.entity_code_old_form) & (registered < np.datetime64("2015-01-01"))
    is_mistyped = ~is_old & (rng.random(count) < defects.entity_code_mistyped)
    mistyped = mistype_codes(rng, true_codes, is_mistyped)
    old = old_registration_numbers(kind == SOLE_TRADER, serial)
    codes = pl.select(pl.when(pl.Series(is_old)).then(old).otherwise(mistyped)).to_series()
    truth = pl.DataFrame(
        {"registration_code": codes, "true_code": true_codes, "is_code_old": is_old, "is_code_mistyped": is_mistyped}
    )
    return codes, truth


def _type_words(rng: np.random.Generator, kind: Integers) -> pl.Series:
    words = pl.Series([word for word, _, _ in _TYPES]).gather(kind)
    is_known = pl.Series(rng.random(len(kind)) >= rates.ENTITY_TYPE_MISSING)
    return pl.select(pl.when(is_known).then(words)).to_series()


def _entity_names(rng: np.random.Generator, is_sole_trader: Mask, place: pl.DataFrame, owners: pl.Series) -> pl.Series:
    """Names of companies; shops are called after a brand, one in seven after the owner."""
    count = len(is_sole_trader)
    frame = place.select("district_name").with_columns(
        owner=owners,
        brand=pl.Series(list(names.BRAND_FIRST)).gather(rng.integers(len(names.BRAND_FIRST), size=count))
        + pl.Series(list(names.BRAND_SECOND)).gather(rng.integers(len(names.BRAND_SECOND), size=count)),
        trade=pl.Series(names.TRADES).gather(rng.integers(len(names.TRADES), size=count)),
        shop=pl.Series(names.SHOPS).gather(rng.integers(len(names.SHOPS), size=count)),
        is_sole_trader=pl.Series(is_sole_trader),
        is_named_after_owner=pl.Series(rng.random(count) < 0.15),
        seat=pl.Series(rng.random(count)),
    )
    town = pl.when(pl.col("district_name").str.ends_with("市")).then("district_name").otherwise(pl.lit("无锡市"))
    shop_town = (
        pl.when(pl.col("district_name").str.ends_with("市"))
        .then("district_name")
        .otherwise(pl.lit("无锡市") + pl.col("district_name"))
    )
    called = pl.when("is_named_after_owner").then("owner").otherwise("brand")
    company = (
        pl.when(pl.col("seat") < 0.1)
        .then(pl.format("{}{}(无锡)有限公司", "brand", "trade"))
        .otherwise(pl.concat_str(town, "brand", "trade", pl.lit("有限公司")))
    )
    return frame.select(
        pl.when("is_sole_trader").then(pl.concat_str(shop_town, called, "shop")).otherwise(company)
    ).to_series()


def _scopes(rng: np.random.Generator, count: int) -> pl.Series:
    """Free text; some of it with commas and quotation marks, which a CSV must quote."""
    frame = pl.DataFrame(
        {
            "trade": pl.Series(names.TRADES).gather(rng.integers(len(names.TRADES), size=count)),
            "scope": pl.Series(_SCOPES).gather(rng.integers(len(_SCOPES), size=count)),
            "style": rng.random(count),
        }
    )
    return frame.select(
        pl.when(pl.col("style") < 0.02)
        .then(pl.format('{}{},以及"三来一补"业务。', "trade", "scope"))
        .when(pl.col("style") < 0.7)
        .then(pl.format("{}{}。(依法须经批准的项目，经相关部门批准后方可开展经营活动)", "trade", "scope"))
        .otherwise(pl.format("{}{}", "trade", "scope"))
    ).to_series()


def _domiciles(rng: np.random.Generator, homes: Homes, regions: Regions) -> pl.Series:
    """Addresses of registration: most with city, district and street, some without the city, a few with a road only."""
    frame = pl.DataFrame({"address": homes.addresses(regions), "style": rng.random(len(homes.number))})
    address = pl.col("address")
    road = address.str.extract(r"(?:街道|镇|区|园)([^街镇区园]+[路道街].*)$", 1)
    return frame.select(
        pl.when(pl.col("style") < rates.ENTITY_DISTRICT_UNNAMED)
        .then("无锡市" + road.fill_null(pl.lit("人民路1号")))
        .when(address.str.contains("^无锡市(江阴|宜兴)市") | (pl.col("style") < 0.4))
        .then(address.str.strip_prefix("无锡市"))
        .otherwise(address)
    ).to_series()


def _ends(rng: np.random.Generator, registered: npt.NDArray[np.datetime64], on: date) -> dict[str, pl.Series]:
    """Status and, for those struck off or moved away, the day: a steady share of the stock every year."""
    count = len(registered)
    today = np.datetime64(on, "D")
    lived = rng.exponential(365.25 / rates.ENTITIES_CANCELLED_A_YEAR, count)
    end = np.busday_offset(registered + np.minimum(lived, 40_000).astype("timedelta64[D]"), 0, roll="forward")
    has_ended = end <= today
    chance = rng.random(count)
    status = np.where(has_ended, 1, np.where(chance < rates.ENTITY_REVOKED, 2, 0))
    status = np.where(has_ended & (chance < rates.ENTITY_MOVED_AWAY / 0.4), 3, status)
    return {
        "status_code": pl.Series(status).replace_strict(range(4), ["存续", "注销", "吊销", "迁出"]),
        "cancelled_date": pl.select(pl.when(pl.Series(has_ended)).then(pl.Series(end))).to_series(),
    }
