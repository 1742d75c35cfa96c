"""产业经济 Economy: market entities, how quickly one starts, licences, and whom employers insure."""

from apps.cockpit import components, view

shown = view.current()

components.controls(shown)
components.indicator_cards(shown)
components.regions_compared(shown)
components.departments_compared(shown)
components.data_received(shown)
components.indicator_detail(shown)
