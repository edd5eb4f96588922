"""What can be tuned, checked once; and the credential that periferia.toml describes."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final

from periferia_link.errors import ConfigurationError
from periferia_link.typing import Clock, TokenProvider, Wire

if TYPE_CHECKING:
    from periferia_link.settings import SystemSettings

__all__ = ["Options", "credential_of"]


def _is_text(form: str) -> Callable[[Any], bool]:
    pattern = re.compile(form, re.ASCII)
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def _is_whole(low: int, high: float = math.inf) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _is_switch(value: Any) -> bool:
    return isinstance(value, bool)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and all(isinstance(each, str) for each in value)


def _is_seconds(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


def _is_map(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(each, str) for pair in value.items() for each in pair)


_CHECKS: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = {
    "api_version": (_is_text(r"v9(\.\d{1,2}){1,2}"), "it reads like v9.2"),
    "backdate": (_is_switch, "it is true or false"),
    "bulk_from": (_is_whole(2), "it is a whole number from 2"),
    "bypass": (_is_text(r"CustomSync|CustomAsync|CustomSync,CustomAsync"), "it is CustomSync, CustomAsync or both"),
    "caller_id": (_is_text(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"), "it is the id of a user in Entra"),
    "change_tracking": (_is_switch, "it is true or false"),
    "currency": (_is_text(r"[A-Z]{3}"), "it is an ISO 4217 code, such as COP"),
    "detect_duplicates": (_is_switch, "it is true or false"),
    "kinds": (_is_list, 'it is a list of kinds, as ["Client"]'),
    "labels": (_is_switch, "it is true or false"),
    "max_batch": (_is_whole(1, 500), "it is a whole number from 1 to 500"),
    "navigation": (_is_map, "it is a table of navigation properties by lookup column"),
    "overlap": (_is_seconds, "it is a number of seconds"),
    "page_size": (_is_whole(1, 5000), "it is a whole number from 1 to 5000"),
    "parallel": (_is_whole(1, 52), "it is a whole number from 1 to 52"),
    "sole_owner": (_is_list, 'it is a list of kinds, as ["Client"]'),
    "solution": (_is_text(r"\w{1,100}"), "it is the unique name of a solution"),
    "tag": (_is_text(r"[^\x00-\x1f]{0,100}"), "it has at most 100 characters"),
    "user": (lambda value: isinstance(value, str), "it is a text"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """
    What tunes the connector, as keyword arguments or as the table ``[systems.….options]`` of periferia.toml.

    Attributes:
        api_version: Version segment of the Web API.
        backdate: Create records as of the time that they tell, which takes the privilege
            ``prvOverrideCreatedOnCreatedBy``.
        bulk_from: From how many creates on they travel as one bulk message, where the table has it.
        bypass: Custom logic that our writes skip: ``CustomSync``, ``CustomAsync`` or ``CustomSync,CustomAsync``; takes
            the privilege ``prvBypassCustomBusinessLogic``.
        caller_id: Entra object id of a user on whose behalf everything is done; takes
            ``prvActOnBehalfOfAnotherUser``.
        change_tracking: Use change tracking where a table has it.
        currency: Currency of the amounts (ISO 4217).
        detect_duplicates: Let the duplicate rules of the environment refuse our writes.
        kinds: Kinds whose tables, columns and rights ``check()`` looks at; clients and opportunities by default.
        labels: Ask for the texts of choices and lookups as well (formatted values).
        max_batch: Writes in one request, 500 at most: one may take two operations.
        navigation: Navigation property by lookup column, ``{"_cr123_client_value": "cr123_Client"}``, where the
            environment does not tell it. Case matters.
        overlap: Seconds before the latest change that every pull by ``modifiedon`` reads again.
        page_size: Rows asked for at once; the server gives 5,000 at most.
        parallel: Requests in flight, 52 at most; the environment's own hint may lower it.
        sole_owner: Kinds that nobody but this installation writes: their updates may travel as bulk messages, which
            carry no version.
        solution: Unique name of the solution that our writes belong to.
        tag: Text that reaches the environment's plug-ins with every write; they tell our writes by it.
        user: Who signs in, where several identities talk to one environment: limits are per user.
    """

    api_version: str = "v9.2"
    backdate: bool = False
    bulk_from: int = 10
    bypass: str | None = None
    caller_id: str | None = None
    change_tracking: bool = True
    currency: str = "COP"
    detect_duplicates: bool = False
    kinds: Sequence[str] | None = None
    labels: bool = False
    max_batch: int = 100
    navigation: Mapping[str, str] = field(default_factory=dict)
    overlap: float = 300.0
    page_size: int | None = None
    parallel: int = 4
    sole_owner: Sequence[str] = ()
    solution: str | None = None
    tag: str | None = "periferia-link"
    user: str = ""

    @property
    def write_headers(self) -> dict[str, str]:
        """
        Headers of every write that say how the environment treats it.

        Source: "Bypass custom business logic", "Detect duplicate data using the Web API", "Compose HTTP requests".
        """
        headers = {}
        if self.bypass is not None:
            headers["MSCRM.BypassBusinessLogicExecution"] = self.bypass
        if self.detect_duplicates:
            headers["MSCRM.SuppressDuplicateDetection"] = "false"
        if self.solution is not None:
            headers["MSCRM.SolutionUniqueName"] = self.solution
        return headers

    @classmethod
    def checked(cls, name: str, **values: Any) -> Options:
        """
        Return options that make sense.

        Raises:
            ConfigurationError: An unknown option, or a value that is none.
        """
        defaults = {each.name: each.default for each in fields(cls)}
        for option, value in values.items():
            if option not in defaults:
                msg = f"{name}: Dynamics 365 has no option {option}"
                raise ConfigurationError(msg, hint=f"it has {', '.join(defaults)}")
            is_good, form = _CHECKS[option]
            may_be_none = defaults[option] is None or option == "tag"
            if not is_good(value) and not (value is None and may_be_none):
                msg = f"{name}: the option {option} is wrong: {form}"
                raise ConfigurationError(msg, hint=f"correct it in [systems.{name}.options]")
        return cls(**{option: value for option, value in values.items() if option != "navigation" or value is not None})


def credential_of(
    name: str, settings: SystemSettings, *, clock: Clock | None, wire: Wire | None
) -> tuple[TokenProvider, str]:
    """
    Return the credential that the settings describe, and who signs in with it.

    Raises:
        ConfigurationError: A kind of credential that does not work here.
    """
    from periferia_link.settings import StaticTokenSettings  # noqa: PLC0415 - loaded when it is needed
    from periferia_link.transport._auth import StaticToken, entra_application  # noqa: PLC0415 - loaded when it is needed

    told = settings.credential
    application = entra_application(settings, clock=clock, wire=wire)
    if application is not None:
        return application, str(getattr(told, "client_id", ""))
    if isinstance(told, StaticTokenSettings):
        return StaticToken(told.token), ""
    msg = f"{name}: Dynamics 365 signs in with an application of Entra ID"
    raise ConfigurationError(
        msg, hint=f'set kind = "client-secret" or "client-certificate" in [systems.{name}.credential]'
    )
