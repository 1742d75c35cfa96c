-- One row per record of public_security.person_register, in the version in force.
-- Grain: register_no.
-- Nuance: a deleted record stays, marked is_deleted; whoever reads this table leaves it out.
{{ staged(source('public_security', 'person_register')) }}
