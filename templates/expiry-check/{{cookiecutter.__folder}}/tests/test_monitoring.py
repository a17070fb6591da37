"""Prometheus and Grafana understand what they are given, and it fits what the check writes."""

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
OF_NODE_EXPORTER = {"node_textfile_mtime_seconds"}


def promtool(*arguments: str | Path, given: str = "") -> None:
    """Run it; what it complains of is an error."""
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed; it comes with Prometheus")
    command = ["promtool", *arguments]
    done = subprocess.run(command, check=False, input=given, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def metrics_of_a_host(output: Path) -> str:
    """Let a host's check write what node_exporter reads, and give it."""
    rest = [f"--profile={HOSTS['profile']}", f"--format={HOSTS['format']}", f"--output={output}"]
    subprocess.run([sys.executable, "-m", "mfakit", "check", *rest], check=True)
    return output.read_text()


def names_in(expression: str) -> set[str]:
    """Name the metrics of an expression."""
    return set(re.findall(r"([a-zA-Z_:][a-zA-Z0-9_:]*){", expression))


def test_promtool_passes_the_rules() -> None:
    """As they are, and for what they say at which time."""
    promtool("check", "rules", "--lint=all", "--lint-fatal", FOLDER / "rules.yml")
    promtool("test", "rules", FOLDER / "rules_test.yml")


def test_promtool_passes_the_expressions_of_the_dashboard(tmp_path: Path) -> None:
    """As rules, since that is how it reads expressions."""
    rules = [{"record": f"panel:{n}", "expr": one} for n, one in enumerate(EXPRESSIONS)]
    path = tmp_path / "panels.json"
    path.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    assert len(rules) == len(PANELS)
    promtool("check", "rules", path)


def test_promtool_passes_what_a_host_writes(engineer: Engineer, tmp_path: Path) -> None:
    """And its names are those that are asked for."""
    written = metrics_of_a_host(tmp_path / "host.prom")
    promtool("check", "metrics", given=written)
    assert f'profile="{PROFILE}"' in written
    asked = names_in(RULES).union(*map(names_in, EXPRESSIONS))
    assert asked == names_in(written) | OF_NODE_EXPORTER


def test_the_file_of_a_host_is_the_one_that_is_looked_for() -> None:
    """By its whole path, as node_exporter names it, or by its name alone, as older ones do."""
    [pattern] = set(re.findall(r'file=~"([^"]*)"', RULES + "".join(EXPRESSIONS)))
    for name in HOSTS["output"], Path(HOSTS["output"]).name:
        assert re.fullmatch(pattern, name)


def test_prometheus_tells_as_early_as_people_are_told() -> None:
    """And of checks that do not come; the dashboard's colours change at the same times."""
    warn, late = WARN.total_seconds(), 3 * duration(HOSTS["every"]).total_seconds()
    assert re.findall(r"time\(\) \+ (\d+)", RULES) == [f"{warn:.0f}"]
    assert re.findall(r" > (\d+)$", RULES, re.MULTILINE) == ["0", f"{late:.0f}"]
    steps = [panel["fieldConfig"]["defaults"]["thresholds"]["steps"][-1] for panel in PANELS]
    assert [step["value"] for step in steps] == [warn, late, warn]
