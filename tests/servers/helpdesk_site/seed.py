"""Makes the account that signs in, a queue and the fields of this installation; prints the token."""

from __future__ import annotations

import django

django.setup()

from django.contrib.auth import get_user_model  # noqa: E402
from helpdesk.models import CustomField, Queue  # noqa: E402
from rest_framework.authtoken.models import Token  # noqa: E402

account = get_user_model().objects.create_superuser("sync", "sync@periferia.example", "clave-2026")
Queue.objects.create(title="PQR", slug="pqr", allow_public_submission=True)
for order, name in enumerate(("external_ref", "project_code", "client_tax_id")):
    CustomField.objects.create(
        name=name, label=name, data_type="varchar", max_length=100, required=False, staff_only=True, ordering=order
    )
print(Token.objects.create(user=account).key)
