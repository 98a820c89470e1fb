"""``pvprof store serve``: a store in the browser."""

from __future__ import annotations

import ipaddress
import os
import re

import click

from pvprof.cli.guidance.headings import PvprofCommand
from pvprof.cli.option_groups import option, option_group, takes
from pvprof.cli.stores.store_options import PlaceGroup
from pvprof.cli.terminal import tell
from pvprof.errors import UsageError
from pvprof.store.places.choose import open_place

TOKEN = "PVPROF_SERVE_TOKEN"
_LISTEN = re.compile(r"(?:\[(?P<ipv6>[0-9a-fA-F:.]+)\]|(?P<ipv4>[0-9.]+)):(?P<port>\d{1,5})")
_MIN_TOKEN = 16


@option_group
class ServeGroup(PlaceGroup):
    """What is served, and where."""

    listen: str = option(
        "--listen",
        metavar="ADDRESS:PORT",
        default="127.0.0.1:8470",
        show_default=True,
        help="Listen there; port 0 takes a free one.",
    )


@click.command(
    "serve",
    cls=PvprofCommand,
    epilog=f"""\b
Examples:
  pvprof store serve fleet
  ssh -L 8470:127.0.0.1:8470 host pvprof store serve fleet
  {TOKEN}=$(cat token) pvprof store serve fleet --listen [::]:8470""",
)
@takes(ServeGroup, "group")
def command(group: ServeGroup) -> None:
    """Show a store in the browser: its recordings, and reports, pictures and comparisons of them.

    The pages are those that the commands write. The server only reads. Without a token it listens
    to this machine only; with one in PVPROF_SERVE_TOKEN a browser asks for it (any user name, the
    token as password). It has no TLS: put a proxy in front of it, or use ssh.
    """
    host, port = _address(group.listen)
    token = os.environ.get(TOKEN, "")
    if token and (len(token) < _MIN_TOKEN or not token.isascii() or not token.isprintable()):
        raise UsageError(
            f"{TOKEN}: at least {_MIN_TOKEN} characters of ASCII", "openssl rand -hex 16"
        )
    if not token and not ipaddress.ip_address(host).is_loopback:
        raise UsageError(f"--listen {group.listen}: others could read the store", f"set {TOKEN}")
    store = open_place(group.store).absolute()
    try:
        from pvprof.server.serve import serve  # noqa: PLC0415 (an extra)
    except ImportError as error:
        raise UsageError(
            "store serve needs starlette and uvicorn", "pip install 'pvprof[server]'"
        ) from error

    def started(url: str) -> None:
        tell(f"serving {store.shown} at {url}; Ctrl-C ends it")

    serve(store.address, host, port, token, started)


def _address(text: str) -> tuple[str, int]:
    """Return the address and the port.

    Raises:
        UsageError: there are none.
    """
    match = _LISTEN.fullmatch(text)
    port = int(match["port"]) if match else -1
    if match is None or port > 0xFFFF:
        raise UsageError(f"--listen {text}: no address and port", "127.0.0.1:8470, [::1]:8470")
    host = match["ipv6"] or match["ipv4"]
    try:
        ipaddress.ip_address(host)
    except ValueError as error:
        raise UsageError(f"--listen {text}: no address", "127.0.0.1:8470, [::1]:8470") from error
    return host, port
