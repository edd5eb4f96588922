"""How the pages are built: ``nox -s docs``; warnings are errors."""

from __future__ import annotations

import re
from pathlib import Path

import periferia_link

DOCS = Path(__file__).parent
_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((\.\./[^)\s#]+)(#[^)\s]*)?\)")


def _stay_inside(app: object, docname: str, source: list[str]) -> None:
    """Name files of the repository that are no pages: on GitHub they are links, on these pages they cannot be."""
    del app
    here = (DOCS / docname).parent

    def named(found: re.Match[str]) -> str:
        target = (here / found[2]).resolve()
        if target.is_relative_to(DOCS):
            return found[0]
        return f"{found[1]} (`{target.relative_to(DOCS.parent).as_posix()}` in the repository)"

    source[0] = _LINK.sub(named, source[0])


def setup(app: object) -> None:
    """Connect what happens to every page before it is read."""
    app.connect("source-read", _stay_inside)  # type: ignore[attr-defined]


project = "periferia_link"
author = "Periferia IT Group"
project_copyright = "Periferia IT Group"
release = version = periferia_link.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4
# Mermaid and console blocks are shown as they are: no script from elsewhere runs in the pages
suppress_warnings = ["misc.highlighting_failure"]

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_default_options = {"members": True, "show-inheritance": True}
autoclass_content = "class"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
add_module_names = False

html_theme = "furo"
html_title = "periferia_link"
html_copy_source = False
html_show_sourcelink = False
html_extra_path = ["llms.txt"]
