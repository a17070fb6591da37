"""Each way to notify people, with real programs and services, or stand-ins for a platform's own."""

from __future__ import annotations

import getpass
import platform
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.listener import Listener

from mfakit import SessionCredentials, write_session
from mfakit.errors import MFAKitError, UsageError
from mfakit.expiry import SessionStatus, status_of
from mfakit.notices import News, news_of
from mfakit.notices.ways import CommandWay, DesktopWay, parse_way
from mfakit.profiles.own_files import SessionRecord
from mfakit.programs import without_secrets
from mfakit.session import EXPIRED

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the programs are shell scripts")
END = datetime(2126, 11, 22, 12, tzinfo=UTC)
ODD = """o'dd "<b>$(id)`id`</b>" \\ %PATH% & \u2028"""


def news(profile: str = "mfa", left: timedelta = timedelta(minutes=12)) -> News:
    found = news_of(status_of(profile, "credentials-file", END, END - left))
    assert found is not None
    return found


def keep_due(home, minutes: float = 12, profile: str = "mfa") -> None:
    """Keep a session that is due, or has ended."""
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=minutes)
    session = SessionCredentials("ASIA1", "sssh", "sssh", end)
    write_session(profile, session, environ=home.environ)


class Programs:
    """A folder of programs that record their arguments and their environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.environ = {"PATH": f"{folder}:/usr/bin:/bin", "DBUS_SESSION_BUS_ADDRESS": "unix:"}

    def add(self, name: str, *lines: str) -> None:
        path = self.folder / name
        seen = self.folder / "seen"
        path.write_text(
            f"#!{sys.executable}\nimport os, sys\n"
            f"kept = [*sys.argv[1:], os.environ['MFAKIT_TITLE'], os.environ['MFAKIT_TEXT']]\n"
            f"open({str(seen)!r}, 'w').write('\\0'.join(kept))\n" + "\n".join(lines)
        )
        path.chmod(0o755)

    @property
    def seen(self) -> list[str]:
        return (self.folder / "seen").read_text().split("\0")


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    return Programs(tmp_path / "programs")


def test_news_name_the_state_the_end_and_the_command_that_renews() -> None:
    """They do so in words, and as variables for a program."""
    due = news("my mfa")
    assert due.title == "AWS session my mfa ends in 12m"
    assert due.text.startswith(
        f"The session my mfa of {getpass.getuser()} on {platform.node()} ends at "
    )
    assert "(2126-11-22T12:00:00Z). To renew it: mfakit login --profile 'my mfa'" in due.text
    assert due.variables == {
        "MFAKIT_PROFILE": "my mfa",
        "MFAKIT_STATE": "expiring",
        "MFAKIT_EXPIRATION": "2126-11-22T12:00:00Z",
    }
    assert news(left=timedelta(minutes=-3)).title == "AWS session mfa ended 3m ago"


def test_news_name_the_account_that_the_record_has() -> None:
    record = SessionRecord(END, "mfa", "ASIA1", account="123456789012")
    told = news_of(SessionStatus("mfa", "credentials-file", EXPIRED, END, -60, record=record))
    place = f"{getpass.getuser()} on {platform.node()}, AWS account 123456789012,"
    assert told.text.startswith(f"The session mfa of {place} ended at ")


def test_news_of_a_roles_session_name_every_option_of_the_role() -> None:
    """AWS would refuse the pasted command without them."""
    record = SessionRecord(
        END,
        "mfa",
        "ASIA1",
        role_arn="arn:aws:iam::123456789012:role/admin",
        role_options='{"ExternalId": "e-1", "Tags": [{"Key": "team", "Value": "light blue"}]}',
        arn="arn:aws:sts::123456789012:assumed-role/admin/alice",
    )
    told = news_of(SessionStatus("admin", "credentials-file", EXPIRED, END, -60, record=record))
    assert told.text.endswith(
        "mfakit login --profile admin --role-arn arn:aws:iam::123456789012:role/admin"
        " --role-session-name alice --external-id e-1 --tag 'team=light blue'"
    )


def test_notify_send_shows_markup_in_a_name_as_text(programs) -> None:
    """The notification of a session that has ended stays on the screen."""
    programs.add("notify-send")
    (show,) = DesktopWay("linux").receivers(programs.environ)
    show(news(ODD, timedelta(minutes=-1)))
    *options, dashes, title, text, _, _ = programs.seen
    assert (options, dashes) == (["--app-name=mfakit", "--urgency=critical"], "--")
    shown = ODD.replace("\u2028", "\ufffd")
    assert title == f"AWS session {shown} ended 1m ago"
    assert "&lt;b&gt;$(id)`id`&lt;/b&gt;" in text


@pytest.mark.parametrize(
    ("platform", "program"), [("darwin", "osascript"), ("win32", "powershell.exe")]
)
def test_no_text_is_put_into_a_script(programs, platform: str, program: str) -> None:
    """AppleScript gets it as arguments, and PowerShell in the environment, so no quote ends a
    string.
    """
    programs.add(program)
    (show,) = DesktopWay(platform).receivers(programs.environ)
    told = news(ODD)
    show(told)
    *arguments, title, text = programs.seen
    assert (title, text) == (told.title, told.text)
    script = arguments[:-2] if program == "osascript" else arguments
    assert not any("AWS session" in word for word in script)
    if program == "osascript":
        assert arguments[-2:] == [told.title, told.text]


def test_notify_desktop_names_a_missing_program_or_session_bus(programs, tmp_path: Path) -> None:
    way = parse_way("desktop")
    with pytest.raises(MFAKitError, match="no program 'notify-send'") as failure:
        DesktopWay("linux").check({"PATH": str(tmp_path)})
    assert "--notify TAG" in failure.value.hint
    programs.add("notify-send", "sys.exit(1)")
    nowhere = {"PATH": programs.environ["PATH"], "XDG_RUNTIME_DIR": str(tmp_path)}
    with pytest.raises(MFAKitError, match="no session bus"):
        DesktopWay("linux").check(nowhere)
    if sys.platform == "linux":
        with pytest.raises(MFAKitError, match=r"notify-send, .* failed \(1\)"):
            way.check(programs.environ)


def test_a_program_that_hangs_is_ended_after_its_time(programs) -> None:
    programs.add("notify-send", "import time; time.sleep(60)")
    (show,) = DesktopWay("linux", patience=0.2).receivers(programs.environ)
    with pytest.raises(MFAKitError, match=r"took more than 0\.2 s"):
        show(news())
    (run,) = CommandWay("sleep 60", patience=0.1).receivers(programs.environ)
    with pytest.raises(MFAKitError, match=r"sleep of --on-expiring took more than 0\.1 s"):
        run(news())


def test_programs_get_the_environment_without_secrets() -> None:
    """AWS credentials, other AWS tools' passwords and apprise URLs are left out; all the rest
    stays.
    """
    secret = [
        "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN",
        "AWS_ACCESS_KEY", "AWS_SECRET_KEY", "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        "AWS_BEARER_TOKEN_BEDROCK", "AWS_VAULT_FILE_PASSPHRASE", "SAML2AWS_PASSWORD",
        "MFAKIT_NOTIFY",
    ]  # fmt: skip
    plain = [
        "AWS_PROFILE", "AWS_REGION", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE",
        "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CREDENTIAL_EXPIRATION", "MFAKIT_PROFILE", "HOME",
    ]  # fmt: skip
    assert list(without_secrets(dict.fromkeys(secret + plain, "x"))) == plain


def test_the_on_expiring_command_prints_to_standard_error(home) -> None:
    """It runs without a shell, and its variables name the session."""
    keep_due(home)
    command = 'sh -c \'echo "$0 $MFAKIT_PROFILE $MFAKIT_STATE $AWS_SESSION_TOKEN"\' "a;b $HOME"'
    done = home.mfakit("check", "--on-expiring", command, AWS_SESSION_TOKEN="sssh")
    assert done.stdout.startswith("mfa: expiring, ")
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == "a;b $HOME mfa expiring \n"
    assert done.returncode == 1


def test_an_on_expiring_command_that_cannot_run_is_an_error(home) -> None:
    """A malformed one is wrong usage, and a missing one is noted."""
    with pytest.raises(UsageError, match="cannot be read"):
        CommandWay("echo 'a")
    with pytest.raises(UsageError, match="empty"):
        CommandWay(" ")
    keep_due(home)
    done = home.mfakit("check", "--on-expiring", "gone-tomorrow now")
    assert done.stderr.startswith("mfakit: there is no program 'gone-tomorrow' for --on-expiring\n")
    assert (done.returncode, done.stdout[:13]) == (1, "mfa: expiring")


@pytest.mark.parametrize(
    "url",
    [
        "slack://T0KEN/B",
        "https://hooks.slack.com/services/T0KEN",
        "hooks.slack.com/T0KEN",
        "a T0KEN",
    ],
)
def test_a_url_as_an_argument_is_refused_and_not_repeated(url: str) -> None:
    """Other users can see arguments, and cron mails error messages."""
    with pytest.raises(UsageError) as failure:
        parse_way(url)
    assert "T0KEN" not in f"{failure.value.message} {failure.value.hint}"


def test_wrong_usage_does_not_repeat_a_url(home) -> None:
    for line in (["--notify", "json://T0KEN"], ["--notfy=json://T0KEN"], ["json://T0KEN"]):
        done = home.mfakit("check", *line)
        assert done.returncode == 3
        assert "T0KEN" not in done.stderr + done.stdout


@pytest.fixture
def listener():
    pytest.importorskip("apprise")
    with Listener() as listening:
        yield listening


def write_apprise_config(home, text: str, mode: int = 0o600) -> Path:
    path = home.folder / ".config" / "apprise.yml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def test_apprise_notifies_a_tag_of_its_config_file_once(home, listener) -> None:
    """The message names the session and the command that renews it."""
    keep_due(home)
    write_apprise_config(
        home,
        f"urls:\n  - {listener.url}:\n      tag: ops\n  - json://127.0.0.1:1:\n      tag: no\n",
    )
    for _ in range(2):
        done = home.mfakit("check", "--notify", "ops")
        assert done.stderr == ""
    (message,) = listener.messages
    assert message["title"].startswith("AWS session mfa ends in 1")
    assert message["message"].endswith("To renew it: mfakit login --profile mfa")
    assert message["type"] == "warning"


def test_an_unreadable_file_is_notified_once_until_it_is_mended(home, listener) -> None:
    """Somebody who relies on notifications would wait in vain otherwise."""
    told = {"MFAKIT_NOTIFY": listener.url}
    for content in "junk\n", "junk\n", "[mfa]\n", "junk\n":
        home.write_credentials(content)
        done = home.mfakit("check", "--notify", "env", "--on-expiring", "/no/such", **told)
        assert done.returncode == 3
        assert "/no/such" not in done.stderr
    assert len(listener.messages) == 2
    assert listener.messages[0]["title"].startswith("mfakit cannot look at the AWS sessions of ")
    assert f"{home.credentials}, line 1" in listener.messages[0]["message"]
    assert "mend that line" in listener.messages[0]["message"]


def test_apprise_urls_from_the_environment_or_standard_input_are_notified_once(
    home, listener
) -> None:
    keep_due(home, minutes=-5)
    two = f"{listener.url}/a {listener.url}/b"
    for _ in range(2):
        done = home.mfakit(
            "check", "--notify", "env", "--notify", "-", stdin=listener.url, MFAKIT_NOTIFY=two
        )
        assert done.stderr == ""
    assert [message["type"] for message in listener.messages] == ["failure"] * 3


def test_of_two_urls_the_one_that_works_is_notified_once(home, listener) -> None:
    """The other is tried at each check, and no complaint shows a URL."""
    keep_due(home)
    urls = f"json://127.0.0.1:1/hush-hush {listener.url}"
    for _ in range(2):
        done = home.mfakit("check", "--notify", "env", MFAKIT_NOTIFY=urls)
        assert done.returncode == 1
        assert done.stderr.startswith(
            "mfakit: MFAKIT_NOTIFY: the service did not take the message\nmfakit: try: "
        )
        assert "hush" not in done.stderr
    assert len(listener.messages) == 1


def test_a_malformed_url_stops_no_other_and_is_not_shown(home, listener) -> None:
    keep_due(home)
    for _ in range(2):
        done = home.mfakit("check", "--notify", "env", MFAKIT_NOTIFY=f"hush-hush {listener.url}")
        assert "MFAKIT_NOTIFY holds a URL of no service" in done.stderr
        assert "hush" not in done.stdout + done.stderr
    assert len(listener.messages) == 1


def test_a_message_that_apprise_could_not_send_is_sent_later(home, listener) -> None:
    keep_due(home)
    for status in (500, 200, 200):
        listener.status = status
        home.mfakit("check", "--notify", "env", MFAKIT_NOTIFY=listener.url)
    assert len(listener.messages) == 2


def test_apprise_errors_name_the_cause_and_no_secret(home, listener) -> None:
    """The causes are an unknown tag, a malformed URL, and a file that others can read."""
    keep_due(home)

    def complaint(target: str, **environ: str) -> str:
        done = home.mfakit("check", "--notify", target, **environ)
        assert done.returncode == 1
        assert "hush" not in done.stderr
        return done.stderr.splitlines()[0].removeprefix("mfakit: ")

    assert complaint("env") == "MFAKIT_NOTIFY holds no URL"
    no_url = "MFAKIT_NOTIFY holds a URL of no service that apprise knows"
    assert complaint("env", MFAKIT_NOTIFY="jsn://x/hush-hush") == no_url
    assert complaint("ops") == "no service in apprise's config file has the tag ops"
    path = write_apprise_config(home, f"urls:\n - {listener.url}:\n    tag: ops\n", 0o640)
    assert complaint("ops") == f"others can read the secrets in {path}"
    write_apprise_config(home, f"urls: [{listener.url}\n hush-hush: \t{{")
    assert complaint("ops") == "no service in apprise's config file has the tag ops"
    assert listener.messages == []


def test_without_apprise_the_hint_installs_it_and_the_check_goes_on(home) -> None:
    keep_due(home)
    program = (
        "import importlib.util as util, sys; find = util.find_spec\n"
        "util.find_spec = lambda name: None if name == 'apprise' else find(name)\n"
        "from mfakit.cli.main import main; sys.exit(main(['check', '--notify', 'ops']))"
    )
    done = home.run(sys.executable, "-c", program)
    assert done.returncode == 1
    assert "needs the extra 'notify', which is not installed" in done.stderr
    assert ' "apprise>=' in done.stderr
