"""`mfakit devices`: list the MFA devices of a user, enrol one, resynchronise it, remove it.

The seed of a new device is shown, or handed to an authenticator app, and never kept.
"""

from __future__ import annotations

import os
import shlex
from contextlib import contextmanager

from mfakit.cli.commands import COMMANDS
from mfakit.cli.output import escape, note, show, show_verbs
from mfakit.errors import ExchangeError, MFAKitError, NobodyToAskError, ProfileError, UsageError
from mfakit.exchange.source import find_source
from mfakit.language import translate
from mfakit.profiles.selection import session_profile
from mfakit.programs import find_words, run_within, split_command, without_secrets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Iterator

    from mfakit.exchange.enrolment import Made, UserDevices
    from mfakit.exchange.iam import Device
    from mfakit.exchange.source import Source
    from mfakit.exchange.terminal import Terminal
    from mfakit.profiles.aws_files import AWSFiles
    from mfakit.profiles.profile import Profile

_SERIAL_NUMBER = "mfa_serial"
_STS_SECONDS = 10  # until STS knows of a change that IAM has made; 7 to 9 were seen
_TAKEN: dict[str | None, set[str]] = {
    None: {"user"},
    "add": {"name", "png", "show_seed", "seed_to"},
    "resync": {"name", "user"},
    "remove": {"name", "user", "last"},
}

_SEED_LETTERS = 64  # of every seed of AWS
_PROGRAM_SECONDS = 120
_BORDER = 2
_DARK_ON_LIGHT, _PLAIN = "\x1b[38;5;16;48;5;231m", "\x1b[0m"


def run(options: Namespace, files: AWSFiles) -> int:
    """Run the command."""
    taken = {"action", "profile", "source_profile", *_TAKEN[options.action]}
    what = f"devices {options.action}" if options.action else "devices alone"
    COMMANDS["devices"].refuse_others(options, taken, what)
    actions = {"add": _add, "resync": _resync, "remove": _remove}
    return actions.get(options.action, _list)(options, files)


def _list(options: Namespace, files: AWSFiles) -> int:
    """Print the devices, and name those that are nobody's."""
    from mfakit.exchange.iam import find_devices, unread_device

    if options.user is None:
        profile = session_profile(options.profile, files)
        devices = find_devices(find_source(options.source_profile, profile))
    else:
        devices = _devices(options, files).listed()
    for device in devices:
        usable = "" if device.is_usable else ", which AWS takes no code from"
        show(f"{escape(device.serial_number)}  {device.kind}{usable}\n")
        if device.is_guess:
            guess = "IAM does not let this user list devices; that one is a guess"
            note("; ".join(filter(None, (guess, unread_device()))))
    if not devices:
        note(
            "the user has no MFA device; add one: mfakit devices add"
            if options.user is None
            else f"the user {options.user} has no MFA device"
        )
    _name_unused(options, files)
    if options.user is None:
        show_verbs(COMMANDS["devices"].verb_lines())
    return 0


def _name_unused(options: Namespace, files: AWSFiles) -> None:
    """Name the devices of the user that were never enabled; a denial is no error."""
    try:
        devices = _devices(options, files)
        for serial_number in devices.unused():
            name = shlex.quote(serial_number.rpartition("/")[2])
            again = f"mfakit devices remove {name}{devices.whose}"
            note(f"the device {serial_number} is nobody's: {again}")
    except MFAKitError:
        return


def _add(options: Namespace, files: AWSFiles) -> int:
    """Enrol a device, let the session profile use it, and log in."""
    from mfakit.exchange.enrolment import check_device_name
    from mfakit.exchange.terminal import turn_to_ask
    from mfakit.profiles.own_files import OwnFile

    if options.name is not None:
        check_device_name(options.name)
    profile = session_profile(options.profile, files, options.source_profile)
    profile.check_may_hold()
    terminal = _terminal()
    _end_by_exception()
    devices = _devices(options, files)
    deliver = _delivery(options, devices.serial_number(options.name), terminal)
    turn = OwnFile.of(profile.files.credentials_path, "turns", devices.serial_number(None))
    with turn_to_ask(turn, note):  # else each would delete what the other has just made
        serial_number = devices.add(options.name, deliver, terminal)
    note(f"the device {serial_number} is enabled")
    _write_serial_number(profile, serial_number)
    terminal.count_down(_STS_SECONDS, translate("AWS takes its codes"))
    _log_in(options, profile, serial_number)
    return 0


def _end_by_exception() -> None:
    """Let a closed window or a shutdown end the command so that it can still clean up."""
    import signal

    def end(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    for name in ("SIGTERM", "SIGHUP", "SIGQUIT"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), end)


def _resync(options: Namespace, files: AWSFiles) -> int:
    """Let AWS adopt the time of a device."""
    terminal = _terminal()
    devices = _devices(options, files)
    usable = [device for device in devices.listed(options.name) if device.is_usable]
    device = _choose(usable, options, devices.user, terminal)
    if device is None:
        raise _no_such_device(options, devices)
    with _naming_denial(device, devices):
        devices.resync(device.serial_number, terminal)
    note(f"AWS has adopted the time of {device.serial_number}; log in: mfakit login")
    note("the usual cause is the phone's clock: let the phone set its time by itself")
    return 0


def _remove(options: Namespace, files: AWSFiles) -> int:
    """Remove a device, and let the profiles that named it name the one that stays."""
    from mfakit.exchange.terminal import Terminal

    _end_by_exception()
    devices = _devices(options, files)
    present = devices.listed(options.name)
    device = _choose(present, options, devices.user, Terminal())
    stays = [one for one in present if one.is_usable and one != device]
    wanted = device.serial_number if device else options.name
    if wanted is not None and (device is None or device.is_guess):
        gone = devices.remove_unused(wanted, may_log_in=device is None)
        if gone is not None:
            note(f"deleted the device {gone}, which was nobody's")
            _replace_serial_number(gone, stays, files)
            return 0
    if device is None:
        raise _no_such_device(options, devices)
    if device.is_usable and not stays and not options.last:
        raise _last_device(device, devices.user)
    with _naming_denial(device, devices):
        devices.remove(device.serial_number)
    note(f"removed the device {device.serial_number}")
    _replace_serial_number(device.serial_number, stays, files)
    return 0


def _last_device(device: Device, user: str) -> ProfileError:
    if device.is_guess:
        return ProfileError(
            f"{device.serial_number} may be the last device of {user}, whose devices IAM does not"
            " let you list: without it there may be no session with MFA",
            "if another one stays, or it is lost: --last",
        )
    return ProfileError(
        f"{device.serial_number} is the last device of {user}: without it there is no session with"
        " MFA, and nothing that policies allow only with MFA",
        "add the new one first: mfakit devices add; or, if it is lost: --last",
    )


@contextmanager
def _naming_denial(device: Device, devices: UserDevices) -> Iterator[None]:
    """Let the error for a device that AWS does not know say that the list was denied, if it was."""
    try:
        yield
    except ExchangeError as error:
        if device.is_guess and error.message.startswith("AWS answered NoSuchEntity:"):
            error.hint = (
                f"IAM does not let you list the devices of {devices.user}: name it by its whole"
                " serial number, or have iam:ListMFADevices allowed; mfakit policy require-mfa does"
            )
        raise


def _choose(
    present: list[Device], options: Namespace, user: str, terminal: Terminal
) -> Device | None:
    """Return the device that is named, or the only one; of several, ask."""
    if options.name is not None:
        named = (options.name, f"/{options.name}")
        return next(
            (
                one
                for one in present
                if one.serial_number == named[0] or one.serial_number.endswith(named[1])
            ),
            None,
        )
    if len(present) < 2:
        return present[0] if present else None
    names = [device.serial_number for device in present]
    try:
        return present[terminal.choose(translate("Which device?"), names)]
    except NobodyToAskError:
        raise UsageError(
            f"the user {user} has several devices: {', '.join(names)}",
            f"name one: mfakit devices {options.action} {shlex.quote(names[0])}",
        ) from None


def _no_such_device(options: Namespace, devices: UserDevices) -> ProfileError:
    which = f"the user {devices.user} has no device {options.name}"
    if options.name is None:
        which = f"the user {devices.user} has no device that gives codes"
    return ProfileError(which, f"see them: mfakit devices{devices.whose}")


def _devices(options: Namespace, files: AWSFiles) -> UserDevices:
    from mfakit.exchange.enrolment import UserDevices

    profile = session_profile(options.profile, files, options.source_profile)
    source = find_source(options.source_profile, profile)
    return UserDevices(source, lambda: _session(options, profile, source), note, options.user)


def _session(options: Namespace, profile: Profile, source: Source) -> Source:
    """Return a session of the user's, as IAM wants MFA for the call."""
    from mfakit.exchange.login import login
    from mfakit.exchange.recipe import LoginRequest

    request = LoginRequest(options.source_profile, note=note)
    session = login(profile.read_again(), request).session
    return source.replace(
        access_key_id=session.access_key_id,
        secret_access_key=session.secret_access_key,
        session_token=session.session_token,
    )


def _log_in(options: Namespace, profile: Profile, serial_number: str) -> None:
    from mfakit.cli.login import as_text
    from mfakit.exchange.login import login
    from mfakit.exchange.recipe import LoginRequest

    note("log in with the next code, when the device shows it")
    request = LoginRequest(options.source_profile, serial_number, note=note)
    note(as_text(login(profile.read_again(), request)))


def _terminal() -> Terminal:
    """Return the terminal; raise an ExchangeError if the user cannot be asked there."""
    from mfakit.exchange.terminal import Terminal

    terminal = Terminal()
    try:
        terminal.check()
    except NobodyToAskError:
        raise ExchangeError(
            "there is no terminal to ask for two codes on", "run it in a terminal"
        ) from None
    return terminal


def _write_serial_number(profile: Profile, serial_number: str) -> None:
    """Let the session profile use a device; a file that cannot be written is only noted."""
    from mfakit.profiles.settings import change_settings

    profile = profile.read_again()
    try:
        settings = {profile.name: {_SERIAL_NUMBER: serial_number}}
        change_settings(profile, settings, note, by_login=True)
        if (named := profile.read_again().setting(_SERIAL_NUMBER)) != serial_number:
            who = "which another program has just written"
            note(f"the profile {profile.name} names {named}, {who}")
    except MFAKitError as error:
        note(f"{_SERIAL_NUMBER} of profile {profile.name} was not written: {error.message}")


def _replace_serial_number(gone: str, stays: list[Device], files: AWSFiles) -> None:
    """Let the profiles that named a device name the one that stays, or none."""
    from mfakit.profiles.settings import edit_settings

    files = files.read_again()
    new = stays[0].serial_number if len(stays) == 1 else None
    for name in files.profiles():
        if files.setting(_SERIAL_NUMBER, name) == gone:
            settings = {name: {_SERIAL_NUMBER: new}}
            if edit_settings(settings, files, note, if_as_read=True):
                note(f"the profile {name} names {new or 'no device'} now")


def _delivery(
    options: Namespace, serial_number: str, terminal: Terminal
) -> Callable[[Made], object]:
    """Return what brings the seed to the authenticator app, after all checks that are possible."""
    drawn = not (options.png or options.show_seed or options.seed_to)
    _check_places(options)
    if drawn:
        _check_window(serial_number, terminal)

    def deliver(made: Made) -> None:
        if options.seed_to is not None:
            _hand_to_program(made, options.seed_to)
        if options.png is not None:
            _write_png(made, options.png)
        if options.show_seed:
            groups = [made.seed[at : at + 4] for at in range(0, len(made.seed), 4)]
            terminal.say(translate("the seed of {device}:", device=made.serial_number))
            terminal.say(" ".join(groups))
        if drawn:
            terminal.say(_as_half_blocks(made.uri))

    return deliver


def _check_places(options: Namespace) -> None:
    if options.png is not None and os.path.lexists(options.png):
        raise UsageError(f"{options.png} exists already", "name a new file")
    if options.png is not None and not os.path.isdir(os.path.dirname(options.png) or "."):
        raise UsageError(f"{options.png} is in no folder", "name a new file in one that exists")
    if options.seed_to is not None:
        find_words(options.seed_to, "--seed-to", "install it, or name another")


def _check_window(serial_number: str, terminal: Terminal) -> None:
    """Raise an error if the QR code of a device cannot be drawn on the terminal."""
    import locale

    from mfakit.exchange.enrolment import otpauth_uri

    lines = _as_half_blocks(otpauth_uri(serial_number, "A" * _SEED_LETTERS)).split("\n")
    columns = 2 * len(lines) - 1
    rows = len(lines) + 1  # the question for the code stands below
    size = terminal.size()
    other = "--png FILE, --show-seed, or --seed-to COMMAND"
    if size.columns < columns or size.lines < rows:
        raise MFAKitError(
            f"the window of {size.columns}x{size.lines} is too small for a QR code",
            f"make it {columns}x{rows} or larger, or run it with {other}",
        )
    if "utf" not in locale.getencoding().lower():
        raise MFAKitError(
            f"the locale's encoding, {locale.getencoding()}, cannot show a QR code",
            f"take a locale with UTF-8, or run it with {other}",
        )


def _as_half_blocks(text: str) -> str:
    """Return a QR code, two rows of it in each line, dark on light whatever the terminal's own."""
    import segno

    code = segno.make(text, error="l", micro=False, boost_error=False)
    rows = [bytes(row) for row in code.matrix_iter(border=_BORDER)]
    if len(rows) % 2:
        rows.append(bytes(len(rows[0])))
    shown = (
        "".join(" ▀▄█"[upper + 2 * lower] for upper, lower in zip(*pair, strict=True))
        for pair in zip(rows[::2], rows[1::2], strict=True)
    )
    return "\n".join(f"{_DARK_ON_LIGHT}{line}{_PLAIN}" for line in shown)


def _write_png(made: Made, path: str) -> None:
    """Write the QR code to a new file that only its owner can read."""
    import segno

    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(descriptor, "wb") as file:
                segno.make(made.uri, error="l", micro=False).save(file, kind="png", scale=6)
        except BaseException:
            os.unlink(path)  # half of a picture
            raise
        note(f"the QR code is in {path}; delete it when the app has it")
    except OSError as error:
        raise MFAKitError(f"cannot write {path}: {error.strerror}", "name a new file") from None


def _hand_to_program(made: Made, command: str) -> None:
    """Run a program with the URI on its standard input; what it prints there may be the seed."""
    import subprocess

    words = split_command(command)
    hint = "run it by hand, and see what it says"
    try:
        done = run_within(
            _PROGRAM_SECONDS,
            words,
            f"{made.uri}\n".encode(),
            env=without_secrets(os.environ),
            stdout=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MFAKitError(f"{words[0]} did not end ({type(error).__name__})", hint) from None
    if done.returncode:
        raise MFAKitError(f"{words[0]} failed ({done.returncode})", hint)
