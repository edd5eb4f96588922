"""The ``periferia.toml`` of the demo: written as an installation writes it, secrets in files of their own."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from periferia_link.cli._words import Language
from periferia_link.cli.demo._business import CREDIT, DEBIT, Business
from periferia_link.cli.demo._emulators import Emulators

__all__ = ["write_configuration"]

_TEXT = """\
# Written by `periferia-link demo`: the addresses are emulators that lived as long as the demo did.

[company]
zone = "America/Bogota"
currency = "COP"
decimals = 0
language = "{language}"

[ledger]
path = "periferia.db"

[systems.crm]
connector = "dynamics365"
url = "{crm.url}"
ca_file = "ca.pem"
allow_private = true

# columns that this company added to its cases
[systems.crm.fields.Ticket.columns]
group = "pl_group"
assignee = "pl_assignee"
category = "pl_category"

[systems.crm.credential]
kind = "client-secret"
tenant_id = "{entra[tenant_id]}"
client_id = "{entra[client_id]}"
client_secret = "${{FILE:crm.secret}}"
authority = "{entra[authority]}"

[systems.erp]
connector = "sap-business-one"
url = "{erp.url}"
ca_file = "ca.pem"
allow_private = true

[systems.erp.credential]
kind = "login"
username = "{erp.credentials[username]}"
password = "${{FILE:erp.secret}}"
company_db = "{erp.credentials[company_db]}"

[systems.helpdesk]
connector = "periticket"
url = "{helpdesk.url}"
ca_file = "ca.pem"
allow_private = true

[systems.helpdesk.credential]
kind = "static-token"
token = "${{FILE:helpdesk.secret}}"

[flows.clients]

[flows.leads]

[flows.projects]

[flows.helpdesk_clients]

[flows.tickets_to_crm]

[flows.tickets_to_crm.options]
contacts = true
extra = ["group", "assignee", "category"]

[flows.ticket_timeline]

[flows.ticket_timeline.options]
language = "{language}"

[flows.labour_costs]
starts = {starts}

[flows.labour_costs.options]
debit = "{debit}"
credit = "{credit}"
"""


def write_configuration(folder: Path, emulators: Emulators, business: Business, language: Language) -> Path:
    """Write configuration, certificates of the authority and secrets into *folder*; return the configuration."""
    shutil.copyfile(emulators["dynamics365"].ca, folder / "ca.pem")
    secrets = {
        "crm.secret": emulators["dynamics365"].credentials["client_secret"],
        "erp.secret": emulators["sap"].credentials["password"],
        "helpdesk.secret": emulators["periticket"].credentials["token"],
    }
    for name, secret in secrets.items():
        with os.fdopen(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secret)
    path = folder / "periferia.toml"
    text = _TEXT.format(
        language=language,
        crm=emulators["dynamics365"],
        erp=emulators["sap"],
        helpdesk=emulators["periticket"],
        entra=emulators["dynamics365"].credentials,
        starts=business.starts,
        debit=DEBIT,
        credit=CREDIT,
    )
    path.write_text(text, encoding="utf-8")
    return path
