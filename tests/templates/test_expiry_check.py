"""The files of the expiry check: what mfakit prints, and what Prometheus and Grafana understand."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard
from tests.templates.catalogue import BY_NAME, NASTY
from tests.templates.conftest import Bake, files_in

EXPIRY_CHECK = BY_NAME["expiry-check"]


@pytest.mark.parametrize(
    ("every", "warn", "notify"),
    [
        ("1m", "2m", "apprise"),
        ("5m", "30m", "desktop"),
        ("10m", "11m", "apprise"),
        ("30m", "36h", "desktop"),
    ],
)
def test_the_generated_files_are_what_schedule_prints(
    bake: Bake, every: str, warn: str, notify: str
) -> None:
    """They are equal to the byte, for any answers."""
    project = bake(EXPIRY_CHECK, every=every, warn=warn, notify=notify)
    made = {name: path.read_bytes() for name, path in files_in(project).items()}
    subprocess.run([sys.executable, "-B", "render.py"], check=True, cwd=project)
    assert {name: path.read_bytes() for name, path in files_in(project).items()} == made


def test_a_persons_own_url_is_added_to_apprises_config(bake: Bake, place: Any) -> None:
    """It works by the README, whether the file exists or not even its folder does."""
    readme = (bake(EXPIRY_CHECK, notify="apprise") / "README.md").read_text()
    [block] = re.findall(r"^```console\n(.*?apprise.*?)^```", readme, re.DOTALL | re.MULTILINE)
    for tag in "payments-mfa", "another":
        typed = re.sub(r"^\$ ", "", block, flags=re.MULTILINE).replace("payments-mfa", tag)
        url = typed.replace("slack://TokenA/TokenB/TokenC", "json://127.0.0.1")
        assert place.run("bash", "-euc", url).returncode == 0
    install = ["schedule", "install", "--using=cron"]
    for tag in "payments-mfa", "another":
        done = place.mfakit(*install, f"--notify={tag}")
        assert done.returncode == 0, done.stderr
    done = place.mfakit(*install, "--notify=nobody")
    assert (done.returncode, "nobody" in done.stderr) == (1, True)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
@pytest.mark.parametrize(("every", "warn"), [("1m", "2m"), ("30m", "31m"), ("30m", "36h")])
def test_the_alerts_fire_on_time(bake: Bake, every: str, warn: str) -> None:
    """The rules' own unit tests check it, at the shortest and the longest times."""
    project = bake(EXPIRY_CHECK, every=every, warn=warn)
    promtool = ["promtool", "test", "rules", "monitoring/rules_test.yml"]
    done = subprocess.run(promtool, check=False, cwd=project, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_grafanas_library_reads_and_writes_the_dashboard_unchanged(bake: Bake) -> None:
    project = bake(EXPIRY_CHECK, team=NASTY, slug="payments")
    ours = json.loads((project / "monitoring" / "dashboard.json").read_text())
    register_default_plugins()
    theirs = json.loads(JSONEncoder().encode(Dashboard.from_json(ours)))
    assert lost(ours, theirs) == []
    assert lost({**ours, "panles": []}, theirs) == ["/panles"]
    assert ours["title"] == f"AWS sessions of {NASTY}"


def lost(before: Any, after: Any, where: str = "") -> list[str]:
    """Return the paths of values that have changed or are missing; added ones do not count."""
    if isinstance(before, dict) and isinstance(after, dict):
        pairs = [(key, value, after.get(key, ...)) for key, value in before.items()]
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = list(zip(range(len(before)), before, after, strict=True))
    else:
        return [] if before == after else [where]
    return [name for key, *both in pairs for name in lost(*both, f"{where}/{key}")]
