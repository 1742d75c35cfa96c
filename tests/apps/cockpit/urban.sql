-- A study of two cities in three years: Wuxi grows outward by squares of 0.1 degrees, Xuchang does not grow at all.
-- Of 1999 no area is published, and of Xuchang's corrected series none is drawn before 2007. 2007 loses 2 km² that 2012 has again, in the raw series. Areas are made up: they are not those of the squares.
create schema if not exists city.urban;

create table city.urban.dim_urban_city as
select *, 'municipal_districts' as scope, 'synthetic' as data_origin from (values
    ('320200', '无锡市', 'Wuxi', 1600.0::double, true, '{"type":"MultiPolygon","coordinates":[[[[120.0,31.3],[120.0,31.8],[120.6,31.8],[120.6,31.3],[120.0,31.3]]]]}'),
    ('411000', '许昌市', 'Xuchang', 1000.0, false, '{"type":"Polygon","coordinates":[[[113.6,33.8],[113.6,34.2],[114.0,34.2],[114.0,33.8],[113.6,33.8]]]}')
) as city (city_code, city_name_zh, city_name_en, land_area_km2, is_own_city, outline_geojson);

create table city.urban.fct_urban_growth_ring as
select *, 'synthetic' as data_origin from (values
    ('320200', '无锡市', 'raw', 2002, 2012, 98.0::double, '{"type":"MultiPolygon","coordinates":[[[[120.2,31.5],[120.2,31.6],[120.3,31.6],[120.3,31.5],[120.2,31.5]]]]}'),
    ('320200', '无锡市', 'raw', 2002, 2002, 2.0, '{"type":"Polygon","coordinates":[[[120.1,31.5],[120.1,31.6],[120.2,31.6],[120.2,31.5],[120.1,31.5]]]}'),
    ('320200', '无锡市', 'raw', 2007, 2012, 50.0, '{"type":"Polygon","coordinates":[[[120.3,31.5],[120.3,31.6],[120.4,31.6],[120.4,31.5],[120.3,31.5]]]}'),
    ('320200', '无锡市', 'raw', 2012, 2012, 52.0, '{"type":"Polygon","coordinates":[[[120.4,31.5],[120.4,31.6],[120.5,31.6],[120.5,31.5],[120.4,31.5]]]}'),
    ('320200', '无锡市', 'corrected', 2002, 2012, 100.0, '{"type":"Polygon","coordinates":[[[120.2,31.5],[120.2,31.6],[120.3,31.6],[120.3,31.5],[120.2,31.5]]]}'),
    ('411000', '许昌市', 'raw', 2002, 2012, 50.0, '{"type":"Polygon","coordinates":[[[113.7,33.9],[113.7,34.0],[113.8,34.0],[113.8,33.9],[113.7,33.9]]]}'),
    ('411000', '许昌市', 'corrected', 2007, 2012, 50.0, '{"type":"Polygon","coordinates":[[[113.7,33.9],[113.7,34.0],[113.8,34.0],[113.8,33.9],[113.7,33.9]]]}')
) as ring (city_code, city_name_zh, series, first_year, last_year, area_km2, ring_geojson);

create table city.urban.fct_urban_city_year as
select
    city_code, city_name_zh, year, series, 'synthetic' as data_origin, 'municipal_districts' as scope,
    1600.0::double as land_area_km2, 'F15+F16' as satellites, 'elvidge_2014' as calibration_table,
    if(year = 2012, null, 1.5)::double as satellite_difference,
    built_up_km2 + 1 as published_km2,
    if(built_up_km2 is null, null, '合成真值 synthetic truth') as published_by, 'municipal_districts' as published_scope, if(built_up_km2 is null, null, 30.0)::double as threshold,
    built_up_km2, -1.0::double as residual_pct, built_up_km2 + 5 as one_step_lower_km2,
    built_up_km2 - 5 as one_step_higher_km2, false as is_out_of_reach, 3 * coalesce(built_up_km2, 40) as lit_km2,
    40 * coalesce(built_up_km2, 40) as total_light, 13.3::double as mean_light, 0.05::double as compound_light_index,
    0.33::double as built_up_share_of_lit, 120.3::double as light_longitude, 31.55::double as light_latitude,
    (year - 2002) * 200.0::double as light_x_m, (year - 2002) * -100.0::double as light_y_m,
    9.5::double as ellipse_major_km, 7.25::double as ellipse_minor_km, 45.0::double as ellipse_azimuth_deg,
    0.5::double as centre_distance_km, 0.8::double as ellipse_overlap, 60.0::double as perimeter_km,
    0.456::double as compactness, 1.07::double as fractal_dimension, 2000 as cell_count, 0 as missing_cell_count,
    if(series = 'raw', 0, 3) as zeroed_cell_count, if(series = 'raw', 0, 21) as raised_cell_count
from (values
    ('320200', '无锡市', 1999, null::double), ('320200', '无锡市', 2002, 100.0), ('320200', '无锡市', 2007, 148.0),
    ('320200', '无锡市', 2012, 200.0), ('411000', '许昌市', 1999, null), ('411000', '许昌市', 2002, 50.0), ('411000', '许昌市', 2007, 50.0), ('411000', '许昌市', 2012, 50.0)
) as found (city_code, city_name_zh, year, built_up_km2)
cross join (values ('raw'), ('corrected')) as kind (series);

create table city.urban.fct_urban_city_period as
select
    city_code, city_name_zh, start_year, end_year, series, 1600.0::double as land_area_km2, built_up_start_km2,
    built_up_end_km2, 3 * built_up_start_km2 as lit_start_km2, 3 * built_up_end_km2 as lit_end_km2,
    (built_up_end_km2 - built_up_start_km2) / (end_year - start_year) as speed_km2_per_year,
    100 * (built_up_end_km2 / built_up_start_km2 - 1) / (end_year - start_year) as dynamic_degree_pct,
    100 * (built_up_end_km2 - built_up_start_km2) / 1600 / (end_year - start_year) as intensity_by_land_area_pct,
    intensity_class, 7.7::double as compound_growth_pct, 1.1::double as differentiation,
    built_up_end_km2 / built_up_start_km2 - 1 as built_up_growth, 0.5::double as lit_growth, 1.0::double as elasticity,
    coupling_type, 0.1::double as coupling_tolerance, 1.1::double as shift_km, 116.0::double as shift_azimuth_deg,
    'synthetic' as data_origin
from (values
    ('320200', '无锡市', 2002, 2007, 100.0::double, 148.0::double, 'medium', 'synchronous'),
    ('320200', '无锡市', 2007, 2012, 148.0, 200.0, 'fast', 'fringe'),
    ('320200', '无锡市', 2002, 2012, 100.0, 200.0, 'fast', 'infilling'),
    ('411000', '许昌市', 2002, 2007, 50.0, 50.0, 'slow', null),
    ('411000', '许昌市', 2007, 2012, 50.0, 50.0, 'slow', 'fringe'),
    ('411000', '许昌市', 2002, 2012, 50.0, 50.0, 'slow', 'fringe')
) as grown (
    city_code, city_name_zh, start_year, end_year, built_up_start_km2, built_up_end_km2, intensity_class, coupling_type
)
cross join (values ('raw'), ('corrected')) as kind (series);

create table city.urban.fct_urban_expansion_type as
select
    '320200' as city_code, '无锡市' as city_name_zh, start_year, end_year, 'raw' as series, threshold_rule,
    3 as patch_count, 50.0::double as new_km2, infilling_km2, edge_expansion_km2, outlying_km2,
    33.3::double as mean_lei, 44.4::double as area_weighted_mean_lei, 'synthetic' as data_origin
from (values
    (2002, 2007, 'dynamic', 5.0::double, 15.0::double, 30.0::double), (2002, 2007, 'fixed', 4.0, 14.0, 28.0),
    (2007, 2012, 'dynamic', 32.0, 20.0, 0.0), (2007, 2012, 'fixed', 31.0, 19.0, 0.0),
    (2002, 2012, 'dynamic', 10.0, 60.0, 30.0)
) as form (start_year, end_year, threshold_rule, infilling_km2, edge_expansion_km2, outlying_km2);

-- Of 200 and 50 km² the slope is two, exactly.
create table city.urban.fct_urban_rank_size as
select
    year, series, 'cities' as unit_set, 'built_up_area' as measure, 2 as unit_count, q, 0.25::double as standard_error,
    1.0::double as r2, 4.0::double as primacy_two, null::double as primacy_four, 'synthetic' as data_origin
from (values (2002, 1.0::double), (2007, 1.57), (2012, 2.0)) as fit (year, q)
cross join (values ('raw'), ('corrected')) as kind (series);

create table city.urban.fct_urban_satellite_quality as
select
    '320200' as city_code, '无锡市' as city_name_zh, 2007 as year, satellite,
    satellite || '2007.v4b_web.stable_lights.avg_vis.synthetic.tif' as file_name, 'synthetic' as data_origin,
    false as is_resampled, 2000 as cell_count, 0 as missing_cell_count, 0.8::double as lit_share,
    0.015::double as saturated_share, null::double as cloud_free_mean_count, 11000.0::double as total_light_recorded,
    14000.0::double as total_light_calibrated, null::varchar as coefficients_note
from (values ('F15'), ('F16')) as flown (satellite);

insert into city.indicator.indicator_value by name
select
    indicator_id, 'year' as period_type, make_date(year, 1, 1) as period_start, make_date(year, 12, 31) as period_end,
    true as is_complete, '320200' as region_code, 'city' as region_level, value as numerator, value,
    getvariable('run_id') as run_id, getvariable('as_of') as data_as_of
from (values
    ('E14', 2002, 100.0::double), ('E14', 2007, 148.0), ('E14', 2012, 200.0),
    ('E15', 2007, 9.6), ('E15', 2012, 10.4)
) as found (indicator_id, year, value);
