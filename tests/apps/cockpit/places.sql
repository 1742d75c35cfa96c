-- The small city's places and departments.
create schema city.base; create schema city.indicator; create schema city.exchange;

create table city.base.dim_region as
select * from (values
    ('320200',    '无锡市',     'Wuxi City',            'city',     null,       '320200', null,       null,        false, null::date, null::date),
    ('320202',    '崇安区',     'Chong''an District',   'district', '320200',   '320200', '320202',   '320202-U',  false, null, date '2015-10-13'),
    ('320213',    '梁溪区',     'Liangxi District',     'district', '320200',   '320200', '320213',   '320213-U',  false, date '2015-10-13', null),
    ('320214',    '新吴区',     'Xinwu District',       'district', '320200',   '320200', '320214',   '320214-U',  false, date '2015-10-13', null),
    ('320200-U',  '未分配',     'Unallocated',          'district', '320200',   '320200', '320200-U', '320200-U-U', true, null, null),
    ('320213001', '崇安寺街道', 'Chong''ansi Subdistrict', 'street', '320213',  '320200', '320213',   '320213001', false, null, null),
    ('320213002', '通江街道',   'Tongjiang Subdistrict', 'street',  '320213',   '320200', '320213',   '320213002', false, null, null),
    ('320213-U',  '未分配',     'Unallocated',          'street',   '320213',   '320200', '320213',   '320213-U',  true, null, null),
    ('320214001', '旺庄街道',   'Wangzhuang Subdistrict', 'street', '320214',   '320200', '320214',   '320214001', false, null, null),
    ('320214002', '鸿山街道',   'Hongshan Subdistrict', 'street',   '320214',   '320200', '320214',   '320214002', false, null, null),
    ('320200-U-U', '未分配',    'Unallocated',          'street',   '320200-U', '320200', '320200-U', '320200-U-U', true, null, null)
) as region (
    region_code, region_name_zh, region_name_en, region_level, parent_code, city_code, district_code, street_code,
    is_unallocated, valid_from, valid_to
);

create table city.base.dim_department as
select * from (values
    ('urban_management', '城市管理局', 'Urban Management Bureau'),
    ('market_supervision', '市场监督管理局', 'Market Supervision Administration'),
    ('public_security', '公安局', 'Public Security Bureau'),
    ('transport', '交通运输局', 'Transport Bureau'),
    ('big_data', '大数据管理局', 'Big Data Bureau')
) as department (department_code, department_name_zh, department_name_en);
