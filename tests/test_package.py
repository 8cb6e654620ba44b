"""The hooks in `jupyter_async_exec/__init__.py`."""

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import jupyter_async_exec

ROOT = Path(__file__).parent.parent


def test_the_version_is_that_of_the_distribution() -> None:
    assert jupyter_async_exec.__version__ == version("jupyter_async_exec")


def test_an_unknown_attribute_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        _ = jupyter_async_exec.nonsense


def test_jupyter_finds_the_front_end_where_the_build_puts_it() -> None:
    package_json = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))

    (paths,) = jupyter_async_exec._jupyter_labextension_paths()

    assert package_json["jupyterlab"]["outputDir"] == f"jupyter_async_exec/{paths['src']}"
    assert package_json["name"] == paths["dest"]


def test_importing_the_package_loads_no_server() -> None:
    code = "import sys, jupyter_async_exec; print({'tornado', 'traitlets'} & set(sys.modules))"

    printed = subprocess.check_output([sys.executable, "-c", code], text=True)

    assert printed.strip() == "set()"
