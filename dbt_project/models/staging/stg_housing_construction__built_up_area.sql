-- One row per record of housing_construction.built_up_area, in the newest extract.
-- Grain: region_code, year, scope, publisher.
-- Nuance: who is in no newer extract is gone; nothing is marked is_deleted.
{{ staged(source('housing_construction', 'built_up_area')) }}
