"""`ganqbench`: the command line. Each command lives in a file of its own and is imported when used."""

from __future__ import annotations

import sys
from importlib import import_module

import click

from ganqbench import __version__
from ganqbench.errors import UserError, unknown_name
from ganqbench.harness.interruption import Stopped

COMMANDS = {
    "list": "ganqbench.cli.list:list_",
    "run": "ganqbench.cli.run:run",
    "plan": "ganqbench.cli.plan:plan",
    "validate": "ganqbench.cli.validate:validate",
    "verify": "ganqbench.cli.verify:verify",
    "diff": "ganqbench.cli.diff:diff",
    "seeds": "ganqbench.cli.seeds:seeds",
    "site": "ganqbench.cli.site:site",
    "doctor": "ganqbench.cli.doctor:doctor",
    "export": "ganqbench.cli.export:export",
    "deploy": "ganqbench.cli.deploy:deploy",
    "card": "ganqbench.cli.card:card",
    "new-adapter": "ganqbench.cli.new_adapter:new_adapter",
    "reference": "ganqbench.cli.reference:reference",
}


class LazyGroup(click.Group):
    """A group that imports a command's module only when that command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name; an unknown one raises with the closest names."""
        if cmd_name not in COMMANDS:
            raise unknown_name("command", cmd_name, COMMANDS)
        module, attribute = COMMANDS[cmd_name].split(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, package_name="ganqbench")
@click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
def cli() -> None:
    """How few bits can a GAN generator run on, with which method, before anyone can see it?"""


def debugging() -> bool:
    """Whether the user wants an error's traceback."""
    return "--debug" in sys.argv[1:]


def told(error: UserError | OSError) -> str:
    """What the user reads of an error: what is wrong, and what to do."""
    if isinstance(error, UserError):
        return f"Error: {error.problem}\n{error.remedy}"
    where = f"{error.filename}: " if error.filename else ""
    return f"Error: {where}{error.strerror or error}.\nPut that right and try again."


def main() -> None:
    """Entry point: errors a user can act on end in two sentences and exit status 1."""
    try:
        # Outside standalone mode click returns the status that a command gave to `ctx.exit`.
        sys.exit(cli(standalone_mode=False))
    except (UserError, OSError) as error:
        if debugging():
            raise
        click.echo(told(error), err=True)
        sys.exit(1)
    except Stopped as stop:
        click.echo(str(stop), err=True)
        sys.exit(128 + stop.number)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        sys.exit(130)
    except RuntimeError as error:
        if debugging() or "home directory" not in str(error):  # pathlib's word for a user without one
            raise
        click.echo("Error: You have no home folder.\nSet GANQBENCH_HOME to a folder for the cache.", err=True)
        sys.exit(1)
