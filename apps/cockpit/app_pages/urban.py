"""城市扩张 Urban expansion: how far and in which way cities grew, seen by night from above, and how far to trust it."""

from apps.cockpit import components, view

shown = view.current()

studied = components.urban_controls(shown)
if studied is not None:
    components.urban_indicators(shown, studied)
    components.growth_maps(shown, studied)
    components.area_trends(shown, studied)
    components.expansion_types(shown, studied)
    components.coupling(shown, studied)
    components.cities_compared(shown, studied)
    components.rank_size(shown, studied)
    components.light_path(shown, studied)
    components.quality(shown, studied)
    components.urban_method(shown, studied)
