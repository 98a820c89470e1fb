"""What the pages share: their files, their templates, and the policy that keeps them closed."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from pvprof.model.stacks import show_controls

if TYPE_CHECKING:
    import jinja2
    from markupsafe import Markup


def policy_of(scripts: Iterable[str]) -> str:
    """Return the Content-Security-Policy: nothing is loaded, and only these scripts run."""
    hashes = [
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
        for text in scripts
        if text
    ]
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes) or "'none'"
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline';"
        " base-uri 'none'; form-action 'none'"
    )


def safe(text: str) -> Markup:
    """Mark text as markup: it has no text of a recording, or only escaped text."""
    from markupsafe import Markup  # noqa: PLC0415 (comes with Jinja2: only HTML needs it)

    return Markup(text)


@cache
def template(name: str) -> jinja2.Template:
    """Return the template of that name; it escapes every value that is not `safe`."""
    import jinja2  # noqa: PLC0415 (0.1 s to import: only HTML needs it)

    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_visible,
    )
    return environment.from_string(resource(name))


def resource(name: str) -> str:
    """Return the text of a file beside this module."""
    return files("pvprof.render.html").joinpath(name).read_text(encoding="utf-8")


def _visible(value: object) -> object:
    """Return a value of the template, with visible control characters if it is a text."""
    return show_controls(value) if type(value) is str else value  # else a number, or Markup
