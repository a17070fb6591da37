"""`python -m mfakit` is the command."""

from mfakit.cli.main import run

run()
