"""Run the server until SIGINT or SIGTERM."""

from __future__ import annotations

import socket
from collections.abc import Callable

import uvicorn

from pvprof.errors import OutputError
from pvprof.server.app import make_app
from pvprof.server.guard import ImpatientProtocol

_MAX_CONNECTIONS = 64
_MAX_HEAD_BYTES = 16 << 10
_GRACE_S = 5


def serve(store: str, host: str, port: int, token: str, tell: Callable[[str], None]) -> None:
    """Answer requests until SIGINT or SIGTERM.

    Args:
        store: the absolute path or the URL of the store.
        host: the address to listen at.
        port: the port; 0 for any that is free.
        token: that a request must have; empty for none.
        tell: called with the URL when the server listens.

    Raises:
        OutputError: nothing can listen there.
    """
    is_ipv6 = ":" in host
    try:
        listening = socket.create_server(
            (host, port), family=socket.AF_INET6 if is_ipv6 else socket.AF_INET
        )
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OutputError(f"{host}:{port}: {reason}", "another --listen?") from error
    config = uvicorn.Config(
        make_app(store, token),
        http=ImpatientProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=_MAX_CONNECTIONS,
        h11_max_incomplete_event_size=_MAX_HEAD_BYTES,
        timeout_graceful_shutdown=_GRACE_S,
    )
    with listening:
        shown = f"[{host}]" if is_ipv6 else host
        tell(f"http://{shown}:{listening.getsockname()[1]}/")
        uvicorn.Server(config).run(sockets=[listening])
