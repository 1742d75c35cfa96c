"""Why a delivery as a whole can be refused: one constructor a reason, each saying in both languages what to do.

Reasons for single rows are in :mod:`ingestion.reasons`.
"""

from collections.abc import Sequence

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
