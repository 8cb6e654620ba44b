"""Nothing that came from outside is executed in the server: our own source, read for what could."""

from __future__ import annotations

import ast
from pathlib import Path

import jupyter_async_exec

ROOT = Path(jupyter_async_exec.__file__).parent
#: What turns text or bytes into something that runs.
BANNED_NAMES = {"eval", "exec", "compile", "__import__", "execfile"}
BANNED_CALLS = {
    ("os", "system"),
    ("os", "popen"),
    ("pickle", "load"),
    ("pickle", "loads"),
    ("marshal", "load"),
    ("marshal", "loads"),
    ("importlib", "import_module"),
    ("runpy", "run_path"),
    ("runpy", "run_module"),
    ("yaml", "unsafe_load"),
    ("yaml", "full_load"),
    ("subprocess", "getoutput"),
    ("subprocess", "getstatusoutput"),
}
BANNED_MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "code", "codeop"}
#: Where a program begins that is not the server: a kernel, forked, is the module its
#: kernel spec names, and the fork server imports what kernels of ours will need. To a worker
#: the name of a function of ours is sent, as Dask wants it. The class of a cluster is named by
#: the server's configuration, and loaded in a process of its own.
ALLOWED = {
    ("runner/warm", "run_module"),
    ("runner/warm", "import_module"),
    ("backends/dask/link.py", "pickle"),
    ("backends/dask/starting.py", "import_module"),
}


def findings() -> list[str]:
    found = []
    for path in sorted(ROOT.rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            what = _dangerous(node)
            if what and not any(
                name.startswith(place) and what.endswith(allowed) for place, allowed in ALLOWED
            ):
                found.append(f"{name}:{getattr(node, 'lineno', 0)} {what}")
    return found


def _dangerous(node: ast.AST) -> str | None:
    match node:
        case ast.Call(func=ast.Name(id=name)) if name in BANNED_NAMES:
            return name
        case ast.Call(func=ast.Attribute(value=ast.Name(id=module), attr=name)) if (
            module,
            name,
        ) in BANNED_CALLS:
            return f"{module}.{name}"
        case ast.keyword(arg="shell", value=ast.Constant(value=True)):
            return "shell=True"
        case ast.Import(names=names):
            return next((each.name for each in names if each.name in BANNED_MODULES), None)
        case ast.ImportFrom(module=str(module)) if module in BANNED_MODULES:
            return module
    return None


def test_nothing_in_the_package_turns_text_into_something_that_runs() -> None:
    assert findings() == []


def test_a_call_that_would_is_found() -> None:
    calls = "eval(x); import pickle; os.system(x); subprocess.run(x, shell=True)"

    found = [what for node in ast.walk(ast.parse(calls)) if (what := _dangerous(node))]

    assert sorted(found) == ["eval", "os.system", "pickle", "shell=True"]
