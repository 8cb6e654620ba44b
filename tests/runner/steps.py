"""What may happen to a recorder, in any order, as a kernel's messages would have it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from jupyter_async_exec.runner.json_text import encode_json
from jupyter_async_exec.runner.large import load_lifted
from jupyter_async_exec.runner.task import Task

if TYPE_CHECKING:
    from jupyter_async_exec.runner.recorder import Recorder

TEXT = st.text(alphabet=st.one_of(st.sampled_from("\r\n\bab "), st.characters()), max_size=20)
LONG = st.builds(lambda text, times: text * times, TEXT, st.sampled_from([1, 1, 9]))
DATA = st.dictionaries(
    st.sampled_from(["text/plain", "text/html", "image/png", "application/json"]),
    st.one_of(LONG, st.floats(), st.none(), st.lists(TEXT, max_size=2)),
    max_size=3,
)
INDEX = st.integers(0, 2)
DISPLAY = st.sampled_from([None, "one", "two"])

STEP = st.one_of(
    st.tuples(st.just("stream"), INDEX, st.sampled_from(["stdout", "stderr"]), LONG),
    st.tuples(st.just("display"), INDEX, DATA, DISPLAY),
    st.tuples(st.just("result"), INDEX, DATA, DISPLAY),
    st.tuples(st.just("error"), INDEX, TEXT),
    st.tuples(st.just("update"), INDEX, DATA, st.sampled_from(["one", "two"])),
    st.tuples(st.just("clear"), INDEX, st.booleans()),
    st.tuples(st.just("widget"), st.sampled_from(["w1", "w2"]), DATA),
    st.tuples(st.just("start"), INDEX),
    st.tuples(st.just("finish"), INDEX, st.sampled_from(["ok", "error", "skipped", "aborted"])),
    st.tuples(st.just("flush")),
)


def make_task(**fields: Any) -> Task:
    return Task(
        **{
            "execution_id": "0" * 32,
            "number": 7,
            "attempt": 1,
            "folder": "/",
            "kernel_name": "python3",
            "language": "python",
            **fields,
        }
    )


def as_sent(content: dict[str, Any]) -> Any:
    """Give what the wire makes of a message."""
    return load_lifted(memoryview(encode_json(content)))


def play(recorder: Recorder, steps: list[tuple[Any, ...]]) -> None:
    recorder.record(
        "execution_started",
        cells_total=3,
        kernel={"name": "python3", "language_info": {"name": "python"}},
        injected={"cell_index": 1, "replaces": False, "id": "i", "source": "# Parameters\n"},
    )
    for step in steps:
        match step:
            case ("stream", index, name, text):
                recorder.stream(index, name, as_sent({"text": text})["text"])
            case ("display" | "result" as kind, index, data, display_id):
                output = as_sent(
                    {
                        "output_type": {"display": "display_data", "result": "execute_result"}[
                            kind
                        ],
                        "data": data,
                        "metadata": {},
                    }
                )
                extra = {"display_id": display_id} if display_id else {}
                recorder.record("output", cell_index=index, output=output, **extra)
            case ("error", index, text):
                output = {"output_type": "error", "ename": text, "evalue": "", "traceback": [text]}
                recorder.record("output", cell_index=index, output=output)
            case ("update", index, data, display_id):
                recorder.update(index, display_id, as_sent({"data": data})["data"], {})
            case ("clear", index, wait):
                recorder.record("outputs_cleared", cell_index=index, wait=wait)
            case ("widget", comm_id, data):
                state = {"_model_name": "M", **data}
                buffers = [{"path": [name], "data": "", "encoding": "base64"} for name in data]
                recorder.update_widget(comm_id, state, buffers)
            case ("start", index):
                recorder.record("cell_started", cell_index=index)
            case ("finish", index, status):
                recorder.record(
                    "cell_finished", cell_index=index, status=status, execution_count=index
                )
            case _:
                recorder.flush()
    recorder.record("execution_finished", status="succeeded")
