"""References to records; loaded without the library of the models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

__all__ = ["Ref"]


class Ref(NamedTuple):
    """
    One record in one system: instance name, kind, and the system's own id.

    ``str(ref)`` is ``crm:Client:0f8e…``; :meth:`parse` reads it back.
    """

    system: str
    kind: str
    id: str

    def __str__(self) -> str:
        return f"{self.system}:{self.kind}:{self.id}"

    @classmethod
    def parse(cls, text: str) -> Ref:
        """
        Read ``system:kind:id``; the id may hold colons.

        Raises:
            ValueError: The text has fewer than three parts, or an empty one.
        """
        parts = text.split(":", 2)
        if len(parts) != 3 or not all(parts):
            msg = "a reference reads system:kind:id"
            raise ValueError(msg)
        return cls(*parts)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema  # noqa: PLC0415 - a program without models needs none

        # a reference that is one already is taken as it is: a third of the time that a record without money took
        built = handler(source)
        ready = core_schema.union_schema([core_schema.is_instance_schema(cls), built], mode="left_to_right")
        return core_schema.json_or_python_schema(json_schema=built, python_schema=ready)
