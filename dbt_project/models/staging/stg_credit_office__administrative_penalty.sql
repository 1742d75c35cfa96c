-- One row per record of credit_office.administrative_penalty, of every delivery in force.
-- Grain: _delivery_id, document_no, authority_uscc.
-- Nuance: a record delivered on two days is here twice; whoever reads this table decides which one counts.
{{ staged(source('credit_office', 'administrative_penalty')) }}
