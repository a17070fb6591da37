"""Prometheus and Grafana can read their files, which fit the metrics that the check writes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import render

from .conftest import HOSTS, PROFILE, WARN, Engineer, duration

FOLDER = render.HERE / "monitoring"
RULES = (FOLDER / "rules.yml").read_text()
PANELS = json.loads((FOLDER / "dashboard.json").read_text())["panels"]
EXPRESSIONS = [target["expr"] for panel in PANELS for target in panel["targets"]]
OF_NODE_EXPORTER = {"node_textfile_mtime_seconds", "node_uname_info"}


def promtool(*arguments: str | Path, given: str = "") -> None:
    """Run promtool, and check that it reports no error."""
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed; it comes with Prometheus")
    command = ["promtool", *arguments]
    done = subprocess.run(command, check=False, input=given, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def metrics_of_a_host(output: Path) -> str:
    """Run a host's check, and return the metrics that it wrote for node_exporter."""
    rest = [f"--profile={HOSTS['profile']}", f"--format={HOSTS['format']}", f"--output={output}"]
    subprocess.run([sys.executable, "-m", "mfakit", "check", *rest], check=True)
    return output.read_text()


def names_in(expression: str) -> set[str]:
    """Return the names of the metrics in an expression."""
    return set(re.findall(r"([a-zA-Z_:][a-zA-Z0-9_:]*){", expression))


def test_promtool_accepts_the_rules_and_passes_their_tests() -> None:
    """The tests check which alerts fire at which time."""
    promtool("check", "rules", "--lint=all", "--lint-fatal", FOLDER / "rules.yml")
    promtool("test", "rules", FOLDER / "rules_test.yml")


def test_promtool_accepts_the_expressions_of_the_dashboard(tmp_path: Path) -> None:
    """They are written as rules, since promtool reads expressions only in rules."""
    rules = [{"record": f"panel:{n}", "expr": one} for n, one in enumerate(EXPRESSIONS)]
    path = tmp_path / "panels.json"
    path.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    assert len(rules) == len(PANELS)
    promtool("check", "rules", path)


def test_promtool_accepts_the_metrics_of_a_host(engineer: Engineer, tmp_path: Path) -> None:
    """Their names are those in the rules and in the dashboard."""
    written = metrics_of_a_host(tmp_path / "host.prom")
    promtool("check", "metrics", given=written)
    assert f'profile="{PROFILE}"' in written
    asked = names_in(RULES).union(*map(names_in, EXPRESSIONS))
    assert asked == names_in(written) | OF_NODE_EXPORTER


def test_the_rules_and_the_dashboard_match_the_file_of_a_host() -> None:
    """node_exporter names it by its whole path, older versions by its name alone."""
    [pattern] = set(re.findall(r'file=~"([^"]*)"', RULES + "".join(EXPRESSIONS)))
    for name in HOSTS["output"], Path(HOSTS["output"]).name:
        assert re.fullmatch(pattern, name)


def test_prometheus_warns_as_early_as_the_notifications_do() -> None:
    """It also reports late checks; the dashboard's colours change at the same times."""
    warn, late = WARN.total_seconds(), 3 * duration(HOSTS["every"]).total_seconds()
    assert re.findall(r"time\(\) \+ (\d+)", RULES) == [f"{warn:.0f}"]
    assert re.findall(r" > (\d+)$", RULES, re.MULTILINE) == ["0", *[f"{late:.0f}"] * 2]
    steps = [panel["fieldConfig"]["defaults"]["thresholds"]["steps"][-1] for panel in PANELS]
    assert [step["value"] for step in steps] == [warn, late, warn]
