"""
Tokens of Microsoft Entra ID; the only file that imports msal, and that at the first token.

The other credentials are re-exported from ``_credentials``.
"""

from __future__ import annotations

import abc
import copy
import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from periferia_link.clock import SystemClock
from periferia_link.errors import (
    AuthenticationError,
    ConfigurationError,
    ConnectorError,
    LinkError,
    OutcomeUnknownError,
    TransientError,
    UnavailableError,
)
from periferia_link.transport._answers import checked
from periferia_link.transport._certificates import Certificate
from periferia_link.transport._credentials import BasicAuth, BearerAuth, Guarded, HeaderAuth, IssuedToken, StaticToken
from periferia_link.transport._json import NotJsonError, loads
from periferia_link.transport._transport import Transport
from periferia_link.typing import AccessToken, Clock, Request, Response, Wire

if TYPE_CHECKING:
    from pydantic import SecretStr

    from periferia_link.settings import SystemSettings

__all__ = [
    "BasicAuth",
    "BearerAuth",
    "ClientCertificate",
    "ClientSecret",
    "HeaderAuth",
    "IssuedToken",
    "StaticToken",
    "entra_application",
]

_PUBLIC_CLOUD = "https://login.microsoftonline.com"
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")
_CODE = re.compile(r"AADSTS(\d+)")
_MARGIN = 300.0
_LEFT_ALONE = 30.0

# learn.microsoft.com/entra/identity-platform/reference-error-codes
_NEXT_STEPS = {
    "7000215": "use the value of the client secret, not its id",
    "7000222": "the client secret expired: make a new one in the app registration",
    "700016": "the application is not known in this tenant: check client_id and tenant_id",
    "700024": "the assertion is outside its time: set the clock of this machine",
    "700027": "register this certificate in the app registration, and give the private key that belongs to it",
    "7000274": "the certificate expired: make a new one and register it in the app registration",
    "90002": "there is no such tenant: check tenant_id",
    "65001": "an administrator has to grant consent to the application",
    "500011": "the scope names no known resource: check the url of the system",
    "53003": "conditional access blocks the application: ask the administrator of the tenant",
}


class _Application(Guarded, abc.ABC):
    """
    An application that signs in to Microsoft Entra ID (client credentials), whatever it proves itself with.

    Making one does no network. Sixteen threads that ask at once cause one token request. A token is renewed five
    minutes before it expires (a tenth of its life, when that is shorter), or when Entra advises it; while the
    authority cannot be reached, the old one is used to its end.
    """

    def __init__(
        self,
        *,
        tenant_id: str,
        client_id: str,
        authority: str,
        ca_file: str | None,
        proxy: str | None,
        clock: Clock | None,
        allow_private: bool,
        wire: Wire | None,
    ) -> None:
        if not _TENANT.fullmatch(tenant_id) or not authority.lower().startswith("https://"):
            msg = "tenant_id is an id or a domain, and the authority is an https address"
            raise ConfigurationError(msg, hint="copy the directory id of the app registration")
        self._clock = clock or SystemClock()
        self._transport = Transport(
            authority,
            system="entra",
            clock=self._clock,
            ca_file=ca_file,
            proxy=proxy,
            allow_private=allow_private,
            deadline=15.0,
            max_bytes=1024 * 1024,
            pool=2,
            wire=wire,
        )
        self._client = _Client(self._transport, self._clock)
        self._tenant_id = tenant_id
        self._client_id = client_id
        self._lock = threading.Lock()
        self._app: Any = None
        self._kept: dict[tuple[str, ...], _Kept] = {}
        self._failures = 0
        self._failed: dict[tuple[str, ...], tuple[int, ConnectorError]] = {}

    @abc.abstractmethod
    def _proof(self) -> Any:
        """Return what msal calls ``client_credential``."""

    def get_token(self, *scopes: str, **kwargs: Any) -> AccessToken:  # noqa: ARG002
        """
        Return a token for the scopes, from memory while it is good.

        Args:
            scopes: Such as ``https://graph.microsoft.com/.default``.

            kwargs: Taken and ignored, as the protocol asks.

        Raises:
            AuthenticationError: Entra refuses the application; ``code`` is the AADSTS code.
            TransientError: Entra cannot be reached, or asks to wait.
        """
        kept = self._kept.get(scopes)
        if kept is not None and kept.is_fresh(self._clock):
            return kept.token
        failures_seen = self._failures
        with self._lock:
            kept = self._kept.get(scopes)
            if kept is not None and kept.is_fresh(self._clock):
                return kept.token
            number, failure = self._failed.get(scopes, (0, None))
            if failure is not None and number > failures_seen:
                raise copy.copy(failure)  # it happened while this thread waited: one failure is enough for all
            try:
                kept = self._fetch(scopes)
            except ConnectorError as exc:
                self._failures += 1
                self._failed[scopes] = (self._failures, copy.copy(exc))
                if kept is None or not isinstance(exc, TransientError) or not kept.is_valid(self._clock):
                    raise
                kept = kept.postponed(self._clock)
            self._kept[scopes] = kept
            return kept.token

    def forget(self, token: str) -> None:
        """Drop a token that a system refused; one that another thread has fetched since stays."""
        with self._lock:
            self._kept = {scopes: kept for scopes, kept in self._kept.items() if kept.token.token != token}

    def close(self) -> None:
        """Close connections to the authority."""
        self._transport.close()

    def _fetch(self, scopes: tuple[str, ...]) -> _Kept:
        asked_at = self._clock.now().timestamp()
        self._client.failure = None
        answer = self._asked(scopes)
        if "access_token" in answer:
            return _kept(answer, self._client.advice, asked_at)
        # A new application object: msal remembers a refusal for a minute, also after the secret was corrected.
        self._app = None
        raise self._client.failure or self._refusal(answer)

    def _refusal(self, answer: Mapping[str, Any]) -> ConnectorError:
        return _refusal(answer)

    def _asked(self, scopes: tuple[str, ...]) -> dict[str, Any]:
        """Let msal ask; whatever it raises ends here, because its frames hold the secret."""
        try:
            if self._app is None:
                import msal  # noqa: PLC0415 - 200 ms; and its constructor asks the authority for its addresses

                self._app = msal.ConfidentialClientApplication(
                    self._client_id,
                    client_credential=self._proof(),
                    authority=f"{self._transport.base_url}/{self._tenant_id}",
                    instance_discovery=False,
                    http_client=self._client,
                )
            self._app.remove_tokens_for_client()  # what is good is remembered here, by our clock
            answer = self._app.acquire_token_for_client(scopes=list(scopes))
        except Exception as exc:  # noqa: BLE001 - msal raises ValueError, RuntimeError and classes of its own
            return {"error": type(exc).__name__}
        return answer if isinstance(answer, dict) else {}


class ClientSecret(_Application):
    """
    An application that proves itself with a secret; see :class:`ClientCertificate` for one without.

    Args:
        tenant_id: Directory (tenant) id, or a domain of it.

        client_id: Application id.

        client_secret: Value of the secret.

        authority: Of another cloud, or of an emulator.

        ca_file: Certificates of a private authority, PEM.

        proxy: ``http://[user:password@]host:port``.

        clock: Decides what has expired.

        allow_private: The authority is an emulator on this machine.

        wire: Carries the requests instead of the network.

    Raises:
        ConfigurationError: The authority is no https address, or the tenant is no tenant.
    """

    def __init__(
        self,
        *,
        tenant_id: str,
        client_id: str,
        client_secret: SecretStr,
        authority: str = _PUBLIC_CLOUD,
        ca_file: str | None = None,
        proxy: str | None = None,
        clock: Clock | None = None,
        allow_private: bool = False,
        wire: Wire | None = None,
    ) -> None:
        self._client_secret = client_secret
        super().__init__(
            tenant_id=tenant_id,
            client_id=client_id,
            authority=authority,
            ca_file=ca_file,
            proxy=proxy,
            clock=clock,
            allow_private=allow_private,
            wire=wire,
        )

    def _proof(self) -> str:
        return self._client_secret.get_secret_value()


class ClientCertificate(_Application):
    """
    An application that proves itself with a certificate: it signs, and no secret ever leaves this machine.

    Files are read again for every token request, so that a renewed certificate is taken without a restart; each
    request carries an assertion of its own.

    Args:
        tenant_id: Directory (tenant) id, or a domain of it.

        client_id: Application id.

        certificate: A file in PEM (with the private key in it, or without) or PKCS #12 (``.pfx``), or the PEM text.

        private_key: The private key in PEM, where it does not stand with the certificate.

        passphrase: Of the private key or of the PKCS #12 file.

        authority: Of another cloud, or of an emulator.

        ca_file: Certificates of a private authority, PEM.

        proxy: ``http://[user:password@]host:port``.

        clock: Decides what has expired.

        allow_private: The authority is an emulator on this machine.

        wire: Carries the requests instead of the network.

    Raises:
        ConfigurationError: The file cannot be read, holds no certificate or no private key, or asks for a passphrase.
    """

    def __init__(
        self,
        *,
        tenant_id: str,
        client_id: str,
        certificate: str | Path,
        private_key: SecretStr | None = None,
        passphrase: SecretStr | None = None,
        authority: str = _PUBLIC_CLOUD,
        ca_file: str | None = None,
        proxy: str | None = None,
        clock: Clock | None = None,
        allow_private: bool = False,
        wire: Wire | None = None,
    ) -> None:
        self._certificate = Certificate(certificate, private_key=private_key, passphrase=passphrase)
        self._certificate.for_msal()  # what is wrong with it is said here, not at the first token
        super().__init__(
            tenant_id=tenant_id,
            client_id=client_id,
            authority=authority,
            ca_file=ca_file,
            proxy=proxy,
            clock=clock,
            allow_private=allow_private,
            wire=wire,
        )

    def _proof(self) -> dict[str, Any]:
        return self._certificate.for_msal()

    def _asked(self, scopes: tuple[str, ...]) -> dict[str, Any]:
        self._app = None  # msal would send one assertion for ten minutes; an authority may take each once only
        return super()._asked(scopes)

    def _refusal(self, answer: Mapping[str, Any]) -> ConnectorError:
        if str(answer.get("error", ""))[:1].isupper():  # the name of an exception: OAuth errors are small letters
            msg = "the private key cannot be used: it is damaged, or the passphrase is another one"
            hint = "check the passphrase, and that the key is an RSA key in PEM"
            return AuthenticationError(msg, hint=hint, system="entra")
        return super()._refusal(answer)


def entra_application(
    settings: SystemSettings, *, clock: Clock | None = None, wire: Wire | None = None
) -> ClientSecret | ClientCertificate | None:
    """
    Make the application of Entra ID that the settings of a system describe; None where they describe something else.

    Args:
        settings: A table ``[systems.NAME]`` with its credential.

        clock: Decides what has expired.

        wire: Carries the requests instead of the network.

    Raises:
        ConfigurationError: The credential does not fit.
    """
    told = settings.credential
    around: dict[str, Any] = {
        "ca_file": settings.ca_file,
        "proxy": settings.proxy,
        "allow_private": settings.allow_private,
        "clock": clock,
        "wire": wire,
    }
    from periferia_link.settings import ClientCertificateSettings, ClientSecretSettings  # noqa: PLC0415 - loaded with them

    if isinstance(told, ClientSecretSettings):
        return ClientSecret(
            tenant_id=told.tenant_id,
            client_id=told.client_id,
            client_secret=told.client_secret,
            authority=told.authority,
            **around,
        )
    if isinstance(told, ClientCertificateSettings):
        return ClientCertificate(
            tenant_id=told.tenant_id,
            client_id=told.client_id,
            certificate=told.certificate,
            private_key=told.private_key,
            passphrase=told.passphrase,
            authority=told.authority,
            **around,
        )
    return None


class _Kept(NamedTuple):
    """A token, and when to fetch the next one."""

    token: IssuedToken
    renew_at: float

    def is_fresh(self, clock: Clock) -> bool:
        """Whether it is too early to fetch another one."""
        return clock.now().timestamp() < self.renew_at

    def is_valid(self, clock: Clock) -> bool:
        """Whether systems still accept it."""
        return clock.now().timestamp() < self.token.expires_on

    def postponed(self, clock: Clock) -> _Kept:
        """Leave an authority that is down alone for a while."""
        return self._replace(renew_at=clock.now().timestamp() + _LEFT_ALONE)


class _Client:
    """
    What msal asks of an HTTP client, over our transport: pinned to the authority, blind to the environment.

    A failure is kept and answered as a refusal, so that no exception passes through frames that hold the secret.
    """

    def __init__(self, transport: Transport, clock: Clock) -> None:
        self._transport = transport
        self._clock = clock
        self.failure: LinkError | None = None
        self.advice: Any = None

    def get(self, url: str, *, headers: Mapping[str, str] | None = None, **_: Any) -> _ClientAnswer:
        """Fetch the addresses of the authority."""
        return self._answer("GET", url, dict(headers or {}), b"")

    def post(
        self, url: str, *, data: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None, **_: Any
    ) -> _ClientAnswer:
        """Ask for a token."""
        form = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
        return self._answer("POST", url, form, urlencode(data or {}).encode())

    def close(self) -> None:
        """Leave the connections open: the next token uses them."""

    def _answer(self, method: str, url: str, headers: dict[str, str], body: bytes) -> _ClientAnswer:
        try:
            response = self._transport.send(method, url, headers=headers, body=body, intent="session")
            ask = Request(method, url, (("Accept", "application/json"),))
            answer = _read(ask, checked(ask, response, now=self._clock.now()))
            self.advice = answer.get("refresh_in")  # msal keeps it to itself
            return _ClientAnswer(response)
        except OutcomeUnknownError as exc:
            self.failure = UnavailableError(exc.message, hint=exc.hint, system="entra")  # asking again does no harm
        except LinkError as exc:
            self.failure = _frameless(exc)
        return _ClientAnswer(Response(400, (), b'{"error": "failed"}'))


class _ClientAnswer:
    """An answer, in the words of msal."""

    def __init__(self, response: Response) -> None:
        self.status_code = response.status
        self.text = response.body.decode()
        self.headers = dict(response.headers)

    def raise_for_status(self) -> None:
        """Do nothing: msal asks for it at 5xx, and such an answer never reaches it."""


def _read(ask: Request, response: Response) -> dict[str, Any]:
    """Read an answer before msal does: it would log the text of one that is no JSON."""
    answer: dict[str, Any] = loads(response.body)
    lifetimes = [answer.get("expires_in"), answer.get("refresh_in")] if isinstance(answer, dict) else ["none"]
    if not all(seconds is None or str(seconds).isdecimal() for seconds in lifetimes):
        msg = "the authority answered something else than a token"
        raise NotJsonError(msg, hint="check the authority")
    if ask.method == "GET" and response.status >= 400:
        raise _refusal({"error_codes": [90002]} | answer)
    return answer


def _kept(answer: Mapping[str, Any], advice: Any, asked_at: float) -> _Kept:
    lifetime = int(answer.get("expires_in") or 0)
    fresh_for = min(lifetime - min(_MARGIN, lifetime / 10), int(advice or lifetime))
    return _Kept(IssuedToken(str(answer["access_token"]), int(asked_at) + lifetime), asked_at + fresh_for)


def _refusal(answer: Mapping[str, Any]) -> ConnectorError:
    """Return the error for a refusal; the description stays out: it may name people."""
    error = str(answer.get("error", ""))
    codes = [str(code) for code in answer.get("error_codes") or _CODE.findall(str(answer.get("error_description")))]
    if error in {"temporarily_unavailable", "server_error"}:
        return UnavailableError(f"Entra cannot answer now ({error})", hint="try again later", system="entra")
    if not codes:
        msg = f"Entra gives no token ({error or 'the answer cannot be read'})"
        return AuthenticationError(msg, hint="check the authority, the scope and the application", system="entra")
    hint = _NEXT_STEPS.get(codes[0], "look the code up at login.microsoftonline.com/error")
    msg = f"Entra refuses the application (AADSTS{codes[0]})"
    return AuthenticationError(msg, hint=hint, system="entra", code=f"AADSTS{codes[0]}")


def _frameless(error: LinkError) -> LinkError:
    """Drop the frames of an error and what caused it: their variables hold the secret."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)
