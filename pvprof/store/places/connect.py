"""The URL of a store: the file system of fsspec that opens it, and its form in messages.

A URL may have a user and a password, and a query that is a key. No message shows them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from pvprof.errors import UsageError, first_line
from pvprof.store.tables.schema import check_installed

_CHAIN = re.compile(r"[^/]*::|.*::[a-z][a-z0-9+.-]*://", re.IGNORECASE)
"""URLs of fsspec that have several file systems, one in the other."""

_USER = re.compile(r"//[^/@\s]+@")
_PACKAGE_OF = {"smbclient": "smbprotocol"}
"""Packages that have another name than their module."""


def _s3() -> dict[str, Any]:
    """Return options of s3fs with which a server that does not answer is given up in seconds."""
    attempts = {"total_max_attempts": 2, "mode": "standard"}
    return {"config_kwargs": {"connect_timeout": 5, "read_timeout": 10, "retries": attempts}}


_OPTIONS: Mapping[str, Callable[[], dict[str, Any]]] = {"s3": _s3, "s3a": _s3}
"""By scheme, options that a user's own configuration of fsspec overrides."""


def folder_of(address: str) -> str | None:
    """Return the path of the folder that a store's address means; None if it is elsewhere."""
    scheme, separator, path = address.partition("://")
    if not separator:
        return address
    return path if scheme in ("file", "local") else None


@dataclass(frozen=True, slots=True)
class StoreUrl:
    """The URL of a store.

    Attributes:
        text: as the user gave it.
    """

    text: str

    @property
    def shown(self) -> str:
        """Return it without user, password and query."""
        parts = self._parts()
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}".rstrip("/")

    def clean(self, error: Exception) -> str:
        """Return the first line of an error without what `shown` leaves out."""
        parts = self._parts()
        user = parts.netloc.rpartition("@")[0]
        text = first_line(error)
        if text.endswith(":"):  # what it is about comes below
            text = " ".join(map(str.strip, str(error).splitlines()[:2]))
        secrets = (self.text, f"{user}@", parts.query, parts.password or "")
        for secret in secrets:
            for spelling in (secret, unquote(secret)):
                if spelling not in ("", "@"):
                    text = text.replace(spelling, self.shown if secret == self.text else "...")
        return _USER.sub("//", text)  # an endpoint may have a password, too

    def open(self) -> tuple[Any, str]:
        """Return the file system, and the path of the store in it.

        A process that was forked gets one of its own: fsspec's have threads.

        Raises:
            UsageError: there is no such file system, or a package is missing.
        """
        check_installed("pyarrow", "duckdb", "fsspec")
        import fsspec  # noqa: PLC0415 (an extra)

        scheme = self._parts().scheme
        if not scheme or _CHAIN.match(self.text):
            raise UsageError("the store's address is not one URL", "s3://BUCKET/STORE")
        options = _OPTIONS[scheme]() if scheme in _OPTIONS else {}
        known = fsspec.config.conf.get(scheme, {})
        options = {name: value for name, value in options.items() if name not in known}
        try:
            file_system, path = fsspec.url_to_fs(self.text, **options)
        except ImportError as error:
            raise self._lacking(error) from error
        except Exception as error:
            # Packages that connect at once raise errors of their own.
            raise UsageError(f"{self.shown}: {self.clean(error)}") from error
        return file_system, path.rstrip("/")

    def _parts(self) -> SplitResult:
        try:
            return urlsplit(self.text)
        except ValueError:  # `open` refuses what has no scheme
            return SplitResult("", "", "", "", "")

    def _lacking(self, error: ImportError) -> UsageError:
        """Return the error that names the package which fsspec could not import."""
        cause = error.__cause__ if isinstance(error.__cause__, ImportError) else error
        module = (cause.name or "").partition(".")[0]
        if not module:
            return UsageError(f"{self.shown}: {self.clean(error)}")
        package = _PACKAGE_OF.get(module, module)
        return UsageError(
            f"{self.shown}: the package {package} is missing", f"pip install {package}"
        )
