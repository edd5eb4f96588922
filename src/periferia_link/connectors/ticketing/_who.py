"""Which installation answers, and as whom it knows us."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from periferia_link.connectors.base import SystemInfo
from periferia_link.connectors.ticketing._paths import look_up
from periferia_link.connectors.ticketing._requests import Line
from periferia_link.errors import AuthenticationError, ContractBrokenError

__all__ = ["installation"]


def installation(line: Line, *, product: str, username: str) -> SystemInfo:
    """
    Ask who we are; without an address for that, the address of the server names the installation.

    Args:
        line: Speaks to the server.

        product: Name of the product.

        username: Name that we signed in with.

    Raises:
        AuthenticationError: The server lets us in as nobody.
        ContractBrokenError: It does not say what the profile promises.
        ConnectorError: It refuses.
    """
    profile, who = line.profile, line.profile.auth.who
    if who is None:
        return SystemInfo(system_id=line.transport.base_url, product=product)
    path = who.path.replace("{username}", quote(username, safe=""))
    told = line.document(line.ask(path, what=path))
    identity = None if who.identity is None else look_up(told, who.identity)
    if who.identity is not None and (identity or "") in who.anonymous:
        msg = "the server lets us in as nobody: the credentials are not the ones it knows"
        raise AuthenticationError(msg, hint="check the secret it names", system=line.system)
    system_id: Any = line.transport.base_url
    if who.system_id is not None:
        system_id = look_up(told, who.system_id)
        if not isinstance(system_id, str) or not system_id.strip():
            place = f"{who.system_id} of /{profile.root.strip('/')}/{path}"
            msg = f"the server does not say which installation it is ({place})"
            raise ContractBrokenError(msg, hint=line.advice, system=line.system)
    rights = None if who.rights is None else look_up(told, who.rights)
    given = {str(right) for right in rights} if isinstance(rights, list) else set()
    lacking = {} if who.rights is None else _lacking(line, given)
    missing = sorted(right for right, is_optional in lacking.items() if not is_optional)
    version = None if who.version is None else look_up(told, who.version)
    return SystemInfo(
        system_id=system_id,
        product=product,
        version=None if version is None else str(version),
        identity=None if identity is None else str(identity),
        missing=missing,
        next_step=f"give the account the rights {', '.join(missing)} in {product}" if missing else None,
        details={right: "not given" for right, is_optional in sorted(lacking.items()) if is_optional},
    )


def _lacking(line: Line, given: set[str]) -> dict[str, bool]:
    kinds = line.profile.kinds.values()
    return {rules.right: rules.optional for rules in kinds if rules.right is not None and rules.right not in given}
