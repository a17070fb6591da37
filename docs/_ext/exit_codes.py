"""Sphinx: exit codes, taken from the errors, the commands and `check`."""

from __future__ import annotations

from sphinx.util.docutils import SphinxDirective

from mfakit import errors
from mfakit.cli.commands import COMMANDS
from mfakit.session import STATES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docutils.nodes import Node
    from sphinx.application import Sphinx


_ENGLISH = {
    "head": "exit code | it means | in Python",
    0: "it is done",
    errors.FAILED: "it failed: AWS refused or was not reached, a file cannot be read or written",
    errors.EXPIRED: "the session has ended",
    errors.NOT_FOUND: "there is no session, or what is there cannot be read as one",
    errors.USAGE: "what was typed, or stands in the settings, makes no sense; nothing was done",
    errors.CANNOT_RUN: "`exec`: there is such a command, but it cannot be run",
    errors.COMMAND_NOT_FOUND: "`exec`: there is no such command",
    "own": "every error of {} that is not what it ran or found",
}
_CHINESE = {
    "head": "退出码 | 含义 | Python 中的异常",
    0: "完成",
    errors.FAILED: "失败：AWS 拒绝请求或无法连接，或者文件无法读取或写入",
    errors.EXPIRED: "会话已过期",
    errors.NOT_FOUND: "没有会话，或者其中的内容无法作为会话读取",
    errors.USAGE: "命令行或设置有误；什么也没有做",
    errors.CANNOT_RUN: "`exec`：有这个命令，但无法运行",
    errors.COMMAND_NOT_FOUND: "`exec`：没有这个命令",
    "own": "{} 自身的一切错误；所运行的命令的退出码、检查出的问题不在此列",
}


class ExitCodes(SphinxDirective):
    """``{exit-codes}``: each code, what it means, and the errors that have it."""

    def run(self) -> list[Node]:
        words = _CHINESE if self.env.docname.startswith("zh-CN/") else _ENGLISH
        by_code: dict[int, list[str]] = {0: []}
        for name, error in vars(errors).items():
            if isinstance(error, type) and issubclass(error, errors.MFAKitError):
                by_code.setdefault(error.exit_code, []).append(f"{{exc}}`~mfakit.errors.{name}`")
        rows = [
            f"| {code} | {words[code]} | {', '.join(by_code[code])} |" for code in sorted(by_code)
        ]
        for c in COMMANDS.values():
            if c.error_exit_code is not None:
                link = f"[`{c.name}`](/reference/commands.md#command-{c.name})"
                rows.append(f"| {c.error_exit_code} | {words['own'].format(link)} | |")
        head = [f"| {words['head']} |", "|---|---|---|"]
        return self.parse_text_to_nodes("\n".join([*head, *rows]))


class ExitCodesOfCheck(SphinxDirective):
    """``{exit-codes-of-check}``: the states of a session, and the code of each."""

    def run(self) -> list[Node]:
        rows = [f"| {state.exit_code} | `{state}` |" for state in STATES]
        is_chinese = self.env.docname.startswith("zh-CN/")
        head = "| 退出码 | 状态 |" if is_chinese else "| exit code | state |"
        return self.parse_text_to_nodes("\n".join([head, "|---|---|", *rows]))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives; called by Sphinx."""
    app.add_directive("exit-codes", ExitCodes)
    app.add_directive("exit-codes-of-check", ExitCodesOfCheck)
    return {"parallel_read_safe": True}
