-- One row per record of public_security.person_register and version of what is followed over time.
-- Grain: register_no, version_from_date.
-- Nuance: an update counts as a version even if nothing else that is followed changed: of two records of a person the
-- one updated last is believed.
{{ versions(source('public_security', 'person_register'), [
    'citizen_id', 'residence_region_code', 'status_code', 'registered_date', 'cancelled_date', 'updated_at'
]) }}
