"""The pages of the server: which there are, and the command that makes each.

::

    GET /                 the recordings that match, newest first, and a form
    GET /report           the page of ``pvprof report``
    GET /flamegraph.svg   a flame graph of them
    GET /compare          the page of ``pvprof compare``: where against vs
    GET /trend.svg        a trend: class, and what a point is

Every page takes ``where``, an expression of ``--where``. No page takes a file name, and no value
of a request becomes an option: each is one word behind ``--OPTION=``.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from pvprof.render.html import store_page
from pvprof.server.answers import Commands, NoAnswerError
from pvprof.server.guard import Guard
from pvprof.store.places.choose import shown_address
from pvprof.views.stores.store_list import FIELDS, StoreList

MAX_AT_ONCE = 2
_LIST_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self';"
    " frame-ancestors 'none'"
)
# Pages and pictures allow their own scripts by themselves, by hashes or as a document of their own.
_PICTURE_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline';"
    " frame-ancestors 'none'"
)
_PAGE_POLICY = "frame-ancestors 'none'"


@dataclass(frozen=True, slots=True)
class Page:
    """A page that is the output of a command.

    Attributes:
        command: its first words; ``--store=STORE`` follows.
        options: the option for each field of the form that the page takes.
        media_type, policy: headers of the answer.
        takes_store: the store is an argument, not an option.
    """

    command: tuple[str, ...]
    options: Mapping[str, str]
    media_type: str
    policy: str
    takes_store: bool = False


_HTML = "text/html; charset=utf-8"
PAGES: Mapping[str, Page] = {
    "/report": Page(
        ("report", "--format=html", "--output=-", "--quiet"),
        {"where": "--where", "kind": "--kind"},
        _HTML,
        _PAGE_POLICY,
    ),
    "/flamegraph.svg": Page(
        ("flamegraph", "--format=svg", "--output=-", "--quiet"),
        {"where": "--where", "kind": "--kind"},
        "image/svg+xml",
        _PICTURE_POLICY,
    ),
    "/compare": Page(
        ("compare", "--format=html", "--output=-", "--quiet"),
        {"where": "--where", "vs": "--vs-where", "kind": "--kind"},
        _HTML,
        _PAGE_POLICY,
    ),
    "/trend.svg": Page(
        ("store", "trend", "--output=-"),
        {"where": "--where", "class": "--class", "by": "--by"},
        "image/svg+xml",
        _PICTURE_POLICY,
        takes_store=True,
    ),
}
"""By their paths."""


def make_app(store: str, token: str, commands: Commands | None = None) -> Starlette:
    """Return the server's application.

    Args:
        store: the absolute path or the URL of the store.
        token: that a request must have; empty for none.
        commands: runs the commands.
    """
    runs = commands or Commands(asyncio.Semaphore(MAX_AT_ONCE))
    routes = [Route("/", _list_of(store, runs), methods=["GET"])]
    routes += [
        Route(path, _output_of(page, store, runs), methods=["GET"]) for path, page in PAGES.items()
    ]
    return Starlette(routes=routes, middleware=[Middleware(Guard, token=token)])


_Endpoint = Callable[[Request], Awaitable[Response]]


def _list_of(store: str, commands: Commands) -> _Endpoint:
    async def endpoint(request: Request) -> Response:
        words = ["store", "list", "--format=json", *_given("--where", _field(request, "where"))]
        try:
            rows = json.loads(await commands.answer([*words, "--", store]))["recordings"]
        except NoAnswerError as failure:
            return _list_page(store, request, failure=failure)
        return _list_page(store, request, rows)

    return endpoint


def _output_of(page: Page, store: str, commands: Commands) -> _Endpoint:
    async def endpoint(request: Request) -> Response:
        words = [*page.command]
        for name, option in page.options.items():
            words += _given(option, _field(request, name))
        words += ["--", store] if page.takes_store else [f"--store={store}"]
        try:
            content = await commands.answer(words)
        except NoAnswerError as failure:
            return _list_page(store, request, failure=failure)
        headers = {"content-security-policy": page.policy}
        return Response(content, media_type=page.media_type, headers=headers)

    return endpoint


def _list_page(
    store: str,
    request: Request,
    rows: Sequence[Mapping[str, Any]] = (),
    failure: NoAnswerError | None = None,
) -> Response:
    """Return the list, or why there is no answer, with what the form had."""
    fields = {name: _field(request, name) for name in FIELDS}
    error = failure.message if failure else ""
    text = store_page.render(StoreList(shown_address(store), fields, rows, error)).text
    status = failure.status if failure else 200
    return HTMLResponse(text, status, {"content-security-policy": _LIST_POLICY})


def _field(request: Request, name: str) -> str:
    return str(request.query_params.get(name, "")).strip()


def _given(option: str, value: str) -> list[str]:
    return [f"{option}={value}"] if value else []
