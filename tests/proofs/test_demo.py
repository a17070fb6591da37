"""`mfakit demo` once more, on a machine that is less well furnished."""

from __future__ import annotations


def test_without_an_aws_cli_boto3_stands_in(home, tmp_path) -> None:
    """And the demo says so."""
    for program in ("sh", "cat"):
        (tmp_path / program).symlink_to(f"/bin/{program}")
    done = home.mfakit("demo", PATH=str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "boto3 stand in" in done.stdout
