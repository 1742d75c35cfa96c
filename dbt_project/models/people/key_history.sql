-- One row per change of a person key: who was merged into whom, or split off.
-- Grain: old_key, new_key, changed_date.
-- Nuance: reasons and record keys stay in the vault.
select distinct
    old_key,
    new_key,
    changed_date,
    event_type
from {{ source('identity', 'key_event') }}
