"""Environment: variables in the syntax of each shell, and in formats that programs read from files.

Every value is quoted so that the shell takes it as it is: nothing in it is expanded or run. A value
that a syntax cannot hold is an error, never a guess. No value has control characters: a session
with one is refused.

Many people write `eval $(mfakit env)`, without quotes. The shell then cuts the text at spaces and
line ends, and puts one space between the pieces. So each statement ends with a semicolon where the
shell knows one, and no two spaces follow each other.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Variables = dict[str, str]


# Characters that a shell expands in a word without quotes.
_PATTERNS = "*?[]\\{}~"


class Shell:
    """How one shell sets a variable, unsets one, and fails without changing anything.

    Args:
        assign: makes the statement that sets a variable; raises ValueError if it cannot.
        unset: the statement that unsets ``{name}``.
        failure: a statement that fails, so that evaluating the output of a failed command fails.
        usage: the line that evaluates the output of ``{command}``.
        guard: makes a last statement for variables and the statements that set them, which fails
            if the shell has not set the right values; "" if there is none.
        end: the text that separates a statement from the next.
    """

    __slots__ = ("assign", "end", "failure", "guard", "unset", "usage")

    def __init__(
        self,
        assign: Callable[[str, str], str],
        unset: str,
        failure: str,
        usage: str,
        guard: Callable[[Mapping[str, str], str], str] = lambda _variables, _text: "",
        end: str = ";",
    ) -> None:
        self.assign = assign
        self.unset = unset
        self.failure = failure
        self.usage = usage
        self.guard = guard
        self.end = end


def _sh(name: str, value: str) -> str:
    quoted = _single_spaces(value.replace("'", "'\"'\"'"))
    return f"export {name}='{quoted}'"


def _sh_guard(variables: Mapping[str, str], text: str) -> str:
    """Write a statement that fails if the shell has changed the text before it evaluates it.

    Without quotes it replaces each character that is in the variable IFS by a space, and expands
    patterns and braces. The variables would have wrong values then, and are unset.
    """
    signs = {sign for sign in text if sign.isascii() and not sign.isalnum()}
    cases = "|".join(f"'{sign}'" for sign in sorted(signs - set(f" \n'{_PATTERNS}")))
    checks = [f"case ' ' in {cases}) false;; esac"]
    for name, value in variables.items():
        if any(sign in value for sign in _PATTERNS):  # a shell counts letters or bytes
            checks.append(f"[ ${{#{name}}} -ge {len(value)} ]")
            checks.append(f"[ ${{#{name}}} -le {len(value.encode())} ]")
    return (
        f"{' && '.join(checks)} || {{ unset {' '.join(variables)};"
        " echo 'mfakit: write it with quotes: eval \"$(mfakit env)\"' >&2; false; }"
    )


def _single_spaces(quoted: str) -> str:
    """Put the end and the beginning of single quotes between two spaces."""
    while "  " in quoted:
        quoted = quoted.replace("  ", " '' ")
    return quoted


def _fish(name: str, value: str) -> str:
    quoted = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"set -gx {name} '{quoted}'"


def _csh(name: str, value: str) -> str:
    # csh looks for history even in quotes, and takes no backslash there but before !
    quoted = _single_spaces(value.replace("'", "'\"'\"'").replace("!", "\\!"))
    return f"setenv {name} '{quoted}';"


def _csh_guard(variables: Mapping[str, str], _text: str) -> str:
    """Write a lone brace if there is any in a value.

    Without quotes csh expands braces, and fails at this one before it evaluates anything.
    """
    return ": '{';" if any("{" in value for value in variables.values()) else ""


def _elvish(name: str, value: str) -> str:
    quoted = value.replace("'", "''")
    return f"set-env {name} '{quoted}'"


def _nu(name: str, value: str) -> str:
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'$env.{name} = "{quoted}"'


def _xonsh(name: str, value: str) -> str:
    return f"${name} = {value!r}"


def _powershell(name: str, value: str) -> str:
    # PowerShell takes typographic single quotes for plain ones; doubled, each stands for itself.
    quoted = "".join(
        letter * 2 if letter in "'\u2018\u2019\u201a\u201b" else letter for letter in value
    )
    return f"$Env:{name} = '{quoted}'"


def _cmd(name: str, value: str) -> str:
    # Inside the quotes only % and " still mean something to cmd, and ! where delayed expansion
    # is on; a batch file and the prompt would need different escapes for %, so there is none.
    if any(character in value for character in '%"!'):
        raise ValueError('cmd cannot take a value with %, " or ! in it')
    return f'set "{name}={value}"'


# A universal variable is in a file of fish: erasing it would erase it in every shell, for good.
_FISH_UNSET = (
    "set -eg {name}; set -qU {name}; and echo 'mfakit: {name} is a universal variable, and goes on;"
    " to end that: set -eU {name}' >&2; or true"
)

SHELLS = {
    "sh": Shell(_sh, "unset {name}", "false", 'eval "$({command})"', _sh_guard),
    "fish": Shell(_fish, _FISH_UNSET, "false", "{command} | source"),
    "csh": Shell(_csh, "unsetenv {name};", "false;", 'eval "`{command}`"', _csh_guard, end=""),
    "elvish": Shell(
        _elvish, "unset-env {name}", "fail 'mfakit gave no session'", "eval ({command} | slurp)"
    ),
    "nu": Shell(
        _nu,
        "hide-env --ignore-errors {name}",
        'error make {msg: "mfakit gave no session"}',
        # There is no eval; these statements are for a file that exists when nu starts.
        "{command} --shell json | from json | load-env;"
        " hide-env -i AWS_PROFILE AWS_DEFAULT_PROFILE AWS_SECURITY_TOKEN",
    ),
    "xonsh": Shell(
        _xonsh,
        "${{...}}.pop('{name}', None)",
        "raise RuntimeError('mfakit gave no session')",
        "execx($({command}))",
    ),
    "powershell": Shell(
        _powershell,
        "Remove-Item Env:{name} -ErrorAction SilentlyContinue",
        "throw 'mfakit gave no session'",
        "{command} | Out-String | Invoke-Expression",
    ),
    "cmd": Shell(
        _cmd,
        'set "{name}="',
        "cmd /c exit 1",
        "for /f \"delims=\" %i in ('{command}') do %i",
        end="",
    ),
}

# The programs that are shells of these kinds.
KINDS = {
    "bash": "sh",
    "zsh": "sh",
    "dash": "sh",
    "ash": "sh",
    "busybox": "sh",
    "ksh": "sh",
    "ksh93": "sh",
    "mksh": "sh",
    "lksh": "sh",
    "yash": "sh",
    "sh": "sh",
    "csh": "csh",
    "tcsh": "csh",
    "bsd-csh": "csh",
    "fish": "fish",
    "elvish": "elvish",
    "nu": "nu",
    "xonsh": "xonsh",
    "pwsh": "powershell",
    "powershell": "powershell",
    "cmd": "cmd",
}


def shell_kind(name: str) -> str:
    """Return the kind of a shell that is named like a program, such as ``sh`` for ``zsh``."""
    return KINDS.get(name, name)


def unset_line(shell: str, names: Iterable[str]) -> str:
    """Return a line that unsets variables, as a person would write it.

    Args:
        shell: its kind; all but fish and PowerShell get a line of sh.
        names: of the variables.
    """
    if shell == "powershell":
        return f"Remove-Item {', '.join(f'Env:{name}' for name in names)}"
    return " ".join(["set -e" if shell == "fish" else "unset", *names])


def _dotenv(variables: Variables) -> str:
    # Readers differ on escapes and on $, even in single quotes; without any they agree.
    for name, value in variables.items():
        if any(character in value for character in "'\\$"):
            raise ValueError(f"a .env file cannot hold {name} with ', \\ or $ in it")
    return "".join(f"{name}='{value}'\n" for name, value in variables.items())


def assignments(variables: Variables) -> str:
    """Write lines of which everything after the sign is the value, even quotes.

    Docker reads them, and the file that ``GITHUB_ENV`` names has them.
    """
    return "".join(f"{name}={value}\n" for name, value in variables.items())


def json_object(values: Mapping[str, str | int]) -> str:
    """Write a JSON object of printable texts and numbers, a line each.

    Loading Python's json would take longer than finding the session.
    """
    members = ",\n".join(f"  {_json_text(name)}: {_json_value(values[name])}" for name in values)
    return f"{{\n{members}\n}}\n"


def _json_value(value: str | int) -> str:
    return _json_text(value) if isinstance(value, str) else str(value)


def _json_text(text: str) -> str:
    if not text.isascii() or not text.isprintable():
        import json

        return json.dumps(text)
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


FORMATS: dict[str, Callable[[Variables], str]] = {
    "dotenv": _dotenv,
    "docker": assignments,
    "json": json_object,
}
