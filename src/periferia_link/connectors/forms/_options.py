"""What can be tuned, checked once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from periferia_link.connectors.forms._graph import DOWNLOAD_HOSTS
from periferia_link.connectors.forms._limits import Limits
from periferia_link.errors import ConfigurationError

__all__ = ["Options"]


class Options(BaseModel):
    """The table ``[systems.NAME.options]`` of a form; see :class:`Forms`."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    mapping: str | Mapping[str, Any]
    file: Path | None = None
    inbox: Path | None = None
    surveys: str | None = Field(default=None, min_length=1)
    questionnaire: str | None = Field(default=None, min_length=1)
    drive: str | None = Field(default=None, min_length=1)
    item: str | None = Field(default=None, min_length=1)
    share: str | None = Field(default=None, pattern=r"^https://\S+$")
    sheet: str | None = None
    download_hosts: tuple[str, ...] = DOWNLOAD_HOSTS
    page_size: int = Field(default=500, ge=1, le=5_000)
    max_bytes: int = Field(default=Limits().max_bytes, ge=1)
    max_unpacked: int = Field(default=Limits().max_unpacked, ge=1)
    max_rows: int = Field(default=Limits().max_rows, ge=1, le=5_000_000)
    max_columns: int = Field(default=Limits().max_columns, ge=1, le=16_384)
    max_cells: int = Field(default=Limits().max_cells, ge=1)

    @property
    def limits(self) -> Limits:
        """The bounds of a file."""
        return Limits(**{name: getattr(self, name) for name in Limits.__dataclass_fields__})

    @classmethod
    def checked(cls, name: str, values: Mapping[str, Any]) -> Options:
        """
        Return options that make sense.

        Raises:
            ConfigurationError: An unknown option, a value that is none, or not exactly one source.
        """
        try:
            options = cls(**values)
        except ValidationError as exc:
            fault = exc.errors(include_input=False, include_context=False, include_url=False)[0]
        else:
            is_graph = options.share is not None or options.drive is not None or options.item is not None
            named = [options.file, options.inbox, options.surveys, is_graph or None]
            if sum(each is not None for each in named) != 1:
                msg = f"{name}: a form has one source: file, inbox, surveys, share, or drive and item"
                raise ConfigurationError(msg, hint=f"set one of them in [systems.{name}.options]")
            return options
        option = str(fault["loc"][0])
        if option not in cls.model_fields:
            msg = f"{name}: Forms has no option {option}"
            raise ConfigurationError(msg, hint=f"it has {', '.join(cls.model_fields)}")
        msg = f"{name}: the option {option} is wrong: {re.sub(r'[. ]+$', '', fault['msg'])}"
        raise ConfigurationError(msg, hint=f"correct it in [systems.{name}.options]")
