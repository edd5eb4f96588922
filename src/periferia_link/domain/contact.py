"""Contact: a person at a client (contacto)."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from periferia_link.domain._base import Entity, Instant, Ref, Text

__all__ = ["Contact"]


class Contact(Entity):
    """
    A person at a client, by whom surveys and tickets are answered.

    ``code`` is the key that people use in that system. ``is_active`` is false for people who left.
    """

    personal_fields: ClassVar[frozenset[str]] = frozenset({"name", "email", "phone"})

    name: Text
    code: str | None = Field(default=None, max_length=50)
    client: Ref | None = None
    email: str | None = Field(default=None, max_length=200)
    phone: str | None = Field(default=None, max_length=60)
    role: str | None = Field(default=None, max_length=200)
    owner: Ref | None = None
    is_active: bool = True
    updated_at: Instant | None = None
