"""
SAP ECC and S/4HANA by RFC: documents of FI, internal orders, cost centres, hours, customers.

Sources: the pyrfc API as pyrfcx 0.2 and erpl-pyrfc 2026.9 have it; the signatures of the BAPIs as public function
repositories and programs print them; what stands here from memory is marked where it is used. Nothing of it is
verified on SAP yet.
"""

from periferia_link.connectors.sap_rfc._call import Call, Connect
from periferia_link.connectors.sap_rfc._connector import SapRfc
from periferia_link.connectors.sap_rfc._fields import FI_CO_FIELDS
from periferia_link.connectors.sap_rfc._limits import LIMITS, Width
from periferia_link.connectors.sap_rfc._postings import posting_to_wire

__all__ = ["FI_CO_FIELDS", "LIMITS", "Call", "Connect", "SapRfc", "Width", "posting_to_wire"]
