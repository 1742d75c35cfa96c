-- What the small city's departments promised and delivered: one dataset on time, one late, one refused, one that never came,
-- one at no fixed time.
create table city.exchange.dim_dataset as
select *, '1.0.0' as contract_version, 'upsert' as delivery_mode, 2.0::double as quarantine_tolerance_pct
from (values
    ('urban_management.urban_case', 'urban_management', '城市管理案件', 'Urban management case', 1, 36.0::double),
    ('market_supervision.entity_register', 'market_supervision', '市场主体登记', 'Register of market entities', 7, 48.0),
    ('public_security.person_register', 'public_security', '人口登记', 'Person register', 1, 36.0),
    ('transport.bus_trip', 'transport', '公交班次', 'Bus trips', 1, 36.0),
    ('natural_resources.night_light_composite', 'natural_resources', '夜光合成影像', 'Night light composites', null, 8760.0)
) as dataset (dataset, department_code, dataset_name_zh, dataset_name_en, frequency_days, latency_hours);

create table city.exchange.fct_delivery as
select *, timezone('Asia/Shanghai', received_at)::date as received_date from (values
    ('urban_management.urban_case/2026-11-21/aa', 'urban_management.urban_case', 'urban_management', date '2026-11-21', 0, timestamptz '2026-11-21 15:00:00Z', 'in_force', 12030, 12000, 30, '备注', null, null, null, null),
    ('urban_management.urban_case/2026-11-20/ab', 'urban_management.urban_case', 'urban_management', date '2026-11-20', 0, timestamptz '2026-11-20 15:00:00Z', 'superseded', 900, 890, 10, null, null, null, null, null),
    ('urban_management.urban_case/2026-10-31/ac', 'urban_management.urban_case', 'urban_management', date '2026-10-31', 0, timestamptz '2026-11-01 15:00:00Z', 'withdrawn', 5000, 1, 4999, null, null, null, null, null),
    ('market_supervision.entity_register/2026-11-21/ba', 'market_supervision.entity_register', 'market_supervision', date '2026-11-21', 0, timestamptz '2026-11-23 15:00:00Z', 'in_force', 4000, 3990, 10, null, '注册资本', null, null, null),
    ('market_supervision.entity_register/2026-10-31/bb', 'market_supervision.entity_register', 'market_supervision', date '2026-10-31', 0, timestamptz '2026-10-31 15:00:00Z', 'outdated', 1000, 900, 100, '旧列', null, null, null, null),
    ('market_supervision.entity_register/2025-11-30/bc', 'market_supervision.entity_register', 'market_supervision', date '2025-11-30', 0, timestamptz '2025-11-30 15:00:00Z', 'outdated', 9999, 1, 9998, null, null, null, null, null),
    ('natural_resources.night_light_composite/2012-12-31/da', 'natural_resources.night_light_composite', 'natural_resources', date '2012-12-31', 0, timestamptz '2024-05-06 15:00:00Z', 'in_force', 1, 1, 0, null, null, null, null, null),
    ('natural_resources.night_light_composite/1999-12-31/db', 'natural_resources.night_light_composite', 'natural_resources', date '1999-12-31', 0, timestamptz '2026-11-02 15:00:00Z', 'refused', 0, 0, 0, null, null, 'file.unusable_raster', '卫星 F18 在 1999 年没有观测。', 'F18 did not fly in 1999.'),
    ('natural_resources.night_light_composite/2013-12-31/dc', 'natural_resources.night_light_composite', 'natural_resources', date '2013-12-31', 0, timestamptz '2026-11-03 15:00:00Z', 'in_force', 1, 1, 0, null, null, null, null, null),
    ('public_security.person_register/2026-11-21/ca', 'public_security.person_register', 'public_security', date '2026-11-21', 0, timestamptz '2026-11-21 15:00:00Z', 'refused', 0, 0, 0, null, null, 'file.missing_column', '缺少列“公民身份号码”，本次数据未采用。', 'Column 公民身份号码 is missing; the delivery is refused.')
) as delivery (
    delivery_id, dataset, department_code, extract_date, revision, received_at, status, rows_read, rows_accepted,
    rows_quarantined, new_headings, missing_headings, refusal_rule, refusal_zh, refusal_en
);

create table city.exchange.fct_delivery_due as
select *, date_trunc('month', extract_date)::date as month_date from (values
    ('urban_management.urban_case', 'urban_management', date '2026-11-20', timestamptz '2026-11-20 15:00:00Z', 'on_time'),
    ('urban_management.urban_case', 'urban_management', date '2026-11-21', timestamptz '2026-11-21 15:00:00Z', 'on_time'),
    ('market_supervision.entity_register', 'market_supervision', date '2026-10-31', timestamptz '2026-10-31 15:00:00Z', 'on_time'),
    ('market_supervision.entity_register', 'market_supervision', date '2026-11-07', null, 'missing'),
    ('market_supervision.entity_register', 'market_supervision', date '2026-11-14', null, 'missing'),
    ('market_supervision.entity_register', 'market_supervision', date '2026-11-21', timestamptz '2026-11-23 15:00:00Z', 'late'),
    ('public_security.person_register', 'public_security', date '2026-11-21', null, 'open')
) as due (dataset, department_code, extract_date, received_at, timeliness);

create table city.exchange.fct_delivery_rule as
select * from (values
    ('urban_management.urban_case/2026-11-21/aa', 'urban_management.urban_case', date '2026-11-21', 'category_code.enum', 'error', 25, '案件类别', '「案件类别」不在约定的取值范围内', 'Category is not one of the agreed values', '以下之一：event、component', 'one of: event, component'),
    ('urban_management.urban_case/2026-11-20/ab', 'urban_management.urban_case', date '2026-11-20', 'category_code.enum', 'error', 10, '案件类别', '「案件类别」不在约定的取值范围内', 'Category is not one of the agreed values', '以下之一：event、component', 'one of: event, component'),
    ('urban_management.urban_case/2026-11-21/aa', 'urban_management.urban_case', date '2026-11-21', 'row.json', 'error', 5, null, '不是一个完整的 JSON 对象', 'is not one well-formed JSON object', '每行一个 JSON 对象', 'one JSON object a line'),
    ('urban_management.urban_case/2026-10-31/ac', 'urban_management.urban_case', date '2026-10-31', 'case_code.required', 'error', 4999, '案件编号', '必填', 'required', '有值', 'a value'),
    ('market_supervision.entity_register/2026-11-21/ba', 'market_supervision.entity_register', date '2026-11-21', 'gone.pattern', 'warning', 7, null, null, null, null, null)
) as rule (
    delivery_id, dataset, extract_date, rule, severity, row_count, column_headings, reason_zh, reason_en, asks_zh,
    asks_en
);
