-- One row per record of natural_resources.night_light_composite, in the version in force.
-- Grain: series, year.
-- Nuance: a deleted record stays, marked is_deleted; whoever reads this table leaves it out.
{{ staged(source('natural_resources', 'night_light_composite')) }}
