"""How the seed of a new MFA device reaches the authenticator app: it is shown, and never kept."""

from __future__ import annotations

import os

from mfakit.cli.output import note
from mfakit.errors import MFAKitError, UsageError
from mfakit.exchange.enrolment import otpauth_uri
from mfakit.language import translate
from mfakit.programs import find_words, run_within, split_command, without_secrets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

    from mfakit.exchange.enrolment import Made
    from mfakit.exchange.terminal import Terminal

_SEED_LETTERS = 64  # of every seed of AWS
_PROGRAM_SECONDS = 120
_BORDER = 2
_DARK_ON_LIGHT, _PLAIN = "\x1b[38;5;16;48;5;231m", "\x1b[0m"


def delivery(
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
