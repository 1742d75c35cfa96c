"""Linking within its bounds: no giant cluster, few left over, no sudden change, and as right as reviews can show.

Read from ``vault.identity.linkage_run``, one row a run and kind. Bounds are settings (``link_…``), and what is out of
them stops the release, until somebody mends it or says why it may pass.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from citylake.contracts.labels import Label
from citylake.governance.results import CheckResult, Status, Subject
from citylake.lake.account import whoami
from citylake.lake.errors import NoRelease
from citylake.lake.releases import current_release

_TABLE = "vault.identity.linkage_run"
_KINDS = {"person": Label("自然人", "persons"), "entity": Label("法人", "entities")}
_Z = 1.959964
MIN_KEYS = 100
"""Below this number of persons or entities, shares and changes say nothing."""


@dataclass(frozen=True)
class _Bound:
    """One figure against its bound, and what it means."""

    name: str
    observed: float
    expected: float
    status: Status
    zh: str
    en: str


def check(subject: Subject) -> Iterator[CheckResult]:
    """Every gate of both kinds. A run that linked nothing at all fails: its marts would show the night before."""
    for kind, title in _KINDS.items():
        row = _row(subject, subject.run_id, kind)
        if row is None:
            message = Label(f"本批次未归并{title.zh}", f"this run has linked no {title.en}")
            yield CheckResult(check_id=f"linkage.{kind}.ran", status="failed", observed=0, expected=1, message=message)
            continue
        for bound in (
            _largest_cluster(subject, row),
            *_left_over(subject, row),
            _change(subject, row, kind),
            _measured(row, "precision", subject.settings.link_min_precision, "准确率"),
            _measured(row, "recall", subject.settings.link_min_recall, "召回率"),
            _divergence(subject, row),
            _contradictions(row),
        ):
            yield _result(subject, kind, title, bound)


def _row(subject: Subject, run_id: str, kind: str) -> dict[str, Any] | None:
    if _TABLE not in subject.tables:
        return None
    found = subject.connection.execute(f"select * from {_TABLE} where run_id = ? and kind = ?", [run_id, kind]).pl()
    return found.row(0, named=True) if found.height else None


def _largest_cluster(subject: Subject, row: dict[str, Any]) -> _Bound:
    largest, most = row["largest_cluster"], subject.settings.link_max_cluster
    return _Bound(
        "largest_cluster",
        largest,
        most,
        "failed" if largest > most else "passed",
        f"最大的一簇有 {largest} 种不同描述（共 {row['largest_cluster_records']} 条记录），上限 {most}",
        f"the largest cluster has {largest} different descriptions in {row['largest_cluster_records']} records; "
        f"at most {most}",
    )


def _left_over(subject: Subject, row: dict[str, Any]) -> Iterator[_Bound]:
    """Whoever has no valid identifier and links to nobody, and mentions that name nobody at all."""
    for name, count, of, most, zh, en in (
        (
            "unlinked",
            row["unlinked_mentions"],
            row["loose_mentions"],
            subject.settings.link_max_unlinked,
            "无有效号码的提及中未能归并的",
            "mentions without a valid identifier that link to nobody",
        ),
        (
            "nobody",
            row["nobody_mentions"],
            row["mentions"],
            subject.settings.link_max_nobody,
            "提及中指不出任何人的",
            "mentions that name nobody",
        ),
    ):
        share = count / of if of else 0.0
        is_out = share > most and row["mentions"] >= MIN_KEYS
        yield _Bound(
            name,
            round(share, 4),
            most,
            "failed" if is_out else "passed",
            f"{zh} {count}/{of}（{share:.1%}），上限 {most:.1%}",
            f"{en}: {count} of {of} ({share:.1%}); at most {most:.1%}",
        )


def _change(subject: Subject, row: dict[str, Any], kind: str) -> _Bound:
    """Persons or entities may grow by as many as records came, and shrink by as many as went; and by the bound."""
    most = subject.settings.link_max_change
    try:
        before = _row(subject, current_release(subject.zones).release_id, kind)
    except NoRelease:
        before = None
    if before is None or before["keys"] < MIN_KEYS:
        return _Bound("change", 0, most, "passed", "无可比较的上次发布", "no earlier release to compare with")
    change = row["keys"] - before["keys"]
    records = row["records"] - before["records"]
    unexplained = max(change - max(records, 0), min(records, 0) - change, 0) / before["keys"]
    return _Bound(
        "change",
        round(unexplained, 4),
        most,
        "failed" if unexplained > most else "passed",
        f"数量由 {before['keys']} 变为 {row['keys']}，记录变动 {records:+}；不能由此解释的占 {unexplained:.1%}，"
        f"上限 {most:.1%}",
        f"their number went from {before['keys']} to {row['keys']} while records changed by {records:+}; what that "
        f"does not explain is {unexplained:.1%}; at most {most:.1%}",
    )


def needed(least: float) -> int:
    """Pairs of which a flawless sample shows, at 95 %, that a share of at least ``least`` holds (Wilson's interval)."""
    return math.ceil(_Z**2 * least / (1 - least))


def _measured(row: dict[str, Any], name: str, least: float, zh: str) -> _Bound:
    """Failed where the whole interval lies below the bound, warned where the estimate does; silent while n is small."""
    share, low, high, n = (row[f"{name}_{part}"] for part in ("estimate", "low", "high", "n"))
    enough = needed(least)
    if share is None or n < enough:
        return _Bound(
            name,
            round(share or 0.0, 4),
            least,
            "passed",
            f"{zh}未判定：已复核样本相当于 {n:.0f} 对，至少需 {enough} 对才能说明是否达到 {least:.1%}",
            f"{name} is not judged: the reviewed sample is worth {n:.0f} pairs, and it takes {enough} to tell whether "
            f"it reaches {least:.1%} (citylake review --sample)",
        )
    status: Status = "failed" if high < least else "warned" if share < least else "passed"
    said = f"{share:.2%} [{low:.2%}, {high:.2%}], n = {n:.0f}"
    return _Bound(
        name,
        round(share, 4),
        least,
        status,
        f"已复核样本的{zh} {said}，下限 {least:.1%}",
        f"{name} on the reviewed sample {said}; at least {least:.1%}",
    )


def _divergence(subject: Subject, row: dict[str, Any]) -> _Bound:
    most, count = subject.settings.link_max_divergence, row["diverging_mentions"] or 0
    share = count / row["mentions"] if row["mentions"] else 0.0
    status: Status = "failed" if share > most else "warned" if count else "passed"
    if row["diverging_mentions"] is None:
        return _Bound("divergence", 0, most, "passed", "本批次未作全量重连", "no full relink in this run")
    return _Bound(
        "divergence",
        round(share, 6),
        most,
        status,
        f"全量重连后归属不同的提及 {count} 个（{share:.3%}），应为 0，上限 {most:.2%}",
        f"a full relink places {count} mentions otherwise ({share:.3%}); 0 expected, at most {most:.2%}",
    )


def _contradictions(row: dict[str, Any]) -> _Bound:
    count = row["contradictory_decisions"]
    return _Bound(
        "decisions",
        count,
        0,
        "warned" if count else "passed",
        f"相互矛盾的复核决定 {count} 项",
        f"{count} decisions of reviewers contradict others and were set aside: citylake review",
    )


def _result(subject: Subject, kind: str, title: Label, bound: _Bound) -> CheckResult:
    """The check, with who let it pass and why: this is the record, published with the release's checks."""
    zh, en, status = f"{title.zh}：{bound.zh}", f"{title.en}: {bound.en}", bound.status
    if status == "failed":
        accepted = subject.settings.accept_linkage
        if accepted is not None:
            status = "warned"
            zh, en = f"{zh}；由 {whoami()} 确认：{accepted}", f"{en}; accepted by {whoami()}: {accepted}"
        else:
            option = 'citylake refresh --accept-linkage "…"'
            zh, en = (
                f"{zh}；如属实请说明原因后放行：{option}",
                f"{en}; if it is right, let it pass and say why: {option}",
            )
    return CheckResult(
        check_id=f"linkage.{kind}.{bound.name}",
        status=status,
        observed=bound.observed,
        expected=bound.expected,
        message=Label(zh, en),
    )
