"""The parts that pages are made of. A page calls them in the order in which they are read; nothing else lives here."""

from apps.cockpit.components.cards import data_received, indicator_cards
from apps.cockpit.components.controls import controls
from apps.cockpit.components.detail import indicator_detail
from apps.cockpit.components.header import header
from apps.cockpit.components.tables import departments_compared, regions_compared

__all__ = [
    "controls",
    "data_received",
    "departments_compared",
    "header",
    "indicator_cards",
    "indicator_detail",
    "regions_compared",
]
