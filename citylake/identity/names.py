"""Names of persons and organisations brought into the form in which they can be compared. Polars expressions only.

Nothing here decides whether two names are one: that is the model's business. What is folded is writing, not naming:
width and composition of characters (NFKC), traditional characters, blanks, dots and brackets, upper and lower case.
Variants meet by their sound, for which pypinyin's dictionary is asked once for every character there is.
"""

import re
from functools import cache

import polars as pl
from pypinyin.constants import PINYIN_DICT
from pypinyin.contrib.tone_convert import to_normal
from stdnum import numdb

from citylake.identity.characters import traditional_characters

_NOISE = r"[\s\p{P}\p{S}\p{Cf}\p{Co}\p{Cn}]+"
"""Blanks, punctuation (the dots of 阿依古丽·…, all brackets), symbols, and what no font shows."""

LOOK_ALIKES = (
    "己已巳",
    "末未",
    "土士",
    "戊戌戍",
    "天夭",
    "千干于",
    "帅师",
    "候侯",
    "睛晴",
    "钧钓",
    "令今",
    "免兔",
    "徽微",
    "析折",
    "祎袆",
    "沐沭",
    "泠冷",
)
"""Characters that clerks and scanners take for each other by shape, not by sound. Kept by hand and short: a group is
added when review shows the confusion in real records, for each makes some names equal in sound that are not."""

_FORMS = (
    "有限责任公司",
    "股份有限公司",
    "有限公司",
    "股份公司",
    "集团公司",
    "总公司",
    "公司",
    "农民专业合作社联合社",
    "农民专业合作社",
    "专业合作社",
    "股份合作社",
    "合作社",
    "个人独资企业",
    "特殊普通合伙",
    "普通合伙",
    "有限合伙",
    "个体工商户",
)
"""Organisation forms as they end names, after the regulations on names of enterprises; the longer ones first."""
_BRACKETED = r"[(\[{〔【〈《][^()\[\]{}〔〕【】〈〉《》]*[)\]}〕】〉》]"
_KIND = "(?:省|市|地区|(?:壮族|回族|维吾尔)?自治区|特别行政区)$"
_SHORTEST_CORE = 2
"""Characters that must be left: a name that is nothing but region and form stays as it is."""


def person_name(text: pl.Expr) -> pl.Expr:
    """A name without what only writing adds: ``阿依古丽·买买提`` is ``阿依古丽买买提``, ``ｗｕ 偉`` is ``WU伟``.

    Null for a text without a letter or character.
    """
    name = _plain(text)
    return pl.when(name != "").then(name)


def name_sound(name: pl.Expr) -> pl.Expr:
    """The sound of a normalised name: one syllable a character, without tones, blank between; letters stay.

    A polyphonic character has its most frequent reading, a look-alike that of the first of its group
    (:data:`LOOK_ALIKES`), so that equal sound is what one spelling and its common misspellings share.
    """
    return name.str.split("").list.eval(pl.element().replace(_sounds())).list.join(" ")


def entity_name(text: pl.Expr) -> pl.Expr:
    """An organisation's name in comparable writing, all of it: ``中天（无锡）有限公司`` is ``中天无锡有限公司``."""
    return person_name(text)


def entity_core(text: pl.Expr) -> pl.Expr:
    """What tells an organisation from others: its name without region in front, brackets and organisation form.

    ``江苏省无锡市中天机械制造有限公司`` and ``中天机械制造(无锡)有限公司`` are both ``中天机械制造``. Takes the name as
    written, for brackets are gone from a normalised one. Divisions are those of python-stdnum's table, former ones too.
    """
    whole = _plain(text.str.normalize("NFKC").str.replace_all(_BRACKETED, ""))
    core = whole.str.replace(f"(?:{'|'.join(_FORMS)})$", "").str.replace(_region_prefix(with_counties=True), "")
    full = person_name(text)
    return pl.when(core.str.len_chars() >= _SHORTEST_CORE).then(core).otherwise(full)


def address(text: pl.Expr) -> pl.Expr:
    """An address in comparable writing: without blanks and punctuation, and without province and city in front."""
    plain = _plain(text)
    short = plain.str.replace(_region_prefix(with_counties=False), "")
    return pl.when(short != "").then(short).when(plain != "").then(plain)


def _plain(text: pl.Expr) -> pl.Expr:
    folded = text.str.normalize("NFKC").str.to_uppercase().str.replace_all(_NOISE, "")
    return folded.str.replace_many(*traditional_characters())


@cache
def _sounds() -> dict[str, str]:
    """The syllable of every character that pypinyin knows; about 42 000."""
    readings = {chr(code): to_normal(reading.split(",")[0]) for code, reading in PINYIN_DICT.items()}
    alike = {character: readings[group[0]] for group in LOOK_ALIKES for character in group if group[0] in readings}
    return readings | alike


@cache
def _region_prefix(*, with_counties: bool) -> str:
    """A pattern for up to three divisions at the beginning: province, city and, if asked for, county.

    Provinces and cities are recognised without their kind too (无锡 for 无锡市); those of counties are also words.
    """
    wide: set[str] = set()
    counties: set[str] = set()
    for _, _, _, _, listed in numdb.get("cn/loc").prefixes:
        for _, low, _, properties, _ in listed:
            names = {name.rpartition("]")[2] for name in properties["county"].split(",")}
            (wide if int(low) % 100 == 0 else counties).update(names)
    wide |= {stem for name in wide if len(stem := re.sub(_KIND, "", name)) >= _SHORTEST_CORE}
    found = wide | (counties - {"市辖区", "县"} if with_counties else set[str]())
    names = sorted((name for name in found if len(name) >= _SHORTEST_CORE), key=lambda name: (-len(name), name))
    return f"^(?:{'|'.join(map(re.escape, names))}){{1,3}}"
