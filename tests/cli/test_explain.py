"""`mfakit explain` with `--env-file`, and in different shells."""

from __future__ import annotations

import json
import shutil
import sys

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
def test_env_file_reads_env_env_0_export_lines_and_the_kernels_form(home, text: str) -> None:
    """Lines that are not AWS's may be malformed."""
    done = home.mfakit("explain", "--json", "--env-file", "-", stdin=text)
    assert (json.loads(done.stdout)["profile"], done.stderr) == ("work x", "")


@pytest.mark.parametrize("text", ["set -gx AWS_PROFILE work\n", 'A=b\nAWS_PROFILE="work\n'])
def test_a_malformed_aws_line_in_env_file_is_an_error(home, text: str) -> None:
    """The explanation would be wrong if a variable were left out."""
    done = home.mfakit("explain", "--env-file", "-", stdin=text)
    assert (done.returncode, done.stdout) == (64, "")
    assert "is not NAME=VALUE" in done.stderr
    assert "mfakit: try: " in done.stderr


@pytest.mark.parametrize("shell", ["bash", "fish"])
def test_the_fix_is_written_for_the_shell_that_asks(home, shell: str) -> None:
    """Typed there, it ends the finding; JSON has the fix for a POSIX shell."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed (CI installs it)")
    home.write_config("[profile work]\n[profile home]\n")
    explain = f"{sys.executable} -m mfakit explain; echo"
    two = {"AWS_PROFILE": "work", "AWS_DEFAULT_PROFILE": "home"}
    said = home.run(shell, "-c", explain, **two).stdout
    assert "! profile-variables-differ" in said
    [fix] = (line for line in said.splitlines() if "AWS_DEFAULT_PROFILE" in line and "try:" in line)
    mended = home.run(shell, "-c", f"{fix.partition('try: ')[2]}; {explain}", **two)
    assert "! profile-variables-differ" not in mended.stdout
    assert (mended.stdout.splitlines()[0].split()[1], mended.stderr) == ("work,", "")
    done = home.mfakit("explain", "--json", **two)
    assert "unset AWS_DEFAULT_PROFILE" in done.stdout
