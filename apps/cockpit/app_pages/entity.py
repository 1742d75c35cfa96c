"""法人全景 Entity 360: one enterprise, what the register, authorities and its people's insurance say of it."""

from apps.cockpit import components, view

shown = view.current()

key = components.entity_search(shown)
if key is not None:
    components.entity_register(shown, key)
    components.entity_summary(shown, key)
    components.entity_history(shown, key)
    components.entity_licences(shown, key)
    components.entity_penalties(shown, key)
    components.entity_services(shown, key)
    components.entity_people(shown, key)
