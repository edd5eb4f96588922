"""What an answer to a read means before its system's own codes are looked at; the same for every system."""

from __future__ import annotations

import re
from datetime import datetime
from typing import NoReturn

from periferia_link.errors import AuthenticationError, OriginError, ThrottledError, UnavailableError
from periferia_link.transport._odata import error_of
from periferia_link.transport._retry import retry_after
from periferia_link.typing import Request, Response

__all__ = ["UNSAID_PAUSE", "checked", "code_of", "pause_of", "request_id"]

UNSAID_PAUSE = 5.0
"""Seconds to pause after a 429 that does not say how long (msal does the same)."""

_SIGN_IN = re.compile(r"sign-?in|log-?in|logon|oauth2|authorize|adfs|saml|/sso", re.IGNORECASE)
_REQUEST_IDS = ("x-ms-service-request-id", "req_id", "x-ms-request-id", "request-id", "activityid", "x-request-id")


def checked(request: Request, response: Response, *, now: datetime) -> Response:
    """
    Return an answer that a connector can classify by code, raise for the others.

    Raises:
        ThrottledError: 429.
        UnavailableError: 5xx, or 408: the server gave up waiting.
        OriginError: A redirect.
        AuthenticationError: A sign-in page, or a redirect to one, instead of data.
    """
    status = response.status
    if status == 429:
        msg = "the system asks to slow down"
        pause = pause_of(response, now=now)
        raise ThrottledError(msg, status_code=status, request_id=request_id(response), retry_after=pause)
    if status >= 500 or status == 408:
        msg = f"the system could not answer (status {status})"
        raise UnavailableError(
            msg,
            hint="try again later",
            status_code=status,
            code=code_of(response),
            request_id=request_id(response),
            retry_after=retry_after(response.header("retry-after"), now),
        )
    if 300 <= status < 400 and status != 304:
        _redirected(response)
    if status < 300 and _is_page(request, response):
        _signed_out(response, f"the system answered with a web page instead of data (status {status})")
    return response


def pause_of(response: Response, *, now: datetime) -> float:
    """Return the seconds that a 429 asks everybody to wait."""
    asked = retry_after(response.header("retry-after"), now)
    return UNSAID_PAUSE if asked is None else asked


def request_id(response: Response) -> str | None:
    """Return the id under which the support of the system finds the request."""
    return next((value for name in _REQUEST_IDS if (value := response.header(name))), None)


def code_of(response: Response) -> str | None:
    """Return the system's own error code, where the body has the shape of an OData error."""
    error = error_of(response.body)
    return (error[0] or None) if error else None


def _redirected(response: Response) -> NoReturn:
    where, is_sign_in = _destination(response.header("location") or "")
    if is_sign_in:
        _signed_out(response, f"the system sends us {where} to sign in")
    msg = f"the system redirects {where} (status {response.status}); redirects are not followed"
    raise OriginError(msg, hint="configure the final address of the system", status_code=response.status)


def _destination(location: str) -> tuple[str, bool]:
    """Say where a redirect leads, host only (the rest may hold a token), and whether it is a place to sign in."""
    host = re.sub(r"[^A-Za-z0-9.:_-]", "?", location.partition("//")[2].partition("/")[0].rpartition("@")[2])[:100]
    return f"to {host}" if host else "elsewhere", bool(_SIGN_IN.search(location.partition("?")[0]))


def _signed_out(response: Response, msg: str) -> NoReturn:
    hint = "check the credential: it expired or lacks access, or a proxy in between asks for a sign-in"
    raise AuthenticationError(msg, hint=hint, status_code=response.status, request_id=request_id(response))


def _is_page(request: Request, response: Response) -> bool:
    """Whether HTML came where data was asked for; Azure DevOps signs out like this, with status 203."""
    accepted = (request.header("accept") or "").lower()
    if "html" in (response.header("content-type") or "").lower():
        return "html" not in accepted
    return "json" in accepted and response.body[:64].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
