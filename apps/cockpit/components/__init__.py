"""The parts that pages are made of. A page calls them in the order in which they are read; nothing else lives here."""

from apps.cockpit.components.cards import data_received, indicator_cards
from apps.cockpit.components.controls import controls, delivery_controls
from apps.cockpit.components.detail import indicator_detail
from apps.cockpit.components.entity_dealings import (
    entity_licences,
    entity_penalties,
    entity_people,
    entity_services,
    entity_summary,
)
from apps.cockpit.components.entity_register import entity_history, entity_register
from apps.cockpit.components.entity_search import entity_search
from apps.cockpit.components.header import header
from apps.cockpit.components.scorecard import (
    changed_columns,
    datasets_compared,
    delivery_months,
    delivery_summary,
    refused_deliveries,
    worst_rules,
)
from apps.cockpit.components.tables import departments_compared, regions_compared
from apps.cockpit.components.urban_growth import area_trends, cities_compared, coupling, expansion_types
from apps.cockpit.components.urban_map import growth_maps, urban_controls, urban_indicators
from apps.cockpit.components.urban_method import light_path, quality, rank_size, urban_method

__all__ = [
    "area_trends",
    "changed_columns",
    "cities_compared",
    "controls",
    "coupling",
    "data_received",
    "datasets_compared",
    "delivery_controls",
    "delivery_months",
    "delivery_summary",
    "departments_compared",
    "entity_history",
    "entity_licences",
    "entity_penalties",
    "entity_people",
    "entity_register",
    "entity_search",
    "entity_services",
    "entity_summary",
    "expansion_types",
    "growth_maps",
    "header",
    "indicator_cards",
    "indicator_detail",
    "light_path",
    "quality",
    "rank_size",
    "refused_deliveries",
    "regions_compared",
    "urban_controls",
    "urban_indicators",
    "urban_method",
    "worst_rules",
]
