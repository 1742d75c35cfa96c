"""``citylake urban``: urban expansion from the night lights in landing; :mod:`citylake.nightlights` measures it.

The report prints tables; it writes nothing to the lake.
"""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from apps.cli.console import err, out
from citylake.lake.errors import UsageError
from citylake.lake.landed import LandedFile
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones

if TYPE_CHECKING:
    import polars as pl

    from citylake.nightlights.study import Study, StudySettings

COMPOSITES = ("natural_resources", "night_light_composite")
AREAS = ("housing_construction", "built_up_area")
"""Department and dataset: the folders in landing."""

Scope = Literal["municipal_districts", "prefecture"]
Coefficients = Literal["elvidge_2014", "elvidge_2009", "liu_2012", "wu_2013"]
Series = Literal["corrected", "raw"]
# The same words as in citylake.nightlights, whose import would slow down every other command; types compare them.

_WIDTH = 130
_SYNTHETIC = ".synthetic."
_Columns = dict[str, tuple[str, str]]
_CITY_YEAR: _Columns = {
    "region_name_zh": ("城市\ncity", ""),
    "year": ("年\nyear", ""),
    "published_km2": ("公布\npublished km²", ".2f"),
    "threshold": ("阈值\nthreshold", "g"),
    "built_up_km2": ("建成区\nbuilt-up km²", ".2f"),
    "residual_pct": ("残差\nresidual %", "+.2f"),
    "one_step_lower_km2": ("低一级\nlower km²", ".1f"),
    "one_step_higher_km2": ("高一级\nhigher km²", ".1f"),
    "lit_km2": ("活动范围\nlit km²", ".1f"),
    "compound_light_index": ("CNLI", ".4f"),
}
_CITY_PERIOD: _Columns = {
    "region_name_zh": ("城市\ncity", ""),
    "start_year": ("自\nfrom", ""),
    "end_year": ("至\nto", ""),
    "speed_km2_per_year": ("速度\nkm²/a", ".2f"),
    "intensity_by_land_area_pct": ("强度/土地\n% of land a year", ".3f"),
    "dynamic_degree_pct": ("动态度/期初\n% of start a year", ".2f"),
    "compound_growth_pct": ("复合\ncompound %/a", ".2f"),
    "differentiation": ("差异\ndifferentiation", ".2f"),
    "coupling_type": ("耦合\ncoupling", ""),
    "shift_km": ("重心迁移\nshift km", ".2f"),
}
_FORMS: _Columns = {
    "region_name_zh": ("城市\ncity", ""),
    "start_year": ("自\nfrom", ""),
    "end_year": ("至\nto", ""),
    "threshold_rule": ("阈值\nthreshold", ""),
    "infilling_km2": ("填充\ninfilling km²", ".1f"),
    "edge_expansion_km2": ("边缘\nedge km²", ".1f"),
    "outlying_km2": ("飞地\noutlying km²", ".1f"),
    "mean_lei": ("MEI", ".1f"),
    "area_weighted_mean_lei": ("AWMEI", ".1f"),
}
_RANK_SIZE: _Columns = {
    "year": ("年\nyear", ""),
    "unit_set": ("单元\nunits", ""),
    "measure": ("度量\nmeasure", ""),
    "unit_count": ("n", ""),
    "q": ("q", ".3f"),
    "standard_error": ("标准误\ns.e.", ".3f"),
    "r2": ("R²", ".3f"),
    "primacy_two": ("P1/P2", ".2f"),
    "primacy_four": ("P1/(P2+P3+P4)", ".2f"),
}


_SENSITIVITY: _Columns = {
    "region_name_zh": ("城市\ncity", ""),
    "year": ("年\nyear", ""),
    "published_by": ("发布者\npublisher", ""),
    "published_scope": ("范围\nscope", ""),
    "is_chosen": ("采用\ntaken", ""),
    "published_km2": ("公布\npublished km²", ".2f"),
    "threshold": ("阈值\nthreshold", "g"),
    "built_up_km2": ("建成区\nbuilt-up km²", ".2f"),
    "agreement": ("一致度\nIoU", ".3f"),
}


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(help="夜光遥感城市扩张。 Urban expansion from night lights.", no_args_is_help=True)
    group.command("report")(report)
    group.command("sample")(sample)
    app.add_typer(group, name="urban")


CitiesOption = Annotated[str, typer.Option(help="Chinese names or six-digit codes, separated by commas.")]
PublisherOption = Annotated[list[str] | None, typer.Option(help="Whose areas to take; several in order of preference.")]
ScopeOption = Annotated[
    list[str] | None,
    typer.Option(help="Scopes of published areas to take, in order: municipal_districts, central_area, prefecture."),
]
StepOption = Annotated[float, typer.Option(min=0.05, max=8, help="Distance of thresholds that are tried.")]
LowestOption = Annotated[float, typer.Option(min=0.1, max=62, help="Digital number from which on a cell is lit.")]
ToleranceOption = Annotated[float, typer.Option(min=0, max=1, help="Of the larger growth rate, for coupling.")]
CountiesOption = Annotated[bool, typer.Option("--counties", help="Rank-size over districts and counties too.")]
CompositesOption = Annotated[Path | None, typer.Option(help="Folder of the rasters; that of landing when not given.")]
AreasOption = Annotated[
    Path | None, typer.Option(help="File of published areas; landing's newest, else the one that comes with it.")
]


def report(  # noqa: PLR0913  # the options of one command
    *,
    cities: CitiesOption,
    years: Annotated[str, typer.Option(help="First and last year, or one.")] = "1997-2013",
    within: Annotated[Scope, typer.Option(help="市辖区 or 全市域: where lights count.")] = "municipal_districts",
    table: Annotated[Coefficients, typer.Option(help="Whose coefficients calibrate.")] = "elvidge_2014",
    publisher: PublisherOption = None,
    scope: ScopeOption = None,
    step: StepOption = 1.0,
    lowest: LowestOption = 1.0,
    tolerance: ToleranceOption = 0.1,
    epochs: Annotated[str, typer.Option(help="Years between which periods are.")] = "1997,2002,2007,2012",
    counties: CountiesOption = False,
    series: Annotated[Series, typer.Option(help="raw is calibrated, corrected never decreases.")] = "corrected",
    composites: CompositesOption = None,
    areas: AreasOption = None,
) -> None:
    """城市扩张报告。 Thresholds, areas, residuals and indices of cities, for any composites in landing.

    Composites are looked for in landing/natural_resources/night_light_composite, areas in
    landing/housing_construction/built_up_area. Nothing is written.
    """
    # Rasters and projections would slow down every other command
    from citylake.nightlights.boundaries import find_city  # noqa: PLC0415
    from citylake.nightlights.measures import Levels  # noqa: PLC0415
    from citylake.nightlights.published import SCOPES, Preference  # noqa: PLC0415
    from citylake.nightlights.study import StudySettings  # noqa: PLC0415

    first, last = _years(years)
    settings = StudySettings(
        cities=tuple(dict.fromkeys(find_city(name.strip()) for name in cities.split(",") if name.strip())),
        first_year=first,
        last_year=last,
        scope=within,
        table=table,
        preference=Preference(_scopes(scope, SCOPES, Preference.scopes), tuple(publisher or ())),
        levels=Levels(step=step, lowest_light=lowest),
        coupling_tolerance=tolerance,
        epochs=tuple(_whole(year) for year in epochs.split(",")),
        with_counties=counties,
    )
    _show(_study(settings, composites, areas), series)


def _study(settings: "StudySettings", composites: Path | None, areas: Path | None) -> "Study":
    """Run it on what lies in landing, or where it is told to look."""
    from citylake.nightlights.composites import find_composites  # noqa: PLC0415
    from citylake.nightlights.published import PUBLISHED, read_published  # noqa: PLC0415
    from citylake.nightlights.study import run_study  # noqa: PLC0415

    landing = Zones.of(Settings()).landing
    folder = composites or landing.joinpath(*COMPOSITES)
    if not folder.is_dir():
        raise UsageError(f"没有文件夹 {folder}。 There is no folder {folder}: put the composites there.")
    published = areas or _newest_areas(landing) or PUBLISHED
    err.print(f"{folder} · {published}", soft_wrap=True)
    found = find_composites(folder)
    origin = "synthetic" if _SYNTHETIC in published.name else "real"
    if any(one.origin != origin for one in found):
        raise UsageError(
            "影像与统计面积须同为真实或同为合成。 Of composites and published areas one is synthetic and the other "
            "real: a threshold matched between them says nothing. Name the areas that belong to them (--areas)."
        )
    return run_study(found, read_published(published), settings)


def sample(
    *,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same composites, byte for byte.")] = 1,
    truth: Annotated[
        Path | None, typer.Option(help="Where to write the true masks: for tests and benchmarks only.")
    ] = None,
) -> None:
    """合成夜光影像。 Make synthetic composites of 1997-2013 for six cities, and their built-up areas, in landing.

    They are invented, and their names and tags say so. They never come to lie beside real ones.
    """
    from citylake.lake.zones import prepare  # noqa: PLC0415
    from sample_city.lights import make_lights  # noqa: PLC0415

    landing = prepare(Settings()).landing
    folder = landing.joinpath(*COMPOSITES)
    real = [path.name for path in folder.glob("*.tif*") if _SYNTHETIC not in path.name]
    if real:
        raise UsageError(
            f"{folder} 已有真实影像，不能混入合成影像。 There are real composites in {folder} ({real[0]}); "
            "synthetic ones beside them would be measured as the same series. Use another CITYLAKE_HOME."
        )
    made = make_lights(landing, seed=seed, truth=truth)
    out.print(f"SYNTHETIC 合成数据: {made['composites']} 幅影像 composites · {folder}", soft_wrap=True)
    out.print("Next 下一步: citylake urban report --cities 郑州,开封,新乡,焦作,许昌,无锡")


def _show(study: "Study", series: str) -> None:
    """Every table of a study that a reader looks at first, of one series."""
    origins = study.satellite_quality["data_origin"].unique().to_list()
    marked = "SYNTHETIC 合成数据 · " if "synthetic" in origins else ""
    order = ["region_code", "start_year", "end_year"]
    # Beyond a terminal nothing has a width: figures that are cut off help nobody.
    console = out if out.is_terminal else Console(width=max(out.width, _WIDTH))
    figures = study.sensitivity.filter(series=series)
    several = figures.filter(figures["region_code", "year"].is_duplicated())
    for title, frame, columns in (
        ("动态阈值与建成区 Thresholds and built-up area", study.city_year, _CITY_YEAR),
        ("扩张指标 Expansion by period", study.city_period.sort(order), _CITY_PERIOD),
        ("扩张类型（LEI） Forms of expansion", study.expansion_type.sort(order), _FORMS),
        ("位序-规模 Rank-size rule", study.rank_size, _RANK_SIZE),
        ("统计口径敏感性 What other published figures would give", several, _SENSITIVITY),
    ):
        shown = frame.filter(series=series)
        if shown.height:
            console.print(_table(f"{marked}{title} · {series}", shown, columns))
    notes = study.satellite_quality["satellite", "year", "coefficients_note"].drop_nulls().unique().sort("year")
    for satellite, year, note in notes.iter_rows():
        out.print(f"{satellite} {year}: {note}")


def _table(title: str, frame: "pl.DataFrame", columns: _Columns) -> Table:
    table = Table(title=title, box=SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for heading, form in columns.values():
        table.add_column(heading, justify="right" if form else "left")
    forms = [form for _, form in columns.values()]
    for row in frame.select(list(columns)).iter_rows():
        table.add_row(*map(_text, row, forms))
    return table


def _text(value: object, form: str) -> str:
    return "—" if value is None else format(value, form)


def _newest_areas(landing: Path) -> Path | None:
    """The file of published areas with the newest extract date and revision."""
    files = (LandedFile.parse(path, AREAS[0]) for path in landing.joinpath(*AREAS).glob("*"))
    newest = max(
        (file for file in files if file is not None),
        key=lambda file: (file.extract_date, file.revision),
        default=None,
    )
    return newest.path if newest else None


def _years(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    span = (_whole(first), _whole(last or first))
    if span[0] > span[1] or not date.min.year < span[0]:
        raise UsageError(f"年份有误 {text}。 {text!r} is no span of years; write 1997-2013.")
    return span


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError as problem:
        raise UsageError(f"年份有误 {text}。 {text!r} is no year.") from problem


def _scopes(named: list[str] | None, known: tuple[str, ...], usual: tuple[str, ...]) -> tuple[str, ...]:
    unknown = sorted(set(named or ()) - set(known))
    if unknown:
        raise UsageError(f"未知范围 {unknown[0]}。 There is no scope {unknown[0]!r}; known are {', '.join(known)}.")
    return tuple(named) if named else usual
