"""The page of a notebook is made in a process of its own."""

from __future__ import annotations

import json

import pytest

from jupyter_async_exec.api import html
from jupyter_async_exec.errors import TooBigError

NOTEBOOK = {
    "nbformat": 4,
    "nbformat_minor": 5,
    "metadata": {},
    "cells": [
        {
            "cell_type": "markdown",
            "id": "a",
            "metadata": {},
            "source": "A *fine* \u00e9t\u00e9",
        }
    ],
}


async def test_the_page_is_the_one_that_is_made_here() -> None:
    data = json.dumps(NOTEBOOK).encode()

    page = await html.render_html(data)

    assert page == html.notebook_to_html(data)
    assert "A <em>fine</em> \u00e9t\u00e9" in page.decode()


async def test_what_cannot_be_rendered_is_refused_with_a_sentence() -> None:
    with pytest.raises(TooBigError, match="Download it instead"):
        await html.render_html(b"no notebook")
