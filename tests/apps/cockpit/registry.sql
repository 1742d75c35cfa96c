-- The small city's indicators and targets.
create table city.indicator.dim_indicator as
select *, if(page = 'urban', 'year', 'month') as period_type from (values
    ('G01', '立案数', 'Cases filed', '统计期内立案的案件数，按立案日期计。', 'Cases filed in the period, by the day of filing.', 'count(filed)', 'cases', '件', 'none', 'urban_management', '案件系统通行口径 case-system practice', true, 'governance', 0),
    ('G07', '按期处置率', 'On-time handling', '统计期内应处置的案件中，在期限内处置完毕的比例。', 'Of the cases that fell due in the period, the share handled by the deadline.', 'handled on time / should-handle', '%', '%', 'up', 'urban_management', '案件系统通行口径，公式为推定 case-system practice, formula inferred', true, 'governance', 2),
    ('G08', '结案率', 'Closure rate', '统计期内应结案的案件中，至期末已结案的比例。', 'Of the cases that should have been closed in the period, the share closed by its end.', 'closed / should-close', '%', '%', 'up', 'urban_management', '案件系统通行口径 case-system practice', true, 'governance', 2),
    ('G09', '按期结案率', 'On-time closure', '统计期内应结案的案件中，在期限内结案的比例。', 'Of the cases that should have been closed in the period, the share closed by the deadline.', 'closed on time / should-close', '%', '%', 'up', 'urban_management', '案件系统通行口径 case-system practice', true, 'governance', 2),
    ('G13', '平均处置时长', 'Mean handling time', '派遣至处置完毕的平均工作小时数，挂账时间除外。', 'Mean working hours from dispatch to handling, suspensions out.', 'sum(hours) / handled', 'hours', '小时', 'down', 'urban_management', '案件系统通行口径 case-system practice', true, 'governance', 1),
    ('G14', '超期未处置数', 'Overdue backlog', '期末超过期限仍未处置的案件数。', 'Open cases past their deadline at the end of the period.', 'count(open past deadline)', 'cases', '件', 'down', 'urban_management', '案件系统通行口径 case-system practice', true, 'governance', 0),
    ('D01', '数据汇聚量', 'Rows taken in', '统计期内各部门交付并通过校验的记录数。', 'Rows accepted from the departments'' deliveries.', 'sum(rows accepted)', 'rows', '条', 'up', 'big_data', '口径待确认 (to confirm)', true, 'governance', 0),
    ('E02', '新设市场主体数', 'New entities', '统计期内新登记的市场主体数。', 'Market entities registered in the period.', 'count(registered)', 'entities', '户', 'up', 'market_supervision', '口径待确认 (to confirm)', false, 'economy', 0),
    ('E03', '净增率', 'Net entry', '新设减注销，占期初在营市场主体数的百分比。', 'Registered less cancelled, in percent of those active at the start.', '(new − cancelled) / stock at period start', '%', '%', 'up', 'market_supervision', '口径待确认 (to confirm)', false, 'economy', 2),
    ('E04', '每十万人企业数', 'Businesses per 100,000 residents', '期末在营市场主体数与常住人口数之比，折合每十万人。', 'Active entities for every 100,000 residents.', 'active / residents × 100,000', 'per 100,000', '户/十万人', 'up', 'market_supervision', '与 ISO 37120 第5.6项对应（待确认）', false, 'economy', 1),
    ('E14', '建成区面积（夜光）', 'Built-up area', '由夜光遥感影像按动态阈值提取的建成区面积。', 'Built-up area extracted from night lights.', 'sum(area)', 'km²', '平方公里', 'none', 'natural_resources', '口径待确认 (to confirm)', false, 'urban', 1),
    ('E15', '扩张速度', 'Expansion speed', '建成区面积年均增长。', 'Growth of the built-up area a year.', '(Ab − Aa) / T', 'km²/yr', '平方公里/年', 'none', 'natural_resources', '口径待确认 (to confirm)', false, 'urban', 2)
) as indicator (
    indicator_id, name_zh, name_en, definition_zh, definition_en, formula, unit, unit_zh, direction,
    owner_department_code, standard, has_department, page, decimals
);

create table city.indicator.indicator_target as
select * from (values
    ('G08', '320200', 90.0, 'up', '无锡市城市管理委员会 Wuxi Urban Management Committee', date '2025-12-20', '样例目标（合成） sample target (synthetic)', date '2026-01-01', date '2027-01-01'),
    ('G09', '320200', 85.0, 'up', '无锡市城市管理委员会 Wuxi Urban Management Committee', date '2025-12-20', '样例目标（合成） sample target (synthetic)', date '2026-01-01', null::date)
) as target (indicator_id, region_code, value, direction, set_by, set_on, source, valid_from, valid_to);
