-- One row per record of government_service.service_case, of every delivery in force.
-- Grain: _delivery_id, case_no, updated_at.
-- Nuance: a record delivered on two days is here twice; whoever reads this table decides which one counts.
{{ staged(source('government_service', 'service_case')) }}
