"""What tells a draft from the invoice that it becomes; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from periferia_link.connectors.sap_business_one.kinds._fields import KEY_FIELD
from periferia_link.connectors.sap_business_one.kinds._values import etag

__all__ = ["DRAFT", "invoice_key", "version_of"]

DRAFT = "IsDraft"
"""Where the connector notes that a row came from the table of drafts: its other columns are those of an invoice."""


def invoice_key(row: Mapping[str, Any]) -> str:
    """
    Return the id of a document: our key, which a draft hands on to the invoice that is made of it.

    Documents that people made have none: ``draft-17``, ``invoice-17``.
    """
    key = row.get(KEY_FIELD)
    return str(key) if key else f"{'draft' if row.get(DRAFT) else 'invoice'}-{row['DocEntry']}"


def version_of(row: Mapping[str, Any]) -> str | None:
    """Return the version of a document: the versions of a draft and of its invoice are counted apart."""
    tag = etag(row.get("DataVersion"))
    return tag and f"{'draft' if row.get(DRAFT) else 'invoice'} {tag}"
