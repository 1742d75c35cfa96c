-- One row per record of market_supervision.entity_register and version of what is followed over time.
-- Grain: registration_code, version_from_date.
-- Nuance: names and domiciles of sole traders are here too: restricted.
{{ versions(source('market_supervision', 'entity_register'), [
    'entity_name', 'entity_type', 'domicile', 'status_code', 'registered_date', 'cancelled_date', 'registered_capital'
]) }}
