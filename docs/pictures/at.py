"""Run a program at another time, which stands still: `at.py 2026-11-22T06:00:00Z PATH check`."""

from __future__ import annotations

import runpy
import sys

import time_machine

if __name__ == "__main__":
    moment, program, *_ = sys.argv[1:]
    sys.argv = sys.argv[2:]
    with time_machine.travel(moment, tick=False):
        runpy.run_path(program, run_name="__main__")
