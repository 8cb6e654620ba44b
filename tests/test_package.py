"""The hooks in `jupyter_async_exec/__init__.py`."""

import json
import os
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


#: Each of these costs memory or time, and an idle server needs none of them.
HEAVY = {
    "alembic",
    "jupyter_async_exec.backends.local",
    "jupyter_async_exec.composition",
    "jupyter_async_exec.dispatcher",
    "jupyter_async_exec.runner",
    "jupyter_async_exec.service.use_cases",
    "jupyter_async_exec.snapshots.capture",
    "jupyter_async_exec.store.execution_store",
    "nbclient",
    "papermill",
    "pathspec",
    "sqlalchemy",
    "tqdm",
    "zstandard",
}


def test_a_server_that_loads_the_extension_imports_nothing_heavy(tmp_path: Path) -> None:
    """Not what the server itself imports, such as jsonschema, nbformat and yaml."""
    code = f"""
import sys
from jupyter_server.serverapp import ServerApp
found = {{"jupyter_server_terminals": False, "jupyterlab": False, "jupyter_async_exec": True}}
app = ServerApp(jpserver_extensions=found, open_browser=False, port=0, root_dir={str(tmp_path)!r})
app.initialize([], find_extensions=False)
assert "jupyter_async_exec.app" in sys.modules
print(sorted({HEAVY!r} & set(sys.modules)))
"""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("JUPYTER")},
        **{
            f"JUPYTER_{kind}_DIR": str(tmp_path / kind.lower())
            for kind in ("CONFIG", "DATA", "RUNTIME")
        },
    }

    printed = subprocess.check_output([sys.executable, "-c", code], text=True, env=environment)

    assert printed.splitlines()[-1] == "[]"
