"""Every command is found where the command line looks for it."""

from __future__ import annotations

import importlib

import typer
from argosy_cli import main


def test_the_table_of_commands_is_what_the_modules_register() -> None:
    for module, commands in main.COMMANDS.items():
        app = typer.Typer()
        importlib.import_module(f"argosy_cli.{module}").register(app)
        found = {c.name or (c.callback.__name__ if c.callback else "") for c in app.registered_commands}
        found |= {g.name or "" for g in app.registered_groups}
        assert found == set(commands), module
