-- One row per change of an entity's key: which was merged into which, or split off, and which it is today.
-- Grain: old_key, new_key, changed_date, current_key.
-- Nuance: the part of key_history that may be read with entities alone.
select
    old_key,
    new_key,
    changed_date,
    event_type,
    current_key
from ({{ key_history('entity') }}) as entity_history
