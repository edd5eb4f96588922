"""The tables of a profile that say how one signs in and what times look like; and what all tables are made of."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, field_validator

__all__ = ["AuthRules", "LoginRules", "PathText", "Rules", "Scalar", "Statuses", "TimeRules", "WhoRules"]

PathText: TypeAlias = Annotated[str, Field(max_length=300)]
Statuses: TypeAlias = tuple[Annotated[int, Field(ge=100, le=599)], ...]
Scalar: TypeAlias = bool | int | str


class Rules(BaseModel):
    """Base of every table: immutable, without keys that nobody knows."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False, validate_by_name=True
    )


class WhoRules(Rules):
    """Who am I: the address that proves a real login, and what stands where in its answer."""

    path: PathText = Field(description="address below the root; {username} is filled in")
    identity: PathText | None = Field(default=None, description="path of the account's name")
    system_id: PathText | None = Field(default=None, description="path of what identifies the installation for ever")
    version: PathText | None = Field(default=None, description="path of the product's version")
    rights: PathText | None = Field(default=None, description="path of a list of rights")
    anonymous: tuple[Scalar | None, ...] = Field(
        default=(), description='values of identity that mean nobody ("": none): some answer 200 to a wrong key'
    )


class LoginRules(Rules):
    """A session that is opened with a name and a password (or a key) before the first request."""

    path: PathText = Field(description="address below the root")
    method: Literal["POST", "GET"] = "POST"
    send: Literal["json", "basic", "header"] = Field(
        default="json", description="name and password in a JSON body, by basic authentication, or a key in a header"
    )
    username: str = Field(default="username", description="member of the body that holds the name")
    password: str = Field(default="password", description="member of the body that holds the password")
    header: str = Field(default="Authorization", description="header of the key, where send is header")
    scheme: str = Field(default="", description="word before the key, where send is header")
    token: PathText = Field(default="token", description="path of the session in the answer")
    success: Statuses = (200, 201)
    session_header: str = Field(default="Authorization", description="header that carries the session afterwards")
    session_scheme: str = Field(default="Bearer", description="word before the session in that header")


class AuthRules(Rules):
    """How credentials travel. ``accepts`` says which kinds of credential the server takes."""

    accepts: tuple[Literal["token", "basic", "key", "login"], ...] = Field(
        default=("token",),
        description="token in the header below; name and password as basic; key in the header of the credential; login",
    )
    header: str = Field(default="Authorization", description="header of a token")
    scheme: str = Field(default="Bearer", description="word before the token; empty for the bare token")
    username_suffix: str = Field(default="", description="put behind the name in basic authentication (/token)")
    token_as: Literal["header", "basic-username"] = Field(
        default="header", description="basic-username: the token is the name, and the password is filler"
    )
    filler: str = Field(default="X", description="password beside a token that is the name")
    login: LoginRules | None = None
    who: WhoRules | None = None


class TimeRules(Rules):
    """Times on the wire, where a field says nothing else."""

    zone: str = Field(default="UTC", description="zone of times that name none; also of plain dates made from times")
    format: str = Field(default="iso", description="iso, epoch, epoch-ms, or a pattern as %Y-%m-%d.%H:%M:%S")
    write: str | None = Field(default=None, description="the same for writing; as format where it is not said")
    null: tuple[Scalar, ...] = Field(default=(), description="values that mean no time: 1970-01-01T00:00:00Z")

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        from zoneinfo import ZoneInfo  # noqa: PLC0415 - reads the time zone database

        try:
            ZoneInfo(zone)
        except (ValueError, KeyError, OSError):
            msg = "is no time zone; write it as America/Bogota"
            raise ValueError(msg) from None
        return zone
