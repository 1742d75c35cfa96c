"""数据交付 Deliveries: what departments promised and brought, whether in time, and what was wrong with it."""

from apps.cockpit import components, view

shown = view.current()

components.delivery_controls(shown)
components.delivery_summary(shown)
components.datasets_compared(shown)
components.delivery_months(shown)
components.worst_rules(shown)
components.refused_deliveries(shown)
components.changed_columns(shown)
