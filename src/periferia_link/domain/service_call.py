"""ServiceCall: a service case in the ERP (llamada de servicio)."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from periferia_link.domain._base import Entity, Instant, Ref, Text

__all__ = ["ServiceCall"]


class ServiceCall(Entity):
    """A case kept in the ERP's own service module; ``status`` is the ERP's word (open, pending, closed …)."""

    personal_fields: ClassVar[frozenset[str]] = frozenset({"description", "resolution"})

    subject: Text
    number: str | None = Field(default=None, max_length=50)
    client: Ref | None = None
    status: str | None = Field(default=None, max_length=50)
    priority: Literal["low", "normal", "high"] | None = None
    description: str | None = Field(default=None, max_length=100_000)
    resolution: str | None = Field(default=None, max_length=100_000)
    project: str | None = Field(default=None, max_length=50)
    external_ref: str | None = Field(default=None, max_length=200)
    opened_at: Instant | None = None
    closed_at: Instant | None = None
    updated_at: Instant | None = None
