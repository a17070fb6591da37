"""Two hundred hosts whose checks Prometheus collects: one query tells who ends when."""

from __future__ import annotations

import http.server
import json
import shutil
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.conftest import Home
from tests.expiry.spellings import KEYS, zulu

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus is not installed"),
]
HOSTS = 200
QUERY = "sort(mfakit_session_expiration_timestamp_seconds)"


class _Hosts(http.server.ThreadingHTTPServer):
    """All hosts in one server; each has a path that shows what its check wrote."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                text = (folder / self.path.strip("/") / "mfakit.prom").read_bytes()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write(text.replace(b"# EOF\n", b""))  # as node_exporter shows it

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)


@contextmanager
def serving(folder: Path) -> Iterator[int]:
    with _Hosts(folder) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@contextmanager
def prometheus(folder: Path, port: int) -> Iterator[str]:
    """Run Prometheus, which collects from all hosts; yield its URL."""
    targets = [
        {
            "targets": [f"127.0.0.1:{port}"],
            "labels": {"__metrics_path__": f"/{host}", "instance": str(host)},
        }
        for host in range(HOSTS)
    ]
    config = {
        "global": {"scrape_interval": "2s"},
        "scrape_configs": [{"job_name": "node", "static_configs": targets}],
    }
    (folder / "prometheus.yml").write_text(json.dumps(config))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), None) as free:  # type: ignore[arg-type]
        own = free.server_port
    program = subprocess.Popen(
        [
            "prometheus",
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{own}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield f"http://127.0.0.1:{own}"
    finally:
        program.terminate()
        program.wait()


def ask(url: str, query: str) -> list[dict[str, object]]:
    """Return the answer to a query; nothing while Prometheus starts."""
    whole = f"{url}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    try:
        with urllib.request.urlopen(whole, timeout=10) as answer:
            return json.load(answer)["data"]["result"]
    except OSError:
        return []


def test_one_query_tells_of_a_fleet_who_ends_when(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    ends = {}
    for host in range(HOSTS):
        folder = tmp_path / str(host)
        folder.mkdir()
        home = Home(folder)
        end = now + timedelta(minutes=37 * host % 720 + 1)
        ends[str(host)] = int(end.timestamp())
        home.write_credentials(f"[mfa]\n{KEYS}expiration = {zulu(end)}\n")
        report = f"--output={folder / 'mfakit.prom'}"
        assert home.mfakit("check", "--format=openmetrics", report).returncode < 2
    with serving(tmp_path) as port, prometheus(tmp_path, port) as url:
        until = time.monotonic() + 120
        while len(found := ask(url, QUERY)) < HOSTS and time.monotonic() < until:
            time.sleep(1)
    told = {row["metric"]["instance"]: int(float(row["value"][1])) for row in found}
    assert told == ends
    assert list(told.values()) == sorted(ends.values())
