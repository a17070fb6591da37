"""`mfakit explain` of another environment than one's own."""

from __future__ import annotations

import json

import pytest

READ = [
    "AWS_PROFILE=work x\nA=b\n",
    "export AWS_PROFILE='work x'\n",
    'declare -rx A="b"\ndeclare -x AWS_PROFILE="work x"\n',
    "typeset -x AWS_PROFILE='work x'\n",
    "BASH_FUNC_f%%=() {  echo \"hi\n}\nAWS_PROFILE='work x'\n'A=B'=x\n=x\n",
    'A="b\nAWS_PROFILE=other\0=x\0AWS_PROFILE=work x\0B=\nAWS_PROFILE=other\0',
]


@pytest.mark.parametrize("text", READ)
def test_an_environment_is_read_as_it_is_printed(home, text: str) -> None:
    """By `env`, `env -0`, a shell's `export`, or the kernel; what is not of AWS does not matter."""
    done = home.mfakit("explain", "--json", "--env-file", "-", stdin=text)
    assert (json.loads(done.stdout)["profile"], done.stderr) == ("work x", "")


@pytest.mark.parametrize("text", ["set -gx AWS_PROFILE work\n", 'A=b\nAWS_PROFILE="work\n'])
def test_what_cannot_be_read_is_no_other_environment(home, text: str) -> None:
    """A variable that is passed over would be explained away."""
    done = home.mfakit("explain", "--env-file", "-", stdin=text)
    assert (done.returncode, done.stdout) == (64, "")
    assert "is not NAME=VALUE" in done.stderr
    assert "mfakit: try: " in done.stderr
