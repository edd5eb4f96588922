"""Interaction: a contact with a client on any channel, kept on the client's timeline (interacción)."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from periferia_link.domain._base import Entity, Instant, Ref, Text

__all__ = ["Interaction", "InteractionChannel"]

InteractionChannel = Literal[
    "phone", "email", "meeting", "task", "note", "chat", "social", "web", "survey", "portal", "other"
]


class Interaction(Entity):
    """
    Something that was said or done with a client: a call, a mail, a meeting, a note on a case.

    ``regarding`` is the record it belongs to (client, opportunity, ticket …) of the same system; ``external_ref`` is
    our key where this library wrote it.
    """

    personal_fields: ClassVar[frozenset[str]] = frozenset({"text", "author"})

    subject: Text
    channel: InteractionChannel = "note"
    direction: Literal["incoming", "outgoing"] | None = None
    text: str | None = Field(default=None, max_length=100_000)
    author: str | None = Field(default=None, max_length=200)
    regarding: Ref | None = None
    client: Ref | None = None
    contact: Ref | None = None
    owner: Ref | None = None
    external_ref: str | None = Field(default=None, max_length=200)
    happened_at: Instant | None = None
    is_done: bool = True
    updated_at: Instant | None = None
