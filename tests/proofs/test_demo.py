"""`mfakit demo` on a machine without the AWS CLI."""

from __future__ import annotations


def test_without_an_aws_cli_the_demo_runs_on_boto3_and_says_so(home, tmp_path) -> None:
    for program in ("sh", "cat"):
        (tmp_path / program).symlink_to(f"/bin/{program}")
    done = home.mfakit("demo", PATH=str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "boto3 stand in" in done.stdout
