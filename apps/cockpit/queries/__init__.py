"""What the cockpit reads: one function a question, each a polars frame from one pinned release.

Every cached answer carries the release and the reader's role in its key, because Streamlit's caches are shared by all
users. No text for readers, no layout. Only the released city is read; persons are attached for no leader, and for an
analyst only where the account that runs the cockpit may read them.
"""

from apps.cockpit.queries.choices import departments, months, regions
from apps.cockpit.queries.dealings import (
    DECISIONS_SHOWN,
    TIES_SHOWN,
    licences,
    penalties,
    person_counts,
    person_ties,
    service_cases,
)
from apps.cockpit.queries.deliveries import (
    changed_columns,
    datasets,
    delivered,
    delivered_by_month,
    deliveries,
    delivering_departments,
    refusals,
    refused,
    window_start,
    worst_rules,
)
from apps.cockpit.queries.entities import FOUND_SHOWN, entity, entity_history, extracts, followed, found
from apps.cockpit.queries.indicators import by_department, by_region, cards, targets, trends, vintages
from apps.cockpit.queries.release import Source
from apps.cockpit.queries.urban import (
    city_periods,
    city_years,
    expansion_types,
    growth_rings,
    measured_years,
    rank_sizes,
    ranked_cities,
    ring_periods,
    satellites,
    studied_cities,
    urban_indicators,
)

__all__ = [
    "DECISIONS_SHOWN",
    "FOUND_SHOWN",
    "TIES_SHOWN",
    "Source",
    "by_department",
    "by_region",
    "cards",
    "changed_columns",
    "city_periods",
    "city_years",
    "datasets",
    "delivered",
    "delivered_by_month",
    "deliveries",
    "delivering_departments",
    "departments",
    "entity",
    "entity_history",
    "expansion_types",
    "extracts",
    "followed",
    "found",
    "growth_rings",
    "licences",
    "measured_years",
    "months",
    "penalties",
    "person_counts",
    "person_ties",
    "rank_sizes",
    "ranked_cities",
    "refusals",
    "refused",
    "regions",
    "ring_periods",
    "satellites",
    "service_cases",
    "studied_cities",
    "targets",
    "trends",
    "urban_indicators",
    "vintages",
    "window_start",
    "worst_rules",
]
