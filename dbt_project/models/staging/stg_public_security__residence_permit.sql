-- One row per record of public_security.residence_permit, in the version in force.
-- Grain: permit_no.
-- Nuance: a deleted record stays, marked is_deleted; whoever reads this table leaves it out.
{{ staged(source('public_security', 'residence_permit')) }}
