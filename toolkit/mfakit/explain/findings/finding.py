"""A finding: what is wrong, what it leads to, and the command that mends it."""

from __future__ import annotations


class Finding:
    """Something that is wrong.

    Args:
        code: names the rule, such as ``variables-shadow-profile``.
        message: what is the case.
        leads_to: what comes of it.
        fix: the command that mends it, for a POSIX shell.
        matters: whether AWS would be called with other credentials than meant, or refuse.
    """

    __slots__ = ("code", "fix", "leads_to", "matters", "message")

    def __init__(
        self, code: str, message: str, leads_to: str, fix: str, *, matters: bool = True
    ) -> None:
        self.code = code
        self.message = message
        self.leads_to = leads_to
        self.fix = fix
        self.matters = matters


def quoted(text: str) -> str:
    """Quote a word for a shell."""
    import shlex

    return shlex.quote(text)


def shortened(access_key_id: str | None) -> str:
    """Show a key's id by its ends; the whole of it says more than others need to know."""
    if access_key_id is None:
        return "unknown"
    return (
        access_key_id if len(access_key_id) <= 8 else f"{access_key_id[:4]}...{access_key_id[-4:]}"
    )


def without_lines(path: str, *lines: int) -> str:
    """Give the command that takes lines out of a file, and keeps a copy of it."""
    return f"sed -i.bak '{';'.join(f'{line}d' for line in lines)}' {quoted(path)}"
