"""Run the command as ``python -m``."""

from .cli import run

if __name__ == "__main__":
    run()
