"""docs/lock-patch.ipynb: it runs, and its outputs are those that it shows."""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import assert_golden

NOTEBOOK = Path(__file__).parent.parent / "docs" / "lock-patch.ipynb"


@pytest.mark.slow
@pytest.mark.skipif(find_spec("nbclient") is None, reason="nbclient is not installed")
@pytest.mark.filterwarnings("ignore")  # of Jupyter's own packages
def test_the_notebook_shows_what_its_cells_print() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import nbclient  # noqa: PLC0415 (only `scripts/setup dev` installs them)
        import nbformat  # noqa: PLC0415

        notebook = nbformat.reads(NOTEBOOK.read_text(), as_version=4)
        nbclient.NotebookClient(
            notebook,
            timeout=120,
            record_timing=False,
            resources={"metadata": {"path": NOTEBOOK.parent}},
        ).execute()
    notebook.metadata.pop("language_info")  # the version of Python that ran it
    assert sum(bool(cell.get("outputs")) for cell in notebook.cells) >= 5
    assert_golden(nbformat.writes(notebook), NOTEBOOK)
