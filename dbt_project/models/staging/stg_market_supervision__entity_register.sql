-- One row per record of market_supervision.entity_register, in the version in force.
-- Grain: registration_code.
-- Nuance: a deleted record stays, marked is_deleted; whoever reads this table leaves it out.
{{ staged(source('market_supervision', 'entity_register')) }}
