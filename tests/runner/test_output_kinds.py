"""Every kind of output, as nbclient keeps it, as we keep it, and as the journal tells it.

One notebook runs through nbclient and through our runner; then each cell is
compared, and the whole once more with what is rebuilt from the journal. What
differs on purpose:

===========================  ============================================  ===================
What                         nbclient keeps                                we keep
===========================  ============================================  ===================
stream messages in a row     one output for each flush                     one output
``\\r`` and backspace         as sent                                       folded, as seen
NaN in JSON                  ``NaN``, which is no JSON                     ``null``
===========================  ============================================  ===================
"""

from __future__ import annotations

import asyncio
import copy
import json
import re
from typing import TYPE_CHECKING, Any

import nbformat
import pytest

from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.runner import files
from jupyter_async_exec.runner.journal import iterate_journal
from jupyter_async_exec.runner.launch import terminate
from jupyter_async_exec.runner.rebuild import rebuild_notebook
from jupyter_async_exec.runner.recorder import notebook_pieces
from tests.runner.helpers import Attempt, make_cell, make_notebook

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

JSONObject = dict[str, Any]

_SETUP = """
import base64, random, sys, time, warnings
import ipywidgets
from IPython.display import (
    HTML, JSON, SVG, Image, Javascript, Latex, Markdown, clear_output, display, update_display,
    publish_display_data,
)

def out(text):
    print(text, end="", flush=True)

def err(text):
    print(text, end="", file=sys.stderr, flush=True)

noise = random.Random(7)
first = display("first, later changed", display_id="shared")
"""

#: What each cell is about, and its code.
KINDS = {
    "nothing": "x = 1",
    "stdout": "print('a')\nprint('b')",
    "stderr": "print('a', file=sys.stderr)",
    "stdout in many flushes": "for i in range(300): out(f'{i}\\n')",
    "stdout and stderr in turn": "for i in range(5):\n    out(f'o{i}\\n')\n    err(f'e{i}\\n')",
    "streams around a display": "out('before\\n')\ndisplay(1)\nout('after\\n')",
    "a stream that continues its line": "out('a')\nout('b')\nout('c\\n')",
    "a progress bar": "for i in range(30): out(f'\\r{i} of 29')\nout('\\ndone\\n')",
    "a progress bar on stderr": "for i in range(30): err(f'\\r{i}%')\nerr('\\n')",
    "a return at the end": "out('abc\\r')",
    "returns that end lines": "out('a\\r\\nb\\r\\n')",
    "backspaces": "out('abcd\\b\\bX\\n')\nout('ef\\b')\nout('g\\n')",
    "colours": "print('\\x1b[31mred\\x1b[0m \\x1b]8;;http://x\\x07link\\x1b]8;;\\x07')",
    "other scripts": "print('é ß 漢字 😀 \\u202e \\x00 \\x7f')\ndisplay('漢字 😀')",
    "a result": "6 * 7",
    "a result with a semicolon": "6 * 7;",
    "a result without a text": "None",
    "a display": "display('a', 2, [3])",
    "rich displays": "display(HTML('<b>b</b>'), Markdown('*m*'), Latex('$x$'), SVG('<svg/>'))",
    "javascript": "display(Javascript('1'))",
    "json": "display(JSON({'a': [1, None, {'b': 'é'}]}, expanded=True))",
    # The session warns of it on stderr, which comes before or after, as the kernel's clock has it.
    "json with nan": "with warnings.catch_warnings(action='ignore'):\n"
    "    display(JSON({'a': float('nan'), 'b': [float('inf')]}))",
    "custom types": "display({'application/x.own+json': {'a': [1, 2.5, 'é']}, 'text/x.own': 'y',"
    " 'text/plain': 'p'}, raw=True, metadata={'application/x.own+json': {'k': True}})",
    "a type with a list": "display({'application/x.list+json': [1, [2]]}, raw=True)",
    "published data": "publish_display_data({'text/plain': 'p', 'x/y': 'z'}, {'x/y': {'w': 1}})",
    "a picture": "display(Image(noise.randbytes(500), format='png', width=3))",
    "an update in the same cell": "h = display('old', display_id=True)\nh.update('new')",
    "an update of another cell": "update_display('changed from below', display_id='shared')",
    "an update that changes the type": "h = display('t', display_id=True)\nh.update(HTML('<i>h'))",
    "many of one id": "for i in range(3): display(i, display_id='many')",
    "an update of many": "update_display('all of them', display_id='many')",
    "an update of what is not there": "update_display('nobody', display_id='unknown')",
    "an update of what was cleared": "h = display('gone', display_id=True)\nclear_output()\n"
    "h.update('still gone')",
    "a display again after its clear": "display('one', display_id='again')\nclear_output()\n"
    "display('two', display_id='again')\nupdate_display('three', display_id='again')",
    "a hundred updates": "h = display(0, display_id=True)\nfor i in range(100): h.update(i)",
    "updates between prints": "h = display(0, display_id=True)\n"
    "for i in range(20):\n    h.update(i)\n    out(f'{i}\\n')",
    "a result with a display id": "class R:\n    def _ipython_display_(self):\n"
    "        display('shown', display_id='r')\nR()",
    "clear": "print('gone')\nclear_output()\nprint('stays')",
    "clear and nothing after": "print('gone', flush=True)\nclear_output()",
    "clear with wait": "print('gone', flush=True)\nclear_output(wait=True)\nprint('stays')",
    "clear with wait, then clear": "print('gone')\nclear_output(wait=True)\nclear_output()",
    "clear in a loop": "for i in range(50):\n    clear_output(wait=True)\n    display(i)",
    "clear with wait, then an update": "h = display('kept', display_id=True)\n"
    "clear_output(wait=True)\nh.update('new')\nprint('replaces')",
    "a widget": "slider = ipywidgets.IntSlider(value=3, description='é')\ndisplay(slider)",
    "a widget that changes": "for i in range(20): slider.value = i",
    "widgets in widgets": "ipywidgets.HBox([slider, ipywidgets.Text('t')])",
    "a picture in a widget": "ipywidgets.Image(value=bytes(range(256)), format='png')",
    "an output widget": "w = ipywidgets.Output()\ndisplay(w)\n"
    "with w:\n    print('in')\n    display(HTML('<b>in</b>'))\n    print('err', file=sys.stderr)\n"
    "print('out')",
    "clear in an output widget": "with w:\n    clear_output()\n    print('only')",
    "an error": "def f():\n    return 1 / 0\nf()",
    "an error after output": "print('before')\ndisplay('shown')\nraise ValueError('é 😀')",
    "an error of syntax": "this is no python",
    "an error that is shown": "get_ipython().showtraceback((KeyError, KeyError('k'), None))",
    "a large text": "print('0123456789 é\\n' * 30_000)",
    "a large text that goes on": "out('a' * 100_000)\nout('b' * 100_000 + '\\n')\nout('c\\n')\n"
    "err('d' * 100_000)\nout('e' * 100_000)",
    "a large text with returns": "out(('x' * 99 + '\\r') * 2_000 + 'end\\n')",
    "a large text that is taken back": "out('a' * 100_000)\nout('\\b\\bc\\n')\nout('d' * 50_000)\n"
    "out('\\re')",
    "a large html": "display(HTML('<a href=\"x\">\\\\ é 漢 😀</a>\\n' * 20_000))",
    "a large picture": "display(Image(noise.randbytes(1_500_000), format='png'))",
    "a large json": "display(JSON([{'a': i, 'b': 'é'} for i in range(20_000)]))",
    "a large error": "raise ValueError('long ' * 20_000)",
    "a large bundle": "display({'text/plain': 'p' * 50_000, 'text/html': 'h' * 60_000,"
    " 'application/v+json': {'k': 'v' * 70_000}}, raw=True, metadata={'m': 'n' * 80_000})",
    "a large update of a small": "h = display('small', display_id=True)\nh.update('L' * 90_000)",
    "a small update of a large": "h = display('L' * 90_000, display_id=True)\nh.update('small')",
    "large updates of many": "for i in range(3): display('l' * 70_000, display_id='large')\n"
    "update_display(HTML('m' * 80_000), display_id='large')",
    "a large one that is cleared": "display('L' * 90_000)\nclear_output()\ndisplay('M' * 90_000)\n"
    "clear_output(wait=True)\nprint('stays')",
    "a large text in an output widget": "with w:\n    clear_output()\n    print('w' * 100_000)",
    "a result that is large": "'r' * 100_000",
}

_MAY_RAISE = re.compile("^an error|^a large error")


def _make_notebook() -> JSONObject:
    cells = [
        make_cell(code, *(["raises-exception"] if _MAY_RAISE.match(kind) else []))
        for kind, code in {"setup": _SETUP, **KINDS}.items()
    ]
    picture = make_cell("![p](attachment:p.png)", kind="markdown")
    picture["attachments"] = {"p.png": {"image/png": "iVBORw0KGgo="}}
    raw = make_cell("raw <b>text</b>", kind="raw")
    raw["metadata"]["format"] = "text/html"
    return make_notebook(*cells, picture, raw)


def _run_nbclient(notebook: JSONObject) -> JSONObject:
    from nbclient import NotebookClient

    node = nbformat.from_dict(copy.deepcopy(notebook))
    client = NotebookClient(node, kernel_name="python3", timeout=60)
    asyncio.run(client.async_execute())
    executed: JSONObject = json.loads(json.dumps(node))
    return executed


@pytest.fixture(scope="module")
def attempt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attempt]:
    """Give the notebook of all kinds, executed by our runner."""
    pytest.importorskip("ipywidgets")
    made = Attempt(tmp_path_factory.mktemp("kinds") / "attempt", _make_notebook())
    assert made.run(timeout_s=120).status is Status.SUCCEEDED
    yield made
    terminate(made.directory)


@pytest.fixture(scope="module")
def ours(attempt: Attempt) -> JSONObject:
    """Give what our runner wrote, without the names that differ between two runs."""
    return _without_names(attempt.output)


@pytest.fixture(scope="module")
def theirs() -> JSONObject:
    """Give what nbclient made of the same notebook, in our form."""
    pytest.importorskip("ipywidgets")
    notebook = _without_names(_as_we_keep(_run_nbclient(_make_notebook())))
    for cell in notebook["cells"]:
        if "outputs" in cell:
            cell["outputs"] = _merged(cell["outputs"])
    return notebook


def _without_names(notebook: JSONObject) -> JSONObject:
    """Number the widgets, and everything else that is random."""
    text = json.dumps(notebook)
    ids = re.findall(r'"(?:IPY_MODEL_|model_id": ")([0-9a-f]{32})', text)
    widgets = notebook["metadata"]["widgets"]["application/vnd.jupyter.widget-state+json"]
    names = [*dict.fromkeys([*widgets["state"], *ids])]
    for number, name in enumerate(names):
        text = text.replace(name, f"widget-{number}")
    # Line numbers and names of cells in tracebacks come from where IPython runs.
    text = re.sub(r"(ipykernel_|ipython-input-)[0-9a-f_/-]+(\.py)?", "CELL", text)
    text = re.sub(r'"msg_id": "[^"]*"', '"msg_id": ""', text)
    numbered: JSONObject = json.loads(text)
    return numbered


def _as_we_keep(value: Any) -> Any:
    """Make nbclient's values those that JSON has."""
    if isinstance(value, float) and value - value != 0:
        return None
    if isinstance(value, dict):
        return {key: _as_we_keep(item) for key, item in value.items()}
    return [_as_we_keep(item) for item in value] if isinstance(value, list) else value


def _merged(outputs: list[JSONObject]) -> list[JSONObject]:
    merged: list[JSONObject] = []
    for output in outputs:
        if output["output_type"] == "stream" and merged:
            last = merged[-1]
            if (last["output_type"], last.get("name")) == ("stream", output["name"]):
                last["text"] += output["text"]
                continue
        merged.append(dict(output))
    for output in merged:
        if output["output_type"] == "stream":
            output["text"] = "\n".join(map(_as_seen, output["text"].split("\n")))
    return merged


def _as_seen(line: str) -> str:
    """Fold one line the slow and simple way."""
    ending = "\r" if line.endswith("\r") else ""
    shown, returned = "", False
    for character in line:
        if character == "\r":
            returned = True
        elif character == "\b":
            shown = shown if returned else shown[:-1]
        else:
            shown, returned = character if returned else shown + character, False
    return shown + ending


@pytest.mark.parametrize("kind", KINDS)
def test_outputs_are_those_that_nbclient_keeps(
    kind: str, ours: JSONObject, theirs: JSONObject
) -> None:
    index = 1 + list(KINDS).index(kind)

    assert ours["cells"][index]["outputs"] == theirs["cells"][index]["outputs"]
    assert ours["cells"][index]["execution_count"] == theirs["cells"][index]["execution_count"]


def test_what_later_cells_changed_is_as_nbclient_keeps_it(
    ours: JSONObject, theirs: JSONObject
) -> None:
    assert ours["cells"][0]["outputs"] == theirs["cells"][0]["outputs"]
    assert ours["cells"][0]["outputs"][0]["data"] == {"text/plain": "'changed from below'"}


def test_widgets_are_those_that_nbclient_keeps(ours: JSONObject, theirs: JSONObject) -> None:
    kind = "application/vnd.jupyter.widget-state+json"
    mine, other = (n["metadata"]["widgets"][kind] for n in (ours, theirs))
    for notebook in (mine, other):
        for model in notebook["state"].values():
            if "outputs" in model["state"]:
                model["state"]["outputs"] = _merged(model["state"]["outputs"])

    assert mine == other


def test_cells_that_do_not_run_stay_as_they_are(attempt: Attempt) -> None:
    source = json.loads((attempt.directory / files.SOURCE).read_bytes())

    assert attempt.output["cells"][-2:] == source["cells"][-2:]


def test_the_times_of_cells_have_nbclients_names(ours: JSONObject, theirs: JSONObject) -> None:
    mine, other = ([*n["cells"][1]["metadata"]["execution"]] for n in (ours, theirs))

    assert sorted(mine) == sorted(other)


def test_every_output_is_whole_and_valid(attempt: Attempt) -> None:
    content = (attempt.directory / files.OUTPUT).read_bytes()

    notebook = json.loads(content, parse_constant=pytest.fail)
    nbformat.validate(nbformat.from_dict(notebook))


def test_the_journal_tells_the_same_to_who_reads_all_of_it(attempt: Attempt) -> None:
    assert attempt.rebuilt == attempt.output


def test_the_journal_tells_the_same_to_who_copies_large_outputs(attempt: Attempt) -> None:
    source = json.loads((attempt.directory / files.SOURCE).read_bytes())
    journal = attempt.directory / files.JOURNAL

    rebuilt = rebuild_notebook(source, attempt.task, iterate_journal(journal))

    written = (attempt.directory / files.OUTPUT).read_bytes()
    assert b"".join(notebook_pieces(rebuilt)) == written


def test_a_kept_journal_needs_no_other_file(attempt: Attempt, tmp_path: Any) -> None:
    source = json.loads((attempt.directory / files.SOURCE).read_bytes())
    lines = (attempt.directory / files.JOURNAL).read_text().splitlines()

    records = [json.loads(line) for line in lines]

    assert rebuild_notebook(source, attempt.task, records) == attempt.output
    assert any("large" in record for record in records)
