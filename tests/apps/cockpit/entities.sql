-- The small city's enterprises: one with everything, one renamed away from it, sole traders, and names that mean harm.
create schema city.credit; create schema city.service; create schema people.base;

create table city.base.dim_entity as
select * from (values
    ('key-mill', '91320213MA1AAAAA1X', 'uscc', '无锡市太湖机械（集团）有限公司', false, '有限责任公司', date '2010-05-04', null::date, '存续', true, 4000000.00::decimal(18, 2), 'CNY', '320213001', 'street', true, '梁溪区中山路1号'),
    ('key-works', '320213000000004', 'legacy_registration_number', '太湖机械厂', false, null, date '1999-01-02', date '2026-06-30', '注销', false, null, null, '320213', 'district', false, '崇安寺街道2号'),
    ('key-trader', '92320213MA1BBBBB2X', 'uscc', null, true, '个体工商户', date '2020-01-01', null, '存续', true, null, null, '320213002', 'street', false, null),
    ('key-percent', '91320213MA1CCCCC3X', 'uscc', '百分之百%_贸易有限公司', false, null, null, null, '吊销', false, 1234.50, 'USD', '320214001', 'street', false, null),
    ('key-hostile', '91320213MA1DDDDD4X', 'uscc', '<img src=x onerror=alert(1)>**太湖**[此处](javascript:alert(2))', false, '<script>alert(3)</script>', null, null, '存续', true, null, null, '320214001', 'street', false, '</div><iframe src=//x></iframe>$\pi$')
) as entity (
    entity_key, registration_code, registration_code_type, entity_name, is_sole_trader, entity_type, registered_date,
    cancelled_date, status_code, is_active, registered_capital_amount, registered_capital_currency, region_code,
    region_level, has_district_conflict, domicile
);

-- The mill: renamed and richer, gone from the register for a while, and back.
create table city.base.dim_entity_version as
select
    entity_key, registration_code, entity_name, is_sole_trader, status_code, cancelled_date, registered_capital_amount,
    registered_capital_currency, region_code, region_level, domicile, date '2026-09-01' as valid_from_date,
    null::date as valid_to_date, true as is_current
from city.base.dim_entity
union all by name
select * from (values
    ('key-mill', '320213000000001', '前洲水泵厂', false, '存续', 1000000.00::decimal(18, 2), 'CNY', '320213002', '通江路9号', date '2026-01-01', date '2026-05-01', false),
    ('key-mill', '91320213MA1AAAAA1X', '无锡市太湖机械（集团）有限公司', false, '存续', 4000000.00, 'CNY', '320213001', '梁溪区中山路1号', date '2026-05-01', date '2026-07-01', false),
    -- A company that became a sole trader: its name of then finds it no longer.
    ('key-trader', '91320213MA1FFFFF6X', '个转企面馆有限公司', false, '存续', null, null, '320213', null, date '2026-01-01', date '2026-09-01', false),
    ('key-gone', '91320213MA1EEEEE5X', '早已注销公司', false, '存续', null, null, '320213', null, date '2026-01-01', date '2026-02-01', false)
) as version (
    entity_key, registration_code, entity_name, is_sole_trader, status_code, registered_capital_amount,
    registered_capital_currency, region_code, domicile, valid_from_date, valid_to_date, is_current
);

create table city.base.bridge_entity_registration as
select distinct entity_key, registration_code from city.base.dim_entity_version
union
-- Both records of it came on one day: no version ever showed the older number.
select 'key-percent', '320213000000009';

create table city.base.entity_key_history as
select * from (values
    ('key-older', 'key-old', date '2026-02-01', 'merge', 'key-mill'),
    ('key-old', 'key-mill', date '2026-02-01', 'merge', 'key-mill'),
    -- Who was part of the mill before it lost a part may be in either; who came after is not in that part.
    ('key-first', 'key-mill', date '2026-01-02', 'merge', 'key-mill'),
    ('key-mill', 'key-works', date '2026-01-15', 'split', 'key-works'),
    ('key-parted', 'key-works', date '2026-04-01', 'merge', 'key-works'),
    ('key-parted', 'key-percent', date '2026-04-01', 'merge', 'key-percent')
) as event (old_key, new_key, changed_date, event_type, current_key);

create table city.credit.fct_credit_event as
select * from (values
    ('licence', '许字1号', 'key-mill', '01', null, date '2024-01-01', date '2024-01-01', null::date, null::date, true, null::decimal(18, 2), null::decimal(18, 2), '1', '无锡市行政审批局'),
    ('licence', '许字2号', 'key-mill', '05', null, date '2020-01-01', date '2020-01-01', date '2026-11-20', null, true, null, null, '1', '无锡市行政审批局'),
    ('licence', '许字3号', 'key-mill', '06', null, date '2023-01-01', date '2023-01-01', date '2099-01-01', null, true, null, null, '2', '无锡市行政审批局'),
    ('licence', '许字4号', 'key-mill', '02', null, date '2026-11-01', date '2027-01-01', date '2030-01-01', null, true, null, null, null, '<b>局</b>'),
    ('licence', '许字5号', 'key-mill', '03', null, date '2026-11-01', date '2026-11-01', date '2026-11-21', null, true, null, null, null, '无锡市行政审批局'),
    ('penalty', '罚字1号', 'key-mill', '罚款；警告', '无照经营', date '2026-03-01', date '2026-03-01', null, date '2999-01-01', true, 8170.00, 1395.50, null, '市场监管局'),
    ('penalty', '罚字2号', 'key-mill', '罚款', '超期公示甲', date '2023-03-01', date '2023-03-01', null, date '2026-11-20', false, 777777.00, null, null, '市场监管局'),
    ('penalty', '罚字3号', 'key-mill', '罚款', '超期公示乙', date '2023-03-02', date '2023-03-02', null, date '2026-11-21', true, 555555.00, null, null, '市场监管局'),
    ('penalty', '罚字4号', 'key-unregistered', '其他', '未登记者', date '2026-03-02', date '2026-03-02', null, date '2999-01-01', true, null, null, null, '市场监管局'),
    ('penalty', null, null, '警告', '自然人', date '2026-03-02', date '2026-03-02', null, date '2999-01-01', true, 5.00, null, null, '市场监管局')
) as event (
    event_type, document_no, subject_entity_key, class_code, violation_type, decision_date, valid_from_date,
    valid_to_date, publicity_end_date, is_public, fine_cny, confiscated_cny, status_code, authority_name
);

create table city.service.fct_service_case as
select * from (values
    ('key-mill', date '2026-10-01', timestamptz '2026-10-03 01:00:00Z', true),
    ('key-mill', date '2026-10-02', timestamptz '2026-10-30 01:00:00Z', false),
    ('key-mill', date '2026-11-03', null::timestamptz, false),
    ('key-mill', date '2026-11-04', null, null::boolean),
    (null, date '2026-11-05', null, null)
) as service_case (applicant_entity_key, applied_date, finished_at, is_finished_on_time);

create table city.base.fct_entity_person_count as
select * from (values
    ('key-mill', 'employed_by', 1234::bigint, 5::bigint), ('key-mill', 'legal_representative', 1, 1),
    ('key-works', 'employed_by', null, 5), ('key-trader', 'holds_licence', 1, 1)
) as counted (entity_key, relation, person_count, fewest_told_count);

create table people.base.bridge_person_entity as
select * from (values
    ('person-one', 'key-mill', 'legal_representative', date '2024-01-01', null::date),
    ('person-two', 'key-mill', 'employed_by', date '2020-01-01', date '2021-12-31'),
    ('person-two', 'key-works', 'employed_by', date '2022-01-01', null)
) as tie (person_key, entity_key, relation, valid_from, valid_to);
