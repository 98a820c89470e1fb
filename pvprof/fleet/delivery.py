"""Deliver a request to a server over HTTP: with a secret, a time limit, and further attempts.

Owns the connection. The standard library's client is enough: one request, one answer. It follows no
redirection, so the secret is sent nowhere but to the server that the user named, and only encrypted
unless that is this machine.
"""

from __future__ import annotations

import base64
import http.client
import random
import re
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from pvprof import __version__
from pvprof.errors import OutputError, UsageError, first_line, quote
from pvprof.fleet.ingest import IngestRequest
from pvprof.model.stacks import show_controls

TOKEN, USER, PASSWORD = "PVPROF_PUSH_TOKEN", "PVPROF_PUSH_USER", "PVPROF_PUSH_PASSWORD"
"""The variables of the environment that have the secret."""

MAX_WAIT_S = 60.0
"""Of a pause between two attempts."""

_MAX_ANSWER_BYTES = 2_000
_LOOPBACK = re.compile(r"localhost|127(?:\.\d{1,3}){3}|::1")
_NOT_IN_A_HEADER = re.compile(r"[^\x21-\x7e]")
_TRY_AGAIN = {408, 425, 429}
_HINTS = {
    401: f"the server wants a secret: {TOKEN}, or {USER} and {PASSWORD}, in the environment",
    403: f"the secret in {TOKEN}, or in {USER} and {PASSWORD}, is not enough",
    404: "no server of Pyroscope there? The URL is that of the server, without /ingest",
}


class ServerError(OutputError):
    """The server refused a request, or did not answer.

    Attributes:
        is_final: whether the next profile will fare no better.
    """

    def __init__(self, message: str, hint: str = "", *, is_final: bool = False) -> None:
        super().__init__(message, hint)
        self.is_final = is_final


@dataclass(frozen=True, slots=True)
class Server:
    """A server, as the user names it.

    Attributes:
        url: its address, with a path in front of all others if there is one.
        headers: of every request, the secret among them.
    """

    url: SplitResult
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def named(cls, url: str, environment: Mapping[str, str], tenant: str = "") -> Server:
        """Return the server at a URL, with the secret in the environment, if there is one.

        Args:
            url: of the server; ``/ingest`` at its end is left out.
            environment: has the secret.
            tenant: whose profiles they are, if the server has several; or empty.

        Raises:
            UsageError: no such URL, a secret in it, or a secret that would be sent for all to read.
        """
        try:
            parts = urlsplit(url)
            is_known = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            is_known = False
        if not is_known or parts.query or parts.fragment or not url.isprintable():
            raise UsageError(f"no URL of a server: {quote(url)}", "http://127.0.0.1:4040")
        if parts.username is not None or parts.password is not None:
            raise UsageError("a secret in a URL is seen by everybody", _HINTS[401])
        headers = {"User-Agent": f"pvprof/{__version__}"}
        secret = _secret(environment)
        if secret:
            if parts.scheme == "http" and not _LOOPBACK.fullmatch(parts.hostname or ""):
                raise UsageError("the secret would be sent unencrypted", "use https://")
            headers["Authorization"] = secret
        if tenant:
            headers["X-Scope-OrgID"] = _checked(tenant, "--tenant")
        path = parts.path.removesuffix("/").removesuffix("/ingest")
        return cls(parts._replace(path=path), headers)

    @property
    def name(self) -> str:
        """Return the address for messages."""
        return show_controls(self.url.geturl())


@dataclass(frozen=True, slots=True)
class Attempts:
    """How often and how long a request is tried.

    Attributes:
        retries: number of further attempts after the first.
        timeout_s: for a connection, and for each answer.
        first_wait_s: the pause before the second attempt; each further one is twice as long. A
            random half of it is left out, so that many hosts do not come back at once.
        sleep: waits some seconds.
    """

    retries: int = 4
    timeout_s: float = 20.0
    first_wait_s: float = 1.0
    sleep: Callable[[float], None] = time.sleep


def deliver(
    server: Server, request: IngestRequest, attempts: Attempts, tell: Callable[[str], None]
) -> None:
    """Send a request until the server takes it.

    Args:
        server: takes it.
        request: what is sent.
        attempts: how often.
        tell: called with a line about each attempt that failed, except the last.

    Raises:
        ServerError: the server refused it, or failed each time.
    """
    for number in range(attempts.retries + 1):
        status, said, again_s = _attempt(server, request, attempts.timeout_s)
        if 200 <= status < 300:
            return
        text = f"{server.name}: {said}"
        may_try_again = status == 0 or status in _TRY_AGAIN or status >= 500
        if not may_try_again:
            raise ServerError(
                text, _HINTS.get(status, ""), is_final=status in (*_HINTS, *range(300, 400))
            )
        if number < attempts.retries:
            backoff_s = attempts.first_wait_s * 2**number * random.uniform(0.5, 1)
            wait_s = min(max(backoff_s, again_s), MAX_WAIT_S)
            tell(f"{text}; trying again in {wait_s:.1f} s")
            attempts.sleep(wait_s)
    raise ServerError(f"{text} ({attempts.retries + 1} attempts)", is_final=status == 0)


def _attempt(server: Server, request: IngestRequest, timeout_s: float) -> tuple[int, str, float]:
    """Return the status of the answer, what it says, and when to try again, in s.

    The status is 0 if there was none.
    """
    connection = _connection(server.url, timeout_s)
    headers = {**server.headers, "Content-Type": request.content_type}
    try:
        connection.request("POST", server.url.path + request.query, request.body, headers)
        with connection.getresponse() as answer:
            said = answer.read(_MAX_ANSWER_BYTES).decode("utf-8", "replace")
            text = f"{answer.status} {answer.reason}"
            line = next(filter(None, map(str.strip, said.splitlines())), "")
            if 300 <= answer.status < 400:
                line = f"it is at {answer.getheader('Location', 'another place')}"
            text = f"{text}: {line}" if line else text
            return answer.status, show_controls(text), _seconds(answer.getheader("Retry-After"))
    except (OSError, http.client.HTTPException) as error:
        return 0, show_controls(first_line(error)), 0.0
    finally:
        connection.close()


def _connection(url: SplitResult, timeout_s: float) -> http.client.HTTPConnection:
    host = url.hostname or ""
    if url.scheme == "http":
        return http.client.HTTPConnection(host, url.port, timeout=timeout_s)
    context = ssl.create_default_context()
    return http.client.HTTPSConnection(host, url.port, timeout=timeout_s, context=context)


def _seconds(text: str | None) -> float:
    """Return the seconds that ``Retry-After`` asks for; a date is not read."""
    text = text or ""
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0.0


def _secret(environment: Mapping[str, str]) -> str:
    """Return the value of the header ``Authorization``, or an empty text.

    Raises:
        UsageError: a user without a password, both kinds of secret, or no text of a header.
    """
    token, user, password = (environment.get(name, "") for name in (TOKEN, USER, PASSWORD))
    if token and (user or password):
        raise UsageError(f"{TOKEN} and {USER} are both set", "unset one")
    if bool(user) != bool(password):
        raise UsageError(f"{USER} and {PASSWORD} belong together", "set both")
    if user:
        return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"
    return f"Bearer {_checked(token, TOKEN)}" if token else ""


def _checked(text: str, name: str) -> str:
    """Return a text that a header can have.

    Raises:
        UsageError: it has blanks, line ends or other characters than ASCII's.
    """
    if _NOT_IN_A_HEADER.search(text):
        raise UsageError(f"{name}: letters, digits and signs of ASCII only, without blanks")
    return text
