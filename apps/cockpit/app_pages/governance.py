"""城市治理 Governance: urban management and service cases, their deadlines, and the data that departments delivered."""

from apps.cockpit import components, view

shown = view.current()

components.controls(shown)
components.indicator_cards(shown)
components.regions_compared(shown)
components.departments_compared(shown)
components.data_received(shown)
components.indicator_detail(shown)
