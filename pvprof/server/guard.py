"""What protects a server: a token, names of hosts, headers of answers, and clients that are slow.

A page of another site must not read recordings through the browser of a developer. So without a
token only loopback names of the host are answered (a name that an attacker points to this machine
is none), and no other page may embed an answer. With a token, each request has it.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
from typing import TYPE_CHECKING, cast

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = frozenset(("localhost", "127.0.0.1", "[::1]"))
REQUEST_S = 10.0
"""A client must have sent its request by then."""
CONNECTION_S = 180.0
"""A client must have received its answer by then."""

HEADERS = {
    "cache-control": "no-store",
    "connection": "close",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class Guard:
    """Lets requests through that may see the store, and adds `HEADERS` to all answers."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                more = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        refusal = self._refusal(Headers(scope=scope))
        await (refusal or self._app)(scope, receive, send_guarded)

    def _refusal(self, headers: Headers) -> PlainTextResponse | None:
        if self._token:
            if _has_token(headers.get("authorization", ""), self._token):
                return None
            realm = {"www-authenticate": 'Basic realm="pvprof: any user, the token as password"'}
            return PlainTextResponse("pvprof: this server wants a token\n", 401, realm)
        host = headers.get("host", "")
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        if name.lower() in LOOPBACK:
            return None
        return PlainTextResponse("pvprof: this server answers to localhost only\n", 421)


def _has_token(authorization: str, token: str) -> bool:
    """Tell whether a header has the token: as ``Bearer``, or as the password of ``Basic``."""
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() == "basic":
        try:
            given = base64.b64decode(given.strip(), validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return False
    elif scheme.lower() != "bearer":
        return False
    return hmac.compare_digest(given.strip().encode(), token.encode())


class ImpatientProtocol(H11Protocol):
    """HTTP/1.1, but a client that sends or reads too slowly is left."""

    _timers: tuple[asyncio.TimerHandle, ...] = ()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to watch a client."""
        stream = cast("asyncio.Transport", transport)
        super().connection_made(stream)
        self._timers = (
            self.loop.call_later(REQUEST_S, self._leave_without_request),
            self.loop.call_later(CONNECTION_S, stream.abort),
        )

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop watching it."""
        for timer in self._timers:
            timer.cancel()
        super().connection_lost(exc)

    def _leave_without_request(self) -> None:
        if self.cycle is None:
            self.transport.abort()
