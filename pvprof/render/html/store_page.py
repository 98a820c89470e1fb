"""The list of a store's recordings as a page with a form, for the web server."""

from __future__ import annotations

from pvprof import __version__
from pvprof.render.html.template import resource, safe, template
from pvprof.render.rendered import Rendered
from pvprof.store.trend import GROUPINGS
from pvprof.views.stores.store_list import StoreList


def render(view: StoreList) -> Rendered:
    """Return the page of a list; it has no script."""
    style = resource("html.css") + resource("store.css")
    return Rendered(
        template("store.jinja").render(
            view=view, groupings=GROUPINGS, version=__version__, style=safe(style)
        )
    )
