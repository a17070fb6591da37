"""Sphinx: the places where boto3 looks for credentials, as botocore lists them."""

from __future__ import annotations

from sphinx.util.docutils import SphinxDirective

from mfakit.explain import _WORDS as WORDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docutils.nodes import Node
    from sphinx.application import Sphinx


_IN_CHINESE = {
    "env": "环境变量",
    "assume-role": "角色",
    "assume-role-with-web-identity": "凭 Web 身份代入的角色",
    "shared-credentials-file": "凭证文件",
    "config-file": "config 文件",
    "boto-config": "boto 的旧配置文件",
    "container-role": "容器的元数据",
    "iam-role": "机器的元数据",
}  # the others are names, the same in both languages


class ProviderChain(SphinxDirective):
    """``{provider-chain}``: the places in their order, by botocore's names and in words."""

    def run(self) -> list[Node]:
        from botocore.session import Session

        providers = Session(profile=None).get_component("credential_provider").providers
        is_chinese = self.env.docname.startswith("zh-CN/")
        words = {**WORDS, **_IN_CHINESE} if is_chinese else WORDS
        colon = "：" if is_chinese else ": "
        rows = [f"1. `{p.METHOD}`{colon}{words[p.METHOD]}" for p in providers]
        return self.parse_text_to_nodes("\n".join(rows))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive; called by Sphinx."""
    app.add_directive("provider-chain", ProviderChain)
    return {"parallel_read_safe": True}
