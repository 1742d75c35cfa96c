"""Who hears of new columns: a notice for each, once, to whoever the settings name.

What was told of lies in ``ledger/new_columns.json``, so that neither a night that is killed nor a webhook that is down
loses a notice, and no night repeats one.
"""

import json
import re
from collections.abc import Iterable

from citylake.contracts.model import Contract
from citylake.lake.deliveries import Manifest
from citylake.lake.errors import CitylakeError
from citylake.lake.files import write_atomically
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones
from orchestration.failures import Notice, notify

_TOLD = "new_columns.json"
_MOST_NAMED = 10
_LONGEST_NAME = 30
_NUMBER = re.compile(r"\d{4}")


class NewColumns(CitylakeError):
    """A department delivers columns that its contract does not know. Nothing failed; somebody should decide."""

    @classmethod
    def of(cls, contract: Contract, columns: list[str]) -> "NewColumns":
        named = "、".join(map(_shown, columns[:_MOST_NAMED])) + (" …" if len(columns) > _MOST_NAMED else "")
        zh, en = {
            "freeze": ("其内容仅存于原始文件", "what stands in them is left in landing"),
            "evolve": ("其内容已另存", "what stands in them is kept as text"),
        }[contract.drift]
        return cls(
            f"{contract.title} ({contract.dataset}): {contract.owner} 交付了约定中没有的列：{named}；{zh}。 "
            f"The extract has columns that the contract does not know: {named}; {en}. If they are meant, give them a "
            f"place in the contract, then: citylake replay {contract.dataset}"
        )


def unknown_columns(delivery: Manifest, contract: Contract) -> list[str]:
    """The new columns of a delivery that the contract has not got to know since."""
    known = {column.heading for column in contract.columns}
    return [heading for heading in delivery.new_columns if heading not in known]


def tell_of_new_columns(settings: Settings, run_id: str, contract: Contract, known: Iterable[Manifest]) -> list[str]:
    """Send a notice of the dataset's new columns that nobody was told of; returns what could not be sent."""
    if settings.notify_webhook is None and settings.notify_mail_to is None:
        return []
    path = Zones.of(settings).ledger / _TOLD
    told: dict[str, list[str]] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    now = sorted({heading for delivery in known for heading in unknown_columns(delivery, contract)})
    untold = [heading for heading in now if heading not in told.get(contract.dataset, [])]
    if untold:
        problems = notify(settings, Notice.of(run_id, NewColumns.of(contract, untold), "new_columns"))
        if problems:
            return problems
    if now != told.get(contract.dataset, []):
        write_atomically(path, json.dumps({**told, contract.dataset: now}, ensure_ascii=False, indent=1))
    return []


def _shown(heading: str) -> str:
    """A heading for a notice. What has a number of four digits, or is long, may be a value where headings should be."""
    return "…" if len(heading) > _LONGEST_NAME or _NUMBER.search(heading) else heading
