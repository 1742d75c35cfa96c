"""The ``citylake`` command, composed. Each group of commands is defined in a module of its own beside this."""

import typer

from apps.cli import disagreements, doctor, erase, ingest, refresh, release, replay, review, sample_city, sql, urban
from apps.cli.console import Commands, exit_codes

app = typer.Typer(
    name="citylake",
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=True,
    help="城市数据湖仓与指标库。 A city data lakehouse and indicator warehouse.\n\n"
    "Department extracts go in with [bold]ingest[/]; [bold]refresh[/] turns what was delivered into an audited "
    "release; [bold]sql[/] and the cockpit read the current release, whole, at any time. Settings come from the "
    "environment (CITYLAKE_HOME and others); [bold]doctor[/] shows them and says what is wrong.",
    epilog=exit_codes(),
)

for module in (refresh, sample_city, ingest, replay, release, disagreements, review, erase, urban, sql, doctor):
    module.register(app)
