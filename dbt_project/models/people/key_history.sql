-- One row per change of a person's or an entity's key: who was merged into whom, or split off, and who it is today.
-- Grain: kind, old_key, new_key, changed_date, current_key.
-- Nuance: after a split the old key stays with the larger part and leads to both. Reasons and record keys stay in the
-- vault.
{{ key_history(none) }}
