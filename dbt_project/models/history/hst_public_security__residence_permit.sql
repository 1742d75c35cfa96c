-- One row per record of public_security.residence_permit and version of what is followed over time.
-- Grain: permit_no, version_from_date.
-- Nuance: valid_to_date is the permit's own; an update counts as a version even if nothing else that is followed
-- changed: of two permits of a person the one updated last is believed.
{{ versions(source('public_security', 'residence_permit'), [
    'citizen_id', 'residence_region_code', 'status_code', 'issued_date', 'valid_to_date', 'updated_at'
]) }}
