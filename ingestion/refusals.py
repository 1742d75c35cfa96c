"""Why a delivery as a whole can be refused: one constructor a reason, each saying in both languages what to do.

Reasons for single rows are in :mod:`ingestion.reasons`.
"""

from collections.abc import Sequence

from citylake.contracts.labels import Label
from citylake.lake.deliveries import Refusal
from citylake.lake.errors import ContractViolation


class RefusedFile(ContractViolation):
    """A file that cannot be accepted, with its bilingual refusal."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(f"{refusal.zh} {refusal.en}")
        self.refusal = refusal


def empty() -> RefusedFile:
    """The file holds nothing."""
    return _refused(
        "file.empty", "文件为空，请重新导出后再报送。", "The file is empty. Export it again and deliver it anew."
    )


def unreadable(zh: str, en: str) -> RefusedFile:
    """The file is not what its name says: cut off, a pointer, a spreadsheet."""
    return _refused("file.unreadable", zh, en)


def wrong_encoding(declared: str, zh: str, en: str) -> RefusedFile:
    """The text is not in the declared encoding."""
    return _refused(
        "file.encoding",
        f"{zh}约定的编码是 {declared}，请按约定编码重新导出。",
        f"{en} The contract says {declared}: export it again in that encoding.",
    )


def wrong_format(expected: Label, seen: Label) -> RefusedFile:
    """The file is of another format than the contract declares."""
    return unreadable(
        f"约定的格式是{expected.zh}，实际是{seen.zh}。请按约定的格式重新导出。",
        f"The contract says {expected.en}; this is {seen.en}. Export it again in the agreed format.",
    )


def wrong_dialect(expected: Label, seen: Label) -> RefusedFile:
    """The data are there, but written otherwise than the contract declares: delimiter, headings' place, sheet, type."""
    return _refused(
        "file.dialect",
        f"约定：{expected.zh}；实际：{seen.zh}。请按约定重新导出，或请数据管理方修改约定。",
        f"Agreed: {expected.en}; seen: {seen.en}. Export it again as agreed, or have the steward change the contract.",
    )


def unusable_raster(why: Label) -> RefusedFile:
    """The raster cannot be measured: another sensor, no CRS, values that are none."""
    return _refused("file.raster", why.zh, f"{why.en} Earlier data stays in force.")


def protected() -> RefusedFile:
    """The file opens with a password only."""
    return _refused(
        "file.protected",
        "工作簿设有打开密码，无法读取。请取消密码后重新报送。",
        "The workbook is protected by a password and cannot be read. Take the password off and deliver it again.",
    )


def wrong_structure(zh: str, en: str) -> RefusedFile:
    """The text does not have the structure that the contract declares."""
    return _refused("file.structure", zh, en)


def missing_columns(headings: Sequence[str], found: int) -> RefusedFile:
    """Required headings are not in the header."""
    names = "、".join(headings)
    return _refused(
        "file.missing_column",
        f"表头（共{found}列）缺少必需的列：{names}。请检查列名和分隔符。",
        f"The header ({found} columns) lacks what the contract requires: {names}. Check headings and delimiter.",
    )


def second_table(line: int) -> RefusedFile:
    """Headings stand among the rows."""
    return wrong_structure(
        f"第{line}行又是表头，文件像是由几张表拼接而成。请把每张表分别报送，或只保留一个表头。",
        f"Line {line} holds the headings once more: the file seems to be several tables pasted together. "
        "Deliver each on its own, or keep one header.",
    )


def over_tolerance(quarantined: int, read: int, tolerance: float) -> RefusedFile:
    """Too many rows broke a rule."""
    share = f"{quarantined / read:.2%}"
    return _refused(
        "file.tolerance",
        f"{read}行中有{quarantined}行（{share}）不符合约定，超过允许的{tolerance:.2%}；整批退回，原有数据继续有效。",
        f"{quarantined} of {read} rows ({share}) break the contract, more than the {tolerance:.2%} allowed; "
        "the delivery is refused whole and earlier data stays in force.",
    )


def _refused(rule: str, zh: str, en: str) -> RefusedFile:
    return RefusedFile(Refusal(rule=rule, zh=zh, en=en))
