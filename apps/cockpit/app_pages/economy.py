"""产业经济 Economy: market entities, their entry and exit, and their number for every resident."""

from apps.cockpit import components, view

shown = view.current()

components.controls(shown)
components.indicator_cards(shown)
components.regions_compared(shown)
components.departments_compared(shown)
components.data_received(shown)
components.indicator_detail(shown)
