"""An executed notebook as one HTML page that can run nothing."""

from __future__ import annotations

import nbformat


def notebook_to_html(data: bytes) -> bytes:
    """Return a page of the notebook in `data`; scripts in its outputs are removed.

    The page is untrusted all the same and has to be served with a sandboxing
    policy. Takes 0.1 to 1 s: call it in a thread.
    """
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(sanitize_html=True, template_name="lab", embed_images=False)
    page, _ = exporter.from_notebook_node(nbformat.reads(data.decode("utf-8"), as_version=4))
    return page.encode("utf-8", errors="replace")
