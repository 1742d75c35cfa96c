-- One row per record of urban_management.urban_case, in the version in force.
-- Grain: case_code.
-- Nuance: a deleted record stays, marked is_deleted; whoever reads this table leaves it out.
{{ staged(source('urban_management', 'urban_case')) }}
