"""What the cockpit reads: one function a question, each a polars frame from one pinned release.

Every cached answer carries the release and the reader's role in its key, because Streamlit's caches are shared by all
users. No text for readers, no layout. Only the released city is read; persons are not attached at all.
"""

from apps.cockpit.queries.choices import departments, months, regions
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
from apps.cockpit.queries.indicators import by_department, by_region, cards, targets, trends, vintages
from apps.cockpit.queries.release import Role, Source

__all__ = [
    "Role",
    "Source",
    "by_department",
    "by_region",
    "cards",
    "changed_columns",
    "datasets",
    "delivered",
    "delivered_by_month",
    "deliveries",
    "delivering_departments",
    "departments",
    "months",
    "refusals",
    "refused",
    "regions",
    "targets",
    "trends",
    "vintages",
    "window_start",
    "worst_rules",
]
