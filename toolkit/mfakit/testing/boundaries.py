"""Permissions boundaries of users, which moto does not keep."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mfakit.testing.directory import shown_boundary
from mfakit.testing.errors import AWSError, no_such_entity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mfakit.testing.directory import Directory
    from mfakit.testing.keys import Credentials
    from mfakit.testing.wire import Response

    Parameters = Mapping[str, str]


class Boundaries:
    """The calls that set and remove them.

    Attributes:
        operations: the calls, by name.
    """

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self.operations = {
            "PutUserPermissionsBoundary": self._put,
            "DeleteUserPermissionsBoundary": self._delete,
        }

    def check(self, given: Parameters) -> None:
        """Refuse a boundary that is no policy, of a user or a role.

        Raises:
            AWSError: there is none of that ARN.
        """
        arn = given.get("PermissionsBoundary")
        if arn is None:
            return
        try:
            self._directory.managed_document(arn)
        except AWSError:
            text = f"Scope ARN: {arn} does not exist or is not attachable."
            raise no_such_entity(text) from None

    def amend(self, given: Parameters, response: Response) -> Response:
        """Return the answer to CreateUser with the boundary that was given."""
        arn = given.get("PermissionsBoundary")
        if arn is None:
            return response
        shown = "".join(f"<{name}>{text}</{name}>" for name, text in shown_boundary(arn).items())
        element = f"<PermissionsBoundary>{shown}</PermissionsBoundary></User>"
        return replace(response, body=response.body.replace(b"</User>", element.encode()))

    def _put(self, _caller: Credentials, given: Parameters) -> dict[str, Any] | None:
        user = self._directory.user(given["UserName"])
        self._directory.set_boundary(user.name, given["PermissionsBoundary"])
        return None

    def _delete(self, _caller: Credentials, given: Parameters) -> dict[str, Any] | None:
        user = self._directory.user(given["UserName"])
        if not self._directory.boundary_arn(user):
            raise no_such_entity(f"There is no permissions boundary of user {user.name}.")
        self._directory.set_boundary(user.name, "")
        return None
