"""The tables that a study gives: their columns, types and meanings. What fills them is in ``study`` and ``measures``.

Cells stay out of the lake; these frames are what goes into it. All areas are true areas in km².
"""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

Columns = Mapping[str, tuple[type[pl.DataType], str]]

_PLACE: Columns = {
    "region_code": (pl.String, "区划代码 Code of the city, GB/T 2260"),
    "region_name_zh": (pl.String, "城市 City"),
}
_SERIES: Columns = {
    "series": (pl.String, "序列 raw: calibrated and composed; corrected: made never to decrease"),
}

CITY: Columns = {
    **_PLACE,
    "region_name_en": (pl.String, "英文名称 Name in English"),
    "scope": (pl.String, "范围 municipal_districts or prefecture: what was measured"),
    "land_area_km2": (pl.Float64, "土地面积 Area of the unit"),
    "outline_geojson": (pl.String, "轮廓 Outline to draw, a GeoJSON geometry in WGS 84, exteriors clockwise"),
}

GROWTH_RING: Columns = {
    **_PLACE,
    **_SERIES,
    "first_year": (pl.Int32, "起始年份 First measured year in which these cells were built up"),
    "last_year": (pl.Int32, "终止年份 Last measured year through which they were"),
    "area_km2": (pl.Float64, "面积 Area"),
    "ring_geojson": (pl.String, "图形 The cells within the city, a GeoJSON geometry in WGS 84, exteriors clockwise"),
}

CITY_YEAR: Columns = {
    **_PLACE,
    "year": (pl.Int32, "年份 Year"),
    **_SERIES,
    "data_origin": (pl.String, "数据来源 real or synthetic"),
    "scope": (pl.String, "范围 municipal_districts or prefecture: what was measured"),
    "land_area_km2": (pl.Float64, "土地面积 Area of the unit"),
    "satellites": (pl.String, "卫星 Satellites or series of the year, joined by +"),
    "calibration_table": (pl.String, "校正系数表 Table of coefficients; null: the series needs none"),
    "satellite_difference": (
        pl.Float64,
        "卫星间差 Mean absolute difference of two satellites where both see light, digital numbers",
    ),
    "published_km2": (pl.Float64, "公布建成区面积 Published area that the threshold is matched to; null: none chosen"),
    "published_by": (pl.String, "发布者 Publisher"),
    "published_scope": (pl.String, "公布范围 Scope of the published figure"),
    "threshold": (pl.Float64, "动态阈值 Digital number from which on a cell is built up"),
    "built_up_km2": (pl.Float64, "建成区面积 Area found"),
    "residual_pct": (pl.Float64, "残差 (found - published) / published"),
    "one_step_lower_km2": (pl.Float64, "低一级阈值面积 Area at the next lower threshold"),
    "one_step_higher_km2": (pl.Float64, "高一级阈值面积 Area at the next higher threshold"),
    "is_out_of_reach": (pl.Boolean, "无法匹配 The published area is more than is lit, or less than is saturated"),
    "lit_km2": (pl.Float64, "活动范围 Lit area"),
    "total_light": (pl.Float64, "灯光总量 Sum of digital number × km²"),
    "mean_light": (pl.Float64, "平均灯光 Mean digital number where lit"),
    "compound_light_index": (pl.Float64, "CNLI Mean light / 63 × lit share of the land area"),
    "built_up_share_of_lit": (pl.Float64, "建成区占活动范围 Built-up over lit area"),
    "light_longitude": (pl.Float64, "灯光重心经度 Centre of light, degrees"),
    "light_latitude": (pl.Float64, "灯光重心纬度 Its latitude"),
    "light_x_m": (pl.Float64, "灯光重心 x, Albers 105/25/47, metres"),
    "light_y_m": (pl.Float64, "灯光重心 y Its y"),
    "ellipse_major_km": (pl.Float64, "标准差椭圆长半轴 Semi-axis of the ellipse of light"),
    "ellipse_minor_km": (pl.Float64, "短半轴 The minor one"),
    "ellipse_azimuth_deg": (pl.Float64, "方位角 Of the major axis, clockwise from north"),
    "centre_distance_km": (pl.Float64, "重心距离 Between the centres of built-up area and of lit area"),
    "ellipse_overlap": (pl.Float64, "椭圆重叠 Intersection over union of the ellipses of built-up and lit area"),
    "perimeter_km": (pl.Float64, "周长 Of the built-up area, along cell edges"),
    "compactness": (pl.Float64, "紧凑度 2√(πA)/P Compactness"),
    "fractal_dimension": (pl.Float64, "分形维数 2 ln(P/4)/ln A Fractal dimension"),
    "cell_count": (pl.Int32, "像元数 Cells that touch the unit"),
    "missing_cell_count": (pl.Int32, "无数据像元 Cells without data"),
    "zeroed_cell_count": (pl.Int32, "置零像元 Cells set to 0 by the correction; 0 in the raw series"),
    "raised_cell_count": (pl.Int32, "抬升像元 Cells raised by the correction; 0 in the raw series"),
}

CITY_PERIOD: Columns = {
    **_PLACE,
    "start_year": (pl.Int32, "期初年份 First year of the period"),
    "end_year": (pl.Int32, "期末年份 Last year of the period"),
    **_SERIES,
    "land_area_km2": (pl.Float64, "土地面积 Area of the unit"),
    "built_up_start_km2": (pl.Float64, "期初建成区面积 Built-up area at the start"),
    "built_up_end_km2": (pl.Float64, "期末建成区面积 Built-up area at the end"),
    "lit_start_km2": (pl.Float64, "期初活动范围 Lit area at the start"),
    "lit_end_km2": (pl.Float64, "期末活动范围 Lit area at the end"),
    "speed_km2_per_year": (pl.Float64, "扩展速度 Growth of built-up area a year"),
    "dynamic_degree_pct": (pl.Float64, "扩展动态度 Annual growth over the area at the start (UEI by initial area)"),
    "intensity_by_land_area_pct": (pl.Float64, "扩展强度指数 Annual growth over the land area (UEI by land area)"),
    "intensity_class": (pl.String, "扩展强度等级 slow, low, medium, fast, very_fast"),
    "compound_growth_pct": (pl.Float64, "年均复合增长率 Compound growth of built-up area a year"),
    "differentiation": (pl.Float64, "扩展差异指数 Growth over that of all cities together"),
    "built_up_growth": (pl.Float64, "建成区增长率 Over the whole period, as a share"),
    "lit_growth": (pl.Float64, "活动范围增长率 The same of lit area"),
    "elasticity": (pl.Float64, "弹性 Built-up growth over lit growth"),
    "coupling_type": (pl.String, "耦合类型 synchronous 同步型, fringe 边缘型, infilling 填充型"),
    "coupling_tolerance": (pl.Float64, "容差 Of the larger growth rate; the study's own cut-offs are unknown"),
    "shift_km": (pl.Float64, "重心迁移距离 Of the centre of light"),
    "shift_azimuth_deg": (pl.Float64, "迁移方位角 Clockwise from north"),
}

PATCH_PERIOD: Columns = {
    **_PLACE,
    "start_year": (pl.Int32, "期初年份 First year of the period"),
    "end_year": (pl.Int32, "期末年份 Last year of the period"),
    **_SERIES,
    "threshold_rule": (pl.String, "阈值规则 dynamic: each year its own; fixed: that of the first year at both ends"),
    "patch": (pl.Int32, "斑块号 Number within city, period, series and rule"),
    "longitude": (pl.Float64, "斑块中心经度 Longitude of its centre, degrees"),
    "latitude": (pl.Float64, "斑块中心纬度 Latitude of its centre, degrees"),
    "cell_count": (pl.Int32, "像元数 Cells"),
    "area_km2": (pl.Float64, "面积 Area"),
    "lei": (pl.Float64, "景观扩张指数 Landscape Expansion Index, 0-100"),
    "expansion_type": (pl.String, "扩张类型 infilling 填充, edge_expansion 边缘, outlying 飞地"),
}

EXPANSION_TYPE: Columns = {
    **_PLACE,
    "start_year": (pl.Int32, "期初年份 First year of the period"),
    "end_year": (pl.Int32, "期末年份 Last year of the period"),
    **_SERIES,
    "threshold_rule": (pl.String, "阈值规则 Rule of the threshold: dynamic or fixed"),
    "patch_count": (pl.Int32, "新增斑块数 New patches"),
    "new_km2": (pl.Float64, "新增面积 Area of new patches"),
    "infilling_km2": (pl.Float64, "填充面积 Of these, infilling"),
    "edge_expansion_km2": (pl.Float64, "边缘扩张面积 Of these, at the edge"),
    "outlying_km2": (pl.Float64, "飞地面积 Of these, outlying"),
    "mean_lei": (pl.Float64, "平均扩张指数 MEI"),
    "area_weighted_mean_lei": (pl.Float64, "面积加权平均扩张指数 AWMEI"),
}

SATELLITE_QUALITY: Columns = {
    **_PLACE,
    "year": (pl.Int32, "年份 Year"),
    "satellite": (pl.String, "卫星或序列 Satellite or series"),
    "file_name": (pl.String, "文件 File"),
    "data_origin": (pl.String, "数据来源 real or synthetic"),
    "is_resampled": (pl.Boolean, "重采样 Read by nearest cell onto the grid of the first composite"),
    "cell_count": (pl.Int32, "像元数 Cells"),
    "missing_cell_count": (pl.Int32, "无数据像元 Cells without data"),
    "lit_share": (pl.Float64, "有光占比 Share of the area with light"),
    "saturated_share": (pl.Float64, "饱和占比 Share of the area at 63, before calibration"),
    "cloud_free_mean_count": (pl.Float64, "无云观测次数 Mean number of nights seen without cloud; null without cf_cvg"),
    "total_light_recorded": (pl.Float64, "校正前灯光总量 Sum of digital number × km² before calibration"),
    "total_light_calibrated": (pl.Float64, "校正后灯光总量 The same after calibration"),
    "coefficients_note": (pl.String, "系数说明 What must be known of the coefficients"),
}

RANK_SIZE: Columns = {
    "year": (pl.Int32, "年份 Year"),
    **_SERIES,
    "unit_set": (pl.String, "单元 cities: those studied; county_units: their districts and each county"),
    "measure": (pl.String, "度量 built_up_area or total_light"),
    "unit_count": (pl.Int32, "单元数 n: with a handful q is hardly defined"),
    "q": (pl.Float64, "位序-规模指数 Above 1 the largest dominates; falling: towards balance"),
    "standard_error": (pl.Float64, "标准误 Standard error of q"),
    "r2": (pl.Float64, "决定系数 R² Share of the variance explained"),
    "primacy_two": (pl.Float64, "首位度 P1/P2 Primacy, the first over the second"),
    "primacy_four": (pl.Float64, "四城市指数 P1/(P2+P3+P4) The first over the next three"),
}

SENSITIVITY: Columns = {
    **_PLACE,
    "year": (pl.Int32, "年份 Year"),
    **_SERIES,
    "published_km2": (pl.Float64, "公布建成区面积 One of the figures published"),
    "published_by": (pl.String, "发布者 Publisher"),
    "published_scope": (pl.String, "公布范围 Scope of the published figure"),
    "is_chosen": (pl.Boolean, "采用 Whether the study takes this one"),
    "threshold": (pl.Float64, "阈值 That this figure would give"),
    "built_up_km2": (pl.Float64, "面积 Area"),
    "agreement": (pl.Float64, "一致度 Intersection over union with the built-up area that is taken; null without one"),
}


def frame(rows: Sequence[Mapping[str, Any]], columns: Columns) -> pl.DataFrame:
    """Rows as a frame with exactly these columns; what a row leaves out is null."""
    return pl.DataFrame(rows, schema={name: kind for name, (kind, _) in columns.items()})


def shaped(table: pl.DataFrame, columns: Columns) -> pl.DataFrame:
    """A frame with exactly these columns, in their order and types."""
    return table.select(pl.col(name).cast(kind) for name, (kind, _) in columns.items())
