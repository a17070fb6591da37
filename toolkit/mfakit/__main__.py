"""`python -m mfakit` is the command."""

from mfakit.cli import run

run()
