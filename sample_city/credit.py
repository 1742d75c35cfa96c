"""What the synthetic city's credit office publishes: licences granted and penalties imposed (双公示).

Subjects are organisations, sole traders and natural persons. Decisions are made once, with the day on which each is
published; a delivery brings those of its day.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from sample_city import rates
from sample_city.authorities import authorities
from sample_city.entities import Entities
from sample_city.hardness import Defects
from sample_city.identifiers import Integers, Mask, mistype_codes
from sample_city.lives import Period
from sample_city.persons import People, written_ids, written_names

# department, decision, certificate, class, what is licensed, years that it holds (0: without end), to persons, weight
_LICENCES: tuple[tuple[str, str, str, str, str, int, bool, int], ...] = (
    ("market_supervision", "食品经营许可决定书", "食品经营许可证", "01", "食品销售、餐饮服务", 5, False, 300),
    ("market_supervision", "登记通知书", "营业执照", "05", "设立登记", 0, False, 150),
    ("health", "公共场所卫生许可决定书", "公共场所卫生许可证", "01", "公共场所卫生", 4, False, 90),
    ("transport", "道路运输经营许可决定书", "道路运输经营许可证", "01", "普通货物运输", 4, False, 70),
    ("transport", "从业资格认定决定书", "道路运输从业人员从业资格证", "03", "道路旅客运输驾驶员资格", 6, True, 120),
    ("health", "医师执业注册决定书", "医师执业证书", "03", "医师执业注册", 0, True, 60),
    ("urban_management", "户外广告设置许可决定书", "", "01", "设置户外广告设施", 2, False, 40),
    ("housing_construction", "施工许可决定书", "建筑工程施工许可证", "04", "建筑工程施工", 3, False, 30),
    ("emergency_management", "危险化学品经营许可决定书", "危险化学品经营许可证", "01", "危险化学品经营", 3, False, 15),
    ("ecology_environment", "排污许可决定书", "排污许可证", "01", "排放污染物", 5, False, 20),
    ("natural_resources", "建设用地规划许可决定书", "建设用地规划许可证", "02", "建设用地", 0, False, 8),
    ("education", "教师资格认定决定书", "教师资格证书", "03", "教师资格", 0, True, 50),
)
_LICENCE_COLUMNS = ("department", "document", "certificate", "class", "object", "years", "to_persons", "weight")

# department, violation, legal ground, classes, lowest and highest fine in yuan, certificate acted upon, weight
_PENALTIES: tuple[tuple[str, str, str, str, int, int, str, int], ...] = (
    (
        "market_supervision",
        "经营超过保质期的食品",
        "《中华人民共和国食品安全法》第一百二十四条",
        "罚款;没收违法所得、没收非法财物",
        500,
        50_000,
        "",
        200,
    ),
    ("market_supervision", "未依法公示年度报告", "《企业信息公示暂行条例》第十七条", "警告", 0, 0, "", 60),
    ("urban_management", "占道经营", "《江苏省城市市容和环境卫生管理条例》第四十七条", "罚款", 50, 1_000, "", 180),
    ("urban_management", "违规处置建筑垃圾", "《城市建筑垃圾管理规定》第二十五条", "罚款", 5_000, 100_000, "", 60),
    ("transport", "超限运输", "《公路安全保护条例》第六十四条", "罚款", 200, 30_000, "", 150),
    (
        "transport",
        "未取得许可从事道路运输",
        "《中华人民共和国道路运输条例》第六十三条",
        "罚款;暂扣许可证件",
        3_000,
        100_000,
        "道路运输证",
        30,
    ),
    (
        "ecology_environment",
        "超标排放水污染物",
        "《中华人民共和国水污染防治法》第八十三条",
        "罚款",
        100_000,
        800_000,
        "",
        20,
    ),
    (
        "housing_construction",
        "未取得施工许可擅自施工",
        "《建设工程质量管理条例》第五十七条",
        "罚款;责令停产停业",
        10_000,
        300_000,
        "",
        25,
    ),
    (
        "emergency_management",
        "未对从业人员进行安全培训",
        "《中华人民共和国安全生产法》第九十七条",
        "罚款",
        5_000,
        90_000,
        "",
        40,
    ),
    (
        "health",
        "公共场所未取得卫生许可擅自营业",
        "《公共场所卫生管理条例实施细则》第三十五条",
        "警告;罚款",
        500,
        30_000,
        "",
        45,
    ),
    ("public_security", "扰乱公共秩序", "《中华人民共和国治安管理处罚法》", "行政拘留", 0, 0, "", 40),
)
_PENALTY_COLUMNS = ("department", "violation", "ground", "classes", "lowest", "highest", "certificate", "weight")
_WITHOUT_END = date(2099, 12, 31)
_PUBLICITY_MONTHS = (3, 12, 36)
_SOURCE_UNIT = (pl.col("authority_name").alias("source_unit_name"), pl.col("authority_uscc").alias("source_unit_uscc"))
"""The unit that the data come from is the authority itself."""


@dataclass(frozen=True)
class Subjects:
    """Who decisions can be about."""

    everybody: People
    entities: Entities
    defects: Defects

    def draw(self, rng: np.random.Generator, is_person: Mask) -> pl.DataFrame:
        """A subject for each decision, with the columns that both contracts have of one; truth is beside it."""
        count = len(is_person)
        person = rng.integers(len(self.everybody), size=count)
        known = self.entities.at(self.entities.choose(rng, count, sole_traders=0.4))
        is_mistyped = (rng.random(count) < self.defects.entity_code_mistyped) & ~known["is_code_old"].to_numpy()
        frame = known.with_columns(
            mistype_codes(rng, known["code"], is_mistyped).alias("code"),
            is_person=pl.Series(is_person),
            person=pl.Series(person),
            person_name=written_names(rng, self.everybody.names(person), self.defects)[0],
            person_id=self._ids(rng, person, required=True),
            owner_id=self._ids(rng, known["owner"].to_numpy(), required=False),
        )
        is_entity = ~pl.col("is_person")
        owner_id = pl.when(is_entity).then("owner_id")
        return frame.select(
            "is_person",
            "true_code",
            person=pl.when("is_person").then("person"),
            subject_name=pl.when("is_person").then("person_name").otherwise("entity_name"),
            subject_class_code=pl.when("is_person")
            .then(pl.lit("自然人"))
            .when("is_sole_trader")
            .then(pl.lit("个体工商户"))
            .when("is_incorporated")
            .then(pl.lit("法人"))
            .otherwise(pl.lit("非法人组织")),
            subject_uscc=pl.when(is_entity & ~pl.col("is_code_old")).then("code"),
            subject_registration_no=pl.when(is_entity & pl.col("is_code_old")).then("code"),
            legal_representative=pl.when(is_entity).then("legal_representative"),
            legal_representative_id_type=pl.when(owner_id.is_not_null()).then(pl.lit("身份证")),
            legal_representative_id_no=owner_id,
            subject_id_type=pl.when("is_person").then(pl.lit("身份证")),
            subject_id_no=pl.when("is_person").then("person_id"),
        )

    def _ids(self, rng: np.random.Generator, person: Integers, *, required: bool) -> pl.Series:
        """Ids as departments write them; where a form demands one, nobody leaves it out."""
        written, truth = written_ids(rng, self.everybody.ids(person), self.everybody.birth[person], self.defects)
        return written.fill_null(truth["true_citizen_id"]) if required else written


def make_licences(rng: np.random.Generator, subjects: Subjects, residents: int, period: Period) -> pl.DataFrame:
    """All licences granted in the period, in the order of their decisions; ``published_date`` is beside them."""
    kinds = pl.DataFrame(_LICENCES, schema=list(_LICENCE_COLUMNS), orient="row")
    kind = _draw_kinds(rng, kinds, rates.LICENCES_PER_RESIDENT_MONTH, residents, period)
    decisions = _decisions(rng, kind, period, "许")
    count = kind.height
    subject = subjects.draw(rng, kind["to_persons"].to_numpy())
    end = pl.col("decision_date").dt.offset_by(pl.format("{}y", "years")).dt.offset_by("-1d")
    return pl.concat([decisions, subject], how="horizontal").select(
        *subject.columns,
        *_SOURCE_UNIT,
        *("published_date", "document_no", "decision_date", "authority_name", "authority_uscc"),
        document_name=pl.concat_str(pl.lit("关于"), "subject_name", pl.lit("的"), "document"),
        licence_class_code="class",
        certificate_name=_unless_empty("certificate"),
        certificate_no=pl.when(pl.col("certificate") != "").then("serial"),
        content=pl.lit("【合成数据】") + pl.col("object"),
        valid_from_date="decision_date",
        valid_to_date=pl.when(pl.col("years") == 0).then(pl.lit(_WITHOUT_END)).otherwise(end),
        status_code=pl.Series(np.where(rng.random(count) < rates.LICENCE_WITHDRAWN, 2, 1)).cast(pl.String),
    )


def make_penalties(rng: np.random.Generator, subjects: Subjects, residents: int, period: Period) -> pl.DataFrame:
    """All penalties imposed in the period, in the order of their decisions; ``published_date`` is beside them."""
    kinds = pl.DataFrame(_PENALTIES, schema=list(_PENALTY_COLUMNS), orient="row")
    kind = _draw_kinds(rng, kinds, rates.PENALTIES_PER_RESIDENT_MONTH, residents, period)
    decisions = _decisions(rng, kind, period, "罚")
    count = kind.height
    is_person = rng.random(count) < np.where(kind["department"] == "public_security", 1.0, rates.PENALTY_OF_A_PERSON)
    subject = subjects.draw(rng, is_person)
    months = pl.Series(_PUBLICITY_MONTHS).gather(rng.integers(len(_PUBLICITY_MONTHS), size=count))
    gained = pl.Series(np.round(rng.lognormal(6.5, 1.2, count)))
    is_confiscated = pl.col("classes").str.contains("没收")
    return (
        pl.concat([decisions, subject], how="horizontal")
        .with_columns(fine=_fines(rng, kind), gained=gained, months=months)
        .select(
            *subject.columns,
            *_SOURCE_UNIT,
            *("published_date", "document_no", "decision_date", "authority_name", "authority_uscc"),
            violation_type="violation",
            facts=pl.format("【合成数据】经查，{}存在{}的行为。", "subject_name", "violation"),
            legal_ground="ground",
            penalty_class="classes",
            content=pl.format("【合成数据】对{}给予以下处罚：{}。", "subject_name", "classes"),
            fine_10k_cny=_in_10k("fine"),
            confiscated_10k_cny=pl.when(is_confiscated).then(_in_10k("gained")),
            certificate_action=_unless_empty("certificate"),
            valid_to_date=pl.lit(_WITHOUT_END),
            publicity_end_date=pl.col("published_date").dt.offset_by(pl.format("{}mo", "months")),
        )
    )


def published(decisions: pl.DataFrame, day: date, is_first: bool) -> pl.DataFrame:  # noqa: FBT001  # of the nights
    """Those published on that day, on the first night all until then; where none was, the latest one again.

    A department does not deliver an empty file: that is what a failed export looks like.
    """
    until = decisions.filter(pl.col("published_date") <= day)
    on_the_day = until if is_first else until.filter(pl.col("published_date") == day)
    return until.tail(1) if on_the_day.is_empty() else on_the_day


def _draw_kinds(
    rng: np.random.Generator, kinds: pl.DataFrame, rate: float, residents: int, period: Period
) -> pl.DataFrame:
    total = max(2, round(rate * residents * period.days / 30.4375))
    weights = kinds["weight"].to_numpy()
    return kinds[rng.choice(kinds.height, size=total, p=weights / weights.sum())]


def _decisions(rng: np.random.Generator, kind: pl.DataFrame, period: Period, word: str) -> pl.DataFrame:
    """When each was decided and published (within seven working days), by whom, and under what number."""
    start = np.datetime64(period.start, "D")
    decided = np.sort(np.busday_offset(start + rng.integers(period.days, size=kind.height), 0, roll="backward"))
    published = np.busday_offset(decided, rng.integers(0, 8, kind.height))
    frame = kind.with_columns(decision_date=pl.Series(decided), published_date=pl.Series(published))
    year = pl.col("decision_date").dt.year()
    number = pl.int_range(1, pl.len() + 1).over("department", year).cast(pl.String).str.zfill(6)
    return (
        frame.join(authorities(), left_on="department", right_on="department_code", maintain_order="left")
        .with_columns(serial=pl.concat_str(year, number))
        .with_columns(document_no=pl.format(f"锡{word}字〔{{}}〕第{{}}号", year, number))
    )


def _fines(rng: np.random.Generator, kind: pl.DataFrame) -> pl.Series:
    """Whole tens of yuan between the lowest and the highest, the low ones more often; none where there is no fine."""
    lowest, highest = kind["lowest"].to_numpy(), kind["highest"].to_numpy()
    fine = lowest + (highest - lowest) * rng.beta(0.8, 4.0, kind.height)
    yuan = pl.Series(np.maximum(np.round(fine / 10) * 10, lowest))
    return pl.select(pl.when(pl.Series(highest > 0)).then(yuan)).to_series()


def _in_10k(yuan: str) -> pl.Expr:
    """Units of ten thousand, to the hundredth of a yuan."""
    return (pl.col(yuan).cast(pl.Int64).cast(pl.Decimal(18, 6)) / 10_000).cast(pl.Decimal(18, 6))


def _unless_empty(name: str) -> pl.Expr:
    return pl.when(pl.col(name) != "").then(name)
