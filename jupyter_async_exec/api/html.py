"""An executed notebook as one HTML page that can run nothing."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import tempfile

from jupyter_async_exec.errors import TooBigError, UnavailableError

#: What takes longer is refused.
RENDER_LIMIT_S = 120.0

#: What text and tables are made of; nothing that runs, loads or submits.
_TAGS = [
    "a", "abbr", "b", "blockquote", "br", "caption", "code", "col", "colgroup", "dd", "del",
    "details", "div", "dl", "dt", "em", "figcaption", "figure", "h1", "h2", "h3", "h4", "h5",
    "h6", "hr", "i", "img", "ins", "kbd", "li", "mark", "ol", "p", "pre", "q", "s", "samp",
    "small", "span", "strong", "sub", "summary", "sup", "table", "tbody", "td", "tfoot", "th",
    "thead", "tr", "tt", "u", "ul", "var",
]  # fmt: skip
_ATTRIBUTES = {
    "*": ["align", "class", "id", "title"],
    "a": ["href"],
    "col": ["span", "width"],
    "img": ["alt", "height", "src", "width"],
    "li": ["value"],
    "ol": ["start", "type"],
    "td": ["colspan", "rowspan"],
    "th": ["colspan", "rowspan", "scope"],
}
_PROTOCOLS = ["http", "https", "mailto", "data"]
#: Their content is no text to show.
_UNSHOWN = re.compile(r"<(style|script)\b.*?</\1\s*>", re.DOTALL | re.IGNORECASE)


async def render_html(data: bytes) -> bytes:
    """Return a page of the notebook in `data`; scripts in its outputs are removed.

    The page is untrusted all the same and has to be served with a sandboxing
    policy. It is made in a process of its own, in about 1 s: importing what
    renders, and rendering large notebooks, would hold the interpreter for tens
    of milliseconds at a time, in whatever thread.

    Raises
    ------
    TooBigError
        It could not be rendered within `RENDER_LIMIT_S`, or in the memory there is.
    UnavailableError
        There is no room to put it down.
    """
    return await asyncio.to_thread(_render_in_child, data)


def notebook_to_html(data: bytes) -> bytes:
    """Return the page; takes 0.1 to 1 s, and longer for large notebooks."""
    import nbformat
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(sanitize_html=True, template_name="lab", embed_images=False)
    # nbconvert's own knows neither headings nor paragraphs and shows them as text.
    exporter.register_filter("clean_html", clean_html)
    page, _ = exporter.from_notebook_node(nbformat.reads(data.decode("utf-8"), as_version=4))
    return page.encode("utf-8", errors="replace")


def clean_html(element: object) -> str:
    """Return HTML that shows what `element` does and can do nothing."""
    import bleach

    text = element.decode() if isinstance(element, bytes) else str(element)
    return str(
        bleach.clean(
            _UNSHOWN.sub("", text),
            tags=_TAGS,
            attributes=_ATTRIBUTES,
            protocols=_PROTOCOLS,
            strip=True,
        )
    )


def _render_in_child(data: bytes) -> bytes:
    try:
        # Through files: a pipe is fed in small pieces by a thread of ours.
        with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as page:
            source.write(data)
            source.seek(0)
            subprocess.run(
                # -P: never a module of the user's from the folder the server was started in.
                [sys.executable, "-P", "-m", "jupyter_async_exec.api.html"],
                stdin=source,
                stdout=page,
                stderr=subprocess.DEVNULL,
                timeout=RENDER_LIMIT_S,
                check=True,
            )
            page.seek(0)
            return page.read()
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError):
        raise TooBigError(
            "The notebook could not be made into a page; it may be too large. Download it instead."
        ) from None
    except OSError as error:
        raise UnavailableError(
            f"The notebook could not be put down to be shown: {error.strerror or error}."
        ) from None


def main() -> None:
    """Render the notebook on standard input to standard output."""
    sys.stdout.buffer.write(notebook_to_html(sys.stdin.buffer.read()))


if __name__ == "__main__":
    main()
