"""Sphinx: the places where boto3 looks for credentials, as botocore lists them."""

from __future__ import annotations

from sphinx.util.docutils import SphinxDirective

from mfakit.explain import _WORDS as WORDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docutils.nodes import Node
    from sphinx.application import Sphinx


class ProviderChain(SphinxDirective):
    """``{provider-chain}``: the places in their order, by botocore's names and in words."""

    def run(self) -> list[Node]:
        from botocore.session import Session

        providers = Session(profile=None).get_component("credential_provider").providers
        rows = [f"1. `{p.METHOD}`: {WORDS[p.METHOD]}" for p in providers]
        return self.parse_text_to_nodes("\n".join(rows))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive; called by Sphinx."""
    app.add_directive("provider-chain", ProviderChain)
    return {"parallel_read_safe": True}
