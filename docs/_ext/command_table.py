"""Sphinx: pages made of the table of commands, so that nothing is written twice."""

from __future__ import annotations

from command_words import help_of, spellings, synopsis
from sphinx.util.docutils import SphinxDirective

from mfakit.cli.commands import COMMANDS
from mfakit.cli.options import GENERAL_OPTIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docutils.nodes import Node
    from sphinx.application import Sphinx

    from mfakit.cli.options import Command, Option


_IN_CHINESE = {
    "login": "用 MFA 代码换取会话并保存",
    "logout": "从 profile 中删除会话",
    "env": "以环境变量的形式输出会话",
    "exec": "运行一条命令，通过环境变量向它提供会话",
    "serve": "向别处的程序提供会话，并自行续期",
    "console": "用角色的会话登录 AWS 控制台",
    "status": "显示本机的所有会话及剩余时间",
    "check": "用退出码表示会话的状态：有效 0，待续期 1，已过期 2，其他 3",
    "schedule": "每隔几分钟检查一次，及时通知",
    "devices": "列出、登记、重新同步和移除 MFA 设备",
    "keys": "列出、轮换长期访问密钥，或把它移入钥匙串",
    "configure": "把登录的设置写入 AWS 的 config 文件",
    "explain": "显示 AWS 工具使用哪组凭证，以及有什么问题",
    "policy": "生成或检查要求 MFA 的 IAM 策略",
    "demo": "一分钟看完主要功能；您的文件不受影响",
    "simulate": "在环回地址上运行校验 MFA 的 AWS 模拟器",
    "credential-process": "以 JSON 输出会话，供 SDK 使用",
    "completion": "输出 shell 补全命令行所需的内容",
}


class CommandList(SphinxDirective):
    """``{command-list}``: each command in a line, with a link to its section."""

    def run(self) -> list[Node]:
        is_chinese = self.env.docname.startswith("zh-CN/")
        rows = [
            f"| [`{c.name}`](/reference/commands.md#command-{c.name})"
            f" | {_IN_CHINESE[c.name] if is_chinese else c.summary} |"
            for c in COMMANDS.values()
        ]
        head = "| 命令 | 作用 |" if is_chinese else "| command | does |"
        return self.parse_text_to_nodes("\n".join([head, "|---|---|", *rows]))


class Commands(SphinxDirective):
    """``{commands}``: a section for each command, with its example and options."""

    def run(self) -> list[Node]:
        text = "\n".join(_section(command) for command in COMMANDS.values())
        return self.parse_text_to_nodes(text, allow_section_headings=True)


class GeneralOptions(SphinxDirective):
    """``{general-options}``: the options that every command takes."""

    def run(self) -> list[Node]:
        program = _fenced("program", "mfakit")
        return self.parse_text_to_nodes("\n".join([program, *map(_option, GENERAL_OPTIONS)]))


def _section(command: Command) -> str:
    """Write a command's section in Markdown."""
    return "\n".join(
        [
            f"(command-{command.name})=",
            f"## {command.name}",
            "",
            f"{command.summary[0].upper()}{command.summary[1:]}.",
            "",
            _fenced("code-block", "text", [command.example]),
            f"Usage: `{synopsis(command)}`",
            "",
            _fenced("program", f"mfakit {command.name}"),
            *(_option(option) for option in command.options),
        ]
    )


def _option(option: Option) -> str:
    return _fenced("option", ", ".join(spellings(option)), [help_of(option)])


def _fenced(directive: str, argument: str, content: list[str] | None = None) -> str:
    return "\n".join([f"```{{{directive}}} {argument}", *(content or ()), "```", ""])


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives; called by Sphinx."""
    app.add_directive("command-list", CommandList)
    app.add_directive("commands", Commands)
    app.add_directive("general-options", GeneralOptions)
    return {"parallel_read_safe": True}
