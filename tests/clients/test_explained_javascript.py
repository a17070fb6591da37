"""What explain says of the SDK for JavaScript is what that SDK itself finds."""

from __future__ import annotations

import json

from hypothesis import Phase, given, settings
from tests.explain.drawn import Case, cases

from mfakit.explain.chain import FAILED
from mfakit.explain.javascript import walk_javascript
from mfakit.profiles.aws_files import AWSFiles


def said(environ: dict[str, str], flag: str | None) -> str:
    """Return the key, `asked` or `error`."""
    winner = walk_javascript(flag, AWSFiles(environ)).winner
    if winner is None or winner.state == FAILED:
        return "error"
    return "asked" if winner.asks else str(winner.access_key_id)


def found(answer: dict[str, str]) -> str:
    if "error" in answer:
        return "error"
    return "asked" if answer["key"] in ("ROLE", "PROCESS") else answer["key"]


def test_the_explained_winner_is_the_one_of_the_javascript_sdk(tmp_path, home, javascript) -> None:
    """If the SDK's search fails, the explanation says so."""
    drawn: list[Case] = []

    # One process of Node.js answers for all of them: each would take half a second alone.
    @settings(max_examples=300, database=None, phases=[Phase.generate])
    @given(case=cases(online=False))
    def draw(case: Case) -> None:
        drawn.append(case)

    draw()
    environs = []
    for number, case in enumerate(drawn):
        folder = tmp_path / str(number)
        folder.mkdir()
        environs.append(case.settle(folder))
    pairs = list(zip(environs, drawn, strict=True))
    questions = [{"environ": environ, "profile": case.flag} for environ, case in pairs]
    done = home.run("node", str(javascript / "resolve.mjs"), stdin=json.dumps(questions))
    assert done.returncode == 0, done.stderr
    for (environ, case), answer in zip(pairs, json.loads(done.stdout), strict=True):
        assert said(environ, case.flag) == found(answer), case
