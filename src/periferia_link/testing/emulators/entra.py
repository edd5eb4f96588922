"""
Microsoft Entra ID: discovery and the token endpoint, client credentials with a secret or a certificate.

Shapes as msal 1.39 and azure-identity 1.27 accept them. Of the error codes only 7000215 was seen on a wire;
the others follow the published list (learn.microsoft.com/entra/identity-platform/reference-error-codes).
"""

from __future__ import annotations

import base64
import hmac
import json
import uuid
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from periferia_link.testing.emulators._emulator import Emulator, json_response
from periferia_link.testing.emulators._entra_assertions import ASSERTION_TYPE, Objection, judged, thumbprint_of
from periferia_link.typing import Clock, Request, Response

__all__ = ["EntraEmulator"]

_NAMESPACE = uuid.UUID("5a8f1c1e-3d0e-5f0e-9c53-3f5f1b1d7a11")
_UNCACHED = (("Cache-Control", "no-store, no-cache"), ("Pragma", "no-cache"))


class _Refusal(NamedTuple):
    """Why a token is not issued: HTTP status, OAuth error, AADSTS code, text."""

    status: int
    error: str
    code: int
    text: str


class EntraEmulator(Emulator):
    """
    Issues bearer tokens that its sibling emulators recognise with :meth:`validate`.

    Tables: ``applications`` (client id -> ``client_secret``, ``certificates`` in PEM), ``settings`` (``token`` ->
    ``expires_in``, ``refresh_in``; ``assertion`` -> ``is_single_use``), ``assertions`` (those that were believed) and
    ``tokens`` (what was issued, by token). All of them can be seeded.

    An assertion is taken more than once by default, as msal sends one for ten minutes; with ``is_single_use`` the
    second use of a ``jti`` is refused.
    """

    name: ClassVar[str] = "entra"
    needs_tls: ClassVar[bool] = True

    def __init__(self, *, seed: int = 1) -> None:
        super().__init__(seed=seed)
        self.tenant_id = str(uuid.uuid5(_NAMESPACE, f"tenant {seed}"))
        self.client_id = str(uuid.uuid5(_NAMESPACE, f"client {seed}"))
        self._secret = f"emulated~{uuid.uuid5(_NAMESPACE, f'secret {seed}').hex}"
        self._signing_key = f"signing key {seed}".encode()
        self.populate()

    def populate(self) -> None:
        """Register one application and the usual lifetime of tokens."""
        application = {"id": self.client_id, "client_secret": self._secret, "certificates": []}
        self.books["applications"] = {self.client_id: application}
        self.books["settings"] = {
            "token": {"id": "token", "expires_in": 3599, "refresh_in": None},
            "assertion": {"id": "assertion", "is_single_use": False},
        }
        self.books["assertions"] = {}
        self.books["tokens"] = {}

    def credentials(self) -> dict[str, Any]:
        """Return the arguments of :class:`~periferia_link.transport.ClientSecret`."""
        return {
            "tenant_id": self.tenant_id,
            "client_id": self.client_id,
            "client_secret": self._secret,
            "authority": self.base_url,
        }

    def enrol(self, certificate: str, *, client_id: str | None = None) -> str:
        """
        Register a certificate (PEM) for the application, beside those it has; returns its thumbprint.

        Args:
            certificate: PEM text; more in it, such as a private key, is ignored.

            client_id: Of another application than the first.
        """
        begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
        pem = begin + certificate.partition(begin)[2].partition(end)[0] + end + "\n"
        with self.lock:
            application = self.books["applications"][client_id or self.client_id]
            application["certificates"] = [*application.get("certificates", ()), pem]
        return thumbprint_of(pem)

    @property
    def expires_in(self) -> int:
        """Lifetime of the tokens issued from now on, in seconds."""
        return int(self.books["settings"]["token"]["expires_in"])

    @expires_in.setter
    def expires_in(self, seconds: int) -> None:
        self.books["settings"]["token"]["expires_in"] = seconds

    @property
    def refresh_in(self) -> int | None:
        """After how many seconds a client should fetch the next token; None: Entra does not say."""
        seconds = self.books["settings"]["token"]["refresh_in"]
        return None if seconds is None else int(seconds)

    @refresh_in.setter
    def refresh_in(self, seconds: int | None) -> None:
        self.books["settings"]["token"]["refresh_in"] = seconds

    @property
    def token_requests(self) -> int:
        """How many times a token was asked for; 1 is what a herd of threads should cause."""
        return sum(entry.method == "POST" and entry.path.endswith("/token") for entry in self.log)

    def validate(self, token: str, audience: str, clock: Clock) -> bool:
        """
        Whether *token* was issued here, for *audience*, and is still good.

        Args:
            token: What came behind ``Bearer``.

            audience: The base URL of the asking system; a slash at the end makes no difference.

            clock: The time of the asking system.
        """
        with self.lock:
            issued = self.books["tokens"].get(token)
        if issued is None:
            return False
        return bool(issued["audience"] == audience.rstrip("/") and clock.now().timestamp() < issued["expires_on"])

    def revoke(self) -> None:
        """Forget every token, as after a change of the secret: the next use is answered with 401."""
        with self.lock:
            self.books["tokens"].clear()

    def serve(self, request: Request, clock: Clock) -> Response:
        """Answer discovery and token requests of the one tenant."""
        tenant, _, endpoint = urlsplit(request.url).path.lstrip("/").partition("/")
        if endpoint not in {"v2.0/.well-known/openid-configuration", "oauth2/v2.0/token"}:
            return json_response(404, {"error": "not_found"})
        if tenant != self.tenant_id:
            text = f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID."
            return _refused(_Refusal(400, "invalid_tenant", 90002, text), request, clock)
        if endpoint.startswith("v2.0"):
            return json_response(200, self._discovery())
        return self._token(request, clock)

    def _discovery(self) -> dict[str, Any]:
        base = f"{self.base_url}/{self.tenant_id}"
        return {
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
            "issuer": f"{base}/v2.0",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
            "tenant_region_scope": "SA",
        }

    def _token(self, request: Request, clock: Clock) -> Response:
        form = dict(parse_qsl(request.body.decode("utf-8", "replace")))
        mistake = self._mistake(request, form, clock)
        if mistake is not None:
            return _refused(mistake, request, clock)
        audience = form["scope"].removesuffix("/.default").rstrip("/")
        lifetime = {"expires_in": self.expires_in, "ext_expires_in": self.expires_in}
        if self.refresh_in is not None:
            lifetime["refresh_in"] = self.refresh_in
        token = self._issue(audience, form["client_id"], clock)
        return json_response(200, {"token_type": "Bearer", **lifetime, "access_token": token}, _UNCACHED)

    def _mistake(self, request: Request, form: Mapping[str, str], clock: Clock) -> _Refusal | None:
        """Return what is wrong with a token request, in the order in which Entra looks."""
        if request.method != "POST":
            text = f"The endpoint only accepts POST requests. Received a {request.method} request."
            return _Refusal(400, "invalid_request", 900561, text)
        for name in ("client_id", "grant_type", "scope"):
            if not form.get(name):
                text = f"The request body must contain the following parameter: '{name}'."
                return _Refusal(400, "invalid_request", 900144, text)
        if form["grant_type"] != "client_credentials":
            return _Refusal(
                400, "unsupported_grant_type", 70003, f"The grant type '{form['grant_type']}' is not supported."
            )
        application = self.books["applications"].get(form["client_id"])
        if application is None:
            text = f"Application with identifier '{form['client_id']}' was not found in the directory."
            return _Refusal(400, "unauthorized_client", 700016, text)
        unproved = self._unproved(form, application, clock)
        if unproved is not None:
            return unproved
        if " " in form["scope"].strip() or not form["scope"].endswith("/.default"):
            text = (
                f"The provided value for scope {form['scope']} is not valid. Client credential flows must have a "
                "scope value with /.default suffixed to the resource identifier (application ID URI)."
            )
            return _Refusal(400, "invalid_scope", 1002012, text)
        return None

    def _unproved(self, form: Mapping[str, str], application: Mapping[str, Any], clock: Clock) -> _Refusal | None:
        """Return why the application is not believed to be itself."""
        if "client_assertion" in form:
            return self._unasserted(form, application, clock)
        if "client_secret" not in form:
            text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
            return _Refusal(401, "invalid_client", 7000218, text)
        if not hmac.compare_digest(form["client_secret"].encode(), application["client_secret"].encode()):
            text = (
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret "
                f"value, not the client secret ID, for a secret added to app '{form['client_id']}'."
            )
            return _Refusal(401, "invalid_client", 7000215, text)
        return None

    def _unasserted(self, form: Mapping[str, str], application: Mapping[str, Any], clock: Clock) -> _Refusal | None:
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            text = "The request body must contain the following parameter: 'client_assertion_type'."
            return _Refusal(400, "invalid_request", 900144, text)
        base = f"{self.base_url}/{self.tenant_id}"
        found = judged(
            form["client_assertion"],
            client_id=form["client_id"],
            certificates=application.get("certificates", ()),
            audiences={f"{base}/oauth2/v2.0/token", f"{base}/v2.0", base},
            now=clock.now(),
        )
        if isinstance(found, Objection):
            return _Refusal(401, "invalid_client", found.code, found.text)
        single_use = self.books["settings"].get("assertion", {}).get("is_single_use")
        if single_use and found.key in self.books["assertions"]:
            text = "Client assertion failed signature validation. [Reason - The assertion was used before.]"
            return _Refusal(401, "invalid_client", 700027, text)
        self.books["assertions"][found.key] = {"id": found.key}
        return None

    def _issue(self, audience: str, client_id: str, clock: Clock) -> str:
        issued_at = int(clock.now().timestamp())
        claims = {
            "aud": audience,
            "iss": f"{self.base_url}/{self.tenant_id}/v2.0",
            "iat": issued_at,
            "nbf": issued_at,
            "exp": issued_at + self.expires_in,
            "appid": client_id,
            "tid": self.tenant_id,
            "uti": str(len(self.books["tokens"]) + 1),
        }
        unsigned = f"{_encoded({'typ': 'JWT', 'alg': 'HS256'})}.{_encoded(claims)}"
        signature = hmac.digest(self._signing_key, unsigned.encode(), "sha256")
        token = f"{unsigned}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"
        self.books["tokens"][token] = {"id": token, "audience": audience, "expires_on": claims["exp"]}
        return token


def _encoded(part: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part, separators=(",", ":")).encode()).decode().rstrip("=")


def _refused(refusal: _Refusal, request: Request, clock: Clock) -> Response:
    """Answer an error with the fields that support asks for."""
    code = refusal.code
    at = f"{clock.now():%Y-%m-%d %H:%M:%SZ}"
    trace = str(uuid.uuid5(_NAMESPACE, f"{at} {code}"))
    correlation = request.header("client-request-id") or trace
    description = f"AADSTS{code}: {refusal.text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {at}"
    body = {
        "error": refusal.error,
        "error_description": description,
        "error_codes": [code],
        "timestamp": at,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": f"https://login.microsoftonline.com/error?code={code}",
    }
    return json_response(refusal.status, body, _UNCACHED)
