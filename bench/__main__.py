"""Print the table: python -m bench [--check] [BENCH ...]."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from math import inf

BENCHES = ("instructions", "simulator", "pytest_start", "profiles", "start", "login")


def main() -> int:
    """Run the benches that were asked for, or all."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("bench", nargs="*", help=f"by default all: {', '.join(BENCHES)}")
    parser.add_argument("--check", action="store_true", help="fail if a budget is exceeded")
    options = parser.parse_args()
    print(f"{'':36} {'plain':>12} {'ours':>12} {'figure':>14} {'budget':>7}")
    within = True
    for name in options.bench or BENCHES:
        for row in import_module(f"bench.{name}").rows():
            figure = f"{row.figure:.2f} {row.unit}"
            mark = "" if row.within_budget else "  too slow"
            unit = row.measured_in
            times = f"{row.plain:9.2f} {unit:2} {row.ours:9.2f} {unit:2}"
            budget = "" if row.budget == inf else f"{row.budget:g}"
            print(f"{row.name:36} {times} {figure:>14} {budget:>7}{mark}", flush=True)
            within = within and row.within_budget
    return 1 if options.check and not within else 0


if __name__ == "__main__":
    sys.exit(main())
