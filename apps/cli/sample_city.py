"""``citylake sample-city``: extracts of a synthetic city into landing; ``sample_city`` decides what it consists of.

It never mixes: where real deliveries lie in landing it refuses, for a release that mixes both is refused too.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.table import Table

from apps.cli import urban
from apps.cli.console import out
from citylake.lake.errors import UsageError
from citylake.lake.landed import LandedFile
from citylake.lake.settings import TIMEZONE, Settings
from citylake.lake.zones import prepare

_LABELS = {
    "deliveries": "交付 deliveries",
    "rows": "行 rows",
    "malformed": "有意的错误行 rows broken on purpose",
    "person_register": "人口登记 persons registered",
    "entity_register": "市场主体 market entities",
    "urban_case": "城管案件 urban cases",
    "residence_permit": "居住证 residence permits",
    "social_insurance": "社保参保 insured employments",
    "administrative_licence": "行政许可 licences",
    "administrative_penalty": "行政处罚 penalties",
    "service_case": "政务办件 service cases",
    "night_light_composite": "夜光合成影像 night light composites",
    "built_up_area": "公布建成区面积 published built-up areas",
}

UntilOption = Annotated[
    datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The last extract date; yesterday when not given.")
]
NightsOption = Annotated[
    int,
    typer.Option(
        min=1, max=60, help="How many nights; from 3 on the last bring a late, a corrected and a refused one."
    ),
]
DefectsOption = Annotated[
    float, typer.Option(min=0, help="How many times the documented rates of defects that make linking hard.")
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("sample-city")(sample_city)


def sample_city(  # noqa: PLR0913  # the options of one command
    *,
    residents: Annotated[int, typer.Option(min=100, help="How many people the city has.")] = 20_000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same city, byte for byte.")] = 1,
    until: UntilOption = None,
    months: Annotated[int, typer.Option(min=1, max=120, help="Whole months of history.")] = 14,
    nights: NightsOption = 3,
    defects: DefectsOption = 1,
    ids_missing: Annotated[
        float | None, typer.Option(min=0, max=0.9, help="Share of records without a citizen id; 5 % when not given.")
    ] = None,
    if_empty: Annotated[bool, typer.Option("--if-empty", help="Do nothing when landing already has a file.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Write even where deliveries lie already.")] = False,
    truth: Annotated[
        Path | None, typer.Option(help="Where to write who is who, as Parquet: for tests and benchmarks only.")
    ] = None,
) -> None:
    """合成示例城市。 Make a synthetic city's extracts, as its departments would deliver them, in landing.

    Everything in it is invented and its files say so (.synthetic): names, numbers and phones belong to nobody.
    The last three nights bring a late, a corrected and a refused delivery.
    """
    settings = Settings()
    landing = prepare(settings).landing
    if if_empty and any(path.is_file() for path in landing.rglob("[!.]*") if not _is_of_lights(path, landing)):
        out.print(f"Landing is not empty, so no sample city was made. 已有文件，未生成示例城市。 ({landing})")
        return
    if not force:
        _refuse_to_mix(landing)
    # numpy and polygons would slow down every other command
    from sample_city.city import make_city  # noqa: PLC0415
    from sample_city.hardness import DOCUMENTED  # noqa: PLC0415
    from sample_city.lights import make_lights  # noqa: PLC0415

    # The extract of a day arrives at one o'clock in the night after it.
    last = (until or datetime.now(ZoneInfo(TIMEZONE)) - timedelta(days=1, hours=1)).date()
    facts = make_city(
        landing,
        settings.contracts,
        residents=residents,
        seed=seed,
        until=last,
        months=months,
        nights=nights,
        defects=DOCUMENTED.times(defects, ids_missing),
        truth=truth,
    )
    lights = make_lights(landing, seed=seed)
    _show(facts | {"night_light_composite": lights["composites"], "built_up_area": lights["areas"]})
    out.print(f"{landing} · last extract date 最后提取日期 {last}. Next 下一步: citylake refresh")


def _show(facts: Mapping[str, int]) -> None:
    table = Table(title="SYNTHETIC 合成数据: sample city 示例城市", show_header=False)
    for name, count in facts.items():
        table.add_row(_LABELS.get(name, name), f"{count:,}")
    out.print(table)


def _refuse_to_mix(landing: Path) -> None:
    """Raise when anything was delivered already: a real delivery must not be mixed, a sample city not be blended."""
    landed = (LandedFile.parse(path, path.parent.parent.name) for path in _extracts(landing))
    origins = [file.origin for file in landed if file is not None]
    if "real" in origins:
        raise UsageError(
            f"There are real deliveries in {landing}; a synthetic city beside them would give a release that mixes "
            "both, which is refused. Use another CITYLAKE_HOME, or --force if that is what you want. "
            "已有真实数据，不能混入合成数据：请换用另一个 CITYLAKE_HOME，或使用 --force。"
        )
    if origins:
        raise UsageError(
            f"There is a sample city in {landing} already; a second one would blend with it. Go on with "
            "citylake refresh, use another CITYLAKE_HOME, or --force to write over it. "
            "已有示例城市：可直接运行 citylake refresh，换用另一个 CITYLAKE_HOME，或使用 --force 覆盖。"
        )


def _extracts(landing: Path) -> Iterator[Path]:
    """What lies in landing, synthetic night lights apart: they are made beside a sample city, or before it."""
    return (path for path in landing.glob("*/*/*") if path.is_file() and not _is_of_lights(path, landing))


def _is_of_lights(path: Path, landing: Path) -> bool:
    folders = [landing.joinpath(*dataset) for dataset in (urban.COMPOSITES, urban.AREAS)]
    return path.parent in folders and ".synthetic." in path.name
