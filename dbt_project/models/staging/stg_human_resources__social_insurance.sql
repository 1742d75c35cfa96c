-- One row per record of human_resources.social_insurance, in the newest extract.
-- Grain: insurance_no, employer_code.
-- Nuance: who is in no newer extract is gone; nothing is marked is_deleted.
{{ staged(source('human_resources', 'social_insurance')) }}
