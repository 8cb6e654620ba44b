"""The conversation with one kernel: requests out, outputs and replies in, nothing lost."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jupyter_async_exec.runner.endings import KernelDiedError
from jupyter_async_exec.runner.large import Text
from jupyter_async_exec.runner.redaction import Redactor
from jupyter_async_exec.runner.widgets import Widgets
from jupyter_async_exec.runner.wire import Message, Wire, ask_to_execute

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jupyter_async_exec.core.json_types import JSONObject
    from jupyter_async_exec.runner.kernel import KernelProcess
    from jupyter_async_exec.runner.recorder import Recorder

_CHECK_S = 0.1
#: One turn of receiving ends after this, so that cancel and limits stay prompt.
_TURN_S = 0.05
#: While messages pour in, taking a handful at once spares the kernel's processor.
_MANY_OUTPUTS = 100
_MANY_OUTPUTS_PAUSE_S = 0.002
#: An output widget's whole content is written and sent at each synchronisation:
#: not more often than this share of the time allows.
_SYNCHRONISE_SHARE = 0.05
#: After the reply, for the idle message that every sane kernel sends.
_IDLE_GRACE_S = 5.0
#: Quiet time that ends the drain after the last cell: with threads, without; its longest.
_DRAIN_QUIET_S = 0.7
_DRAIN_UNKNOWN_S = 0.05
_DRAIN_LONGEST_S = 2.0

#: Lifts the mark of 1,000 messages above which the kernel's own socket drops
#: output; the socket belongs to a thread, which has to do it itself. For IPython.
LIFT_MARK = (
    "(lambda thread: thread.schedule(lambda: thread.socket.set(__import__('zmq').SNDHWM, 0)))"
    "(get_ipython().kernel.iopub_socket.io_thread)"
)
_LEAVE = "(lambda loop: loop.add_callback(loop.stop))(get_ipython().kernel.io_loop)"
#: What an IPython kernel derives from its folder when it starts, done again.
_MOVE_IN = (
    "(lambda os, shell: (os.chdir({folder!r}), os.environ.update({variables!r}), "
    "setattr(shell, 'starting_dir', os.getcwd()), "
    "shell.history_manager.dir_hist.__setitem__("
    "slice(None), [__import__('pathlib').Path.cwd()])))"
    "(__import__('os'), get_ipython())"
)
#: What programs and C code print goes through pipes that ipykernel reads in threads of its own,
#: a little at a time; the kernel's flush, which follows, takes along what they have read by then.
#: Whatever prints for ever is not waited for.
_READ_PIPES = (
    "(lambda sys, select, time: (lambda pipes, until: [*iter(lambda: bool("
    "pipes and time.monotonic() < until and select.select(pipes, [], [], 0)[0]"
    " and time.sleep(0.001) is None), False), time.sleep(0)])("
    "[pipe for stream in (sys.stdout, sys.stderr) "
    "if isinstance(pipe := getattr(stream, '_fid', None), int)], time.monotonic() + 0.5))"
    "(__import__('sys'), __import__('select'), __import__('time'))"
)
#: A progress bar's monitor prints nothing, and neither does the thread with which ZeroMQ gives
#: back what it has sent (from the first large output on); they would keep every drain waiting.
_COUNT_THREADS = {
    "threads": f"({_READ_PIPES}, "
    "sum(type(thread).__module__.partition('.')[0] not in ('tqdm', 'zmq') "
    "for thread in __import__('threading').enumerate()))[1]"
}


@dataclass(slots=True)
class Request:
    """An execute request on its way."""

    id: str
    #: `None` for our own questions to the kernel.
    cell_index: int | None
    reply: JSONObject | None = None
    is_idle: bool = False
    execution_count: int | None = None
    timing: dict[str, str] = field(default_factory=dict)
    replied_at: float = 0.0
    #: Content of the error output, if one came.
    exception: JSONObject | None = None


class Conversation:
    """Everything said between us and one kernel process.

    Parameters
    ----------
    kernel
        A started kernel.
    recorder
        Where outputs go.
    check
        Called ten times a second; may raise, and the exception leaves `pump`.
    wire
        A connection to the kernel that exists already.
    redactor
        What is recorded goes through it.
    """

    def __init__(
        self,
        kernel: KernelProcess,
        *,
        recorder: Recorder,
        check: Callable[[], None],
        wire: Wire | None = None,
        redactor: Redactor | None = None,
    ) -> None:
        self.kernel = kernel
        self._recorder = recorder
        self._check = check
        self._wire = wire or Wire(kernel.connection)
        self._redactor = redactor or Redactor()
        self._widgets = Widgets(keep=recorder.update_widget, tell=self._tell_widget)
        self._requests: dict[str, Request] = {}
        self._replies: dict[str, JSONObject] = {}
        self._last_index: int | None = None
        self._last_request: Request | None = None
        #: Messages that came without a pause of a turn, or since a cell began or ended.
        self._n_outputs = 0
        self._n_threads: int | None = None
        self._next_check = 0.0
        self._next_synchronise = 0.0
        self._obeys = True
        self.is_ipython = False
        #: When something last came, 0 before.
        self.heard = 0.0

    # ------------------------------------------------------------ asking

    def wait_ready(self, timeout_s: float) -> JSONObject:
        """Wait until the kernel answers and its output reaches us; return what it says of itself.

        Raises
        ------
        KernelDiedError
            It does not answer in time.
        """
        deadline = time.monotonic() + timeout_s
        asked = [self._wire.send(self._wire.shell, "kernel_info_request", {})]
        ask_again = 0.0
        while True:
            self.pump(0.02)
            info = next((self._replies[id_] for id_ in asked if id_ in self._replies), None)
            now = time.monotonic()
            if info is not None and self.heard:
                break
            if now >= deadline:
                raise KernelDiedError
            if info is not None and now >= ask_again:
                # It answered, but its output does not reach us yet: make it say more.
                if ask_again:
                    asked.append(self._wire.send(self._wire.shell, "kernel_info_request", {}))
                ask_again = now + 0.03
        self.is_ipython = info.get("implementation") == "ipython"
        if self.is_ipython:
            # With it the threads are counted that are there before any cell.
            self.set_unseen("", user_expressions={**_COUNT_THREADS, "lifted": LIFT_MARK})
        return info

    def move_in(self, folder: str, variables: Mapping[str, str], timeout_s: float) -> None:
        """Make an IPython kernel that started elsewhere one that started in `folder`.

        It has answered, its output reaches us, and its mark is lifted.

        Parameters
        ----------
        folder
            Its working directory from now on.
        variables
            Added to its environment.
        timeout_s
            For how long it may take.

        Raises
        ------
        KernelDiedError
            It could not, or not in time: it cannot be used.
        """
        self.is_ipython = True
        code = _MOVE_IN.format(folder=folder, variables=dict(variables))
        request = self.set_unseen(code, user_expressions=_COUNT_THREADS)
        deadline = time.monotonic() + timeout_s
        while not self.is_done(request):
            if time.monotonic() >= deadline:
                raise KernelDiedError
            self.pump(0.02)
        if (request.reply or {}).get("status") != "ok":
            raise KernelDiedError

    def execute(
        self,
        code: str,
        cell_index: int,
        *,
        is_last: bool,
        user_expressions: Mapping[str, str],
        **options: Any,
    ) -> Request:
        """Send a cell's code.

        Parameters
        ----------
        code
            Its source.
        cell_index
            Its position.
        is_last
            Whether none comes after it: then what `drain` wants to know is asked with it.
        user_expressions
            Python expressions answered when the cell has succeeded.
        options
            Other fields of the request.
        """
        self._last_index = cell_index
        self.heard = time.monotonic()
        asks = {**user_expressions, **(_COUNT_THREADS if is_last and self.is_ipython else {})}
        self._last_request = self._request(code, cell_index, user_expressions=asks, **options)
        return self._last_request

    def set_unseen(self, code: str, **options: Any) -> Request:
        """Send code that neither the kernel's history nor anybody who listens hears of."""
        return self._request(code, None, silent=True, store_history=False, **options)

    def ask(self, user_expressions: Mapping[str, str]) -> JSONObject:
        """Ask IPython between cells; return its reply, empty when none came in time."""
        question = self.set_unseen("", user_expressions=dict(user_expressions))
        deadline = time.monotonic() + _DRAIN_LONGEST_S
        while not self.is_done(question) and time.monotonic() < deadline:
            self.pump(_DRAIN_UNKNOWN_S)
            if self.kernel.exit_code is not None:
                break  # `exit()` in the last cell
        return question.reply or {}

    def is_done(self, request: Request) -> bool:
        """Whether reply and idle have come, so that every output is here."""
        if request.reply is None:
            return False
        if request.is_idle:
            return True
        quiet_since = max(request.replied_at, self.heard)
        return time.monotonic() - quiet_since > _IDLE_GRACE_S

    def interrupt(self) -> None:
        """Interrupt the running cell in the way this kernel wants it."""
        if self.kernel.wants_interrupt_message:
            self._wire.send(self._wire.control, "interrupt_request", {})
        else:
            self.kernel.interrupt()

    def shut_down(self) -> None:
        """Ask the kernel to end by itself.

        IPython is asked to leave its loop. The message made for it is answered by
        a thread that, in 1 of 20 ends, prints to another that has just ended
        (ipykernel 7.4), and then what the kernel still has to write is lost.
        """
        if self.is_ipython:
            self.set_unseen("", user_expressions={"left": _LEAVE})
        else:
            self.insist()

    def insist(self) -> None:
        """Ask in the way every kernel understands, however busy."""
        self._wire.send(self._wire.control, "shutdown_request", {"restart": False})

    def close(self) -> None:
        """Drop the connection."""
        self._wire.close()

    def _request(self, code: str, cell_index: int | None, **options: Any) -> Request:
        content = ask_to_execute(code, **options)
        message_id = self._wire.send(self._wire.shell, "execute_request", content)
        request = Request(message_id, cell_index)
        self._requests[request.id] = request
        return request

    # ------------------------------------------------------------ listening

    def pump(self, timeout_s: float) -> None:
        """Receive what waits, or wait for it; look after everything else now and then."""
        self._receive(timeout_s)
        now = time.monotonic()
        if now >= self._next_check:
            self._next_check = now + _CHECK_S
            if now >= self._next_synchronise:
                self.synchronise()
                took = time.monotonic() - now
                self._next_synchronise = now + took / _SYNCHRONISE_SHARE
            self._recorder.tick()
            if self._obeys:
                self._check()

    def _receive(self, timeout_s: float) -> None:
        wire = self._wire
        if self._n_outputs > _MANY_OUTPUTS:
            time.sleep(_MANY_OUTPUTS_PAUSE_S)
        ready = dict(wire.poller.poll(int(timeout_s * 1000)))
        if wire.iopub in ready:
            until = time.monotonic() + _TURN_S
            while (message := wire.receive(wire.iopub)) is not None:
                self.heard = time.monotonic()
                self._n_outputs += 1
                self._take_output(message)
                if self.heard >= until:
                    break
        else:
            self._n_outputs = 0
        if wire.shell in ready:
            while (message := wire.receive(wire.shell)) is not None:
                self._take_reply(message)
        if wire.control in ready:
            while wire.receive(wire.control) is not None:
                pass

    def disobey(self) -> None:
        """Call `check` no more: the end is decided."""
        self._obeys = False

    def synchronise(self) -> None:
        """Write down, and let the kernel know, what widgets have captured."""
        self._widgets.synchronise()

    def drain(self) -> None:
        """Take what threads still print after the last cell, if there are such threads."""
        self.disobey()
        if not self.is_ipython:
            self.drain_quietly()
            return
        start = self.heard = time.monotonic()
        # Each answer also flushes what the kernel has collected until then.
        threads = _threads_in((self._last_request and self._last_request.reply) or {})
        if threads is None:
            threads = self._count_threads()
        while threads is not None and threads > (self._n_threads or 0):
            now = time.monotonic()
            if now - self.heard > _DRAIN_QUIET_S or now - start > _DRAIN_LONGEST_S:
                break
            self.drain_quietly()
            threads = self._count_threads()

    def drain_quietly(self, quiet_s: float = _DRAIN_UNKNOWN_S) -> None:
        """Receive until nothing comes for a while; `check` is not called."""
        obeyed, self._obeys = self._obeys, False
        start = time.monotonic()
        while (now := time.monotonic()) - max(self.heard, start) < quiet_s:
            if now - start > _DRAIN_LONGEST_S:
                break
            self.pump(quiet_s / 4)
        self._release()
        self._obeys = obeyed

    def _count_threads(self) -> int | None:
        """Ask how many threads the kernel has; `None` when it does not say."""
        heard = self.heard
        reply = self.ask(_COUNT_THREADS)
        self.heard = heard
        return _threads_in(reply)

    def _take_reply(self, message: Message) -> None:
        message.content = self._redactor.clean(message.content)
        request = self._requests.get(message.parent_id or "")
        if request is None:
            self._replies[message.parent_id or ""] = message.content
            return
        request.reply = message.content
        request.replied_at = time.monotonic()
        request.timing["shell.execute_reply"] = message.date
        if isinstance(message.content.get("execution_count"), int):
            request.execution_count = message.content["execution_count"]
        if request.cell_index is None and self._n_threads is None:
            self._n_threads = _threads_in(message.content)

    def _take_output(self, message: Message) -> None:
        if self._redactor and message.kind != "stream":
            self._release()
            message.content = self._redactor.clean(message.content)
            message.buffers = self._redactor.clean(message.buffers)
        if message.kind.startswith("comm_"):
            self._widgets.take_comm(message)
            return
        request = self._requests.get(message.parent_id or "")
        index = request.cell_index if request is not None else None
        if index is None and (request is not None or message.parent_id is None):
            # Threads print under the kernel's latest request, be it one of ours.
            index = self._last_index
        if request is not None and self._take_progress(request, message):
            return
        if index is not None:
            self._take_cell_output(index, request, message)

    def _take_progress(self, request: Request, message: Message) -> bool:
        """Note what a message says about the request itself; `False` when it is output."""
        if message.kind == "status":
            self._n_outputs = 0
            state = message.content.get("execution_state")
            request.timing[f"iopub.status.{state}"] = message.date
            request.is_idle = request.is_idle or state == "idle"
        elif message.kind == "execute_input":
            request.timing["iopub.execute_input"] = message.date
            if isinstance(message.content.get("execution_count"), int):
                request.execution_count = message.content["execution_count"]
        else:
            return False
        return True

    def _take_cell_output(self, index: int, request: Request | None, message: Message) -> None:
        content = message.content
        if message.kind == "clear_output":
            if not self._widgets.capture_clear(message):
                wait = bool(content.get("wait"))
                self._recorder.record("outputs_cleared", cell_index=index, wait=wait)
            return
        transient = content.get("transient")
        display_id = transient.get("display_id") if isinstance(transient, dict) else None
        if message.kind == "update_display_data":
            if display_id:
                self._recorder.update(
                    index,
                    display_id,
                    _mapping(content.get("data")),
                    _mapping(content.get("metadata")),
                )
            return
        output = _output_of(message)
        if output is not None and message.kind == "stream" and self._redactor:
            self._release(index, output["name"])
            # Large ones come as their JSON text.
            text = self._redactor.clean(output["text"])
            text = text.load() if isinstance(text, Text) else text
            output["text"] = self._redactor.clean_stream(index, output["name"], text)
        if output is None or self._widgets.capture(output, message):
            return
        if message.kind == "stream":
            self._recorder.stream(index, output["name"], output["text"])
            return
        extra = {"display_id": display_id} if display_id else {}
        self._recorder.record("output", cell_index=index, output=output, **extra)
        if message.kind == "error":
            self._recorder.log_error(content, cell_index=index)
            if request is not None:
                request.exception = content

    def _release(self, index: int | None = None, name: str = "") -> None:
        """Record what was held back, unless more of this stream of this cell comes."""
        for held_index, held_name, text in self._redactor.release(index, name):
            self._recorder.stream(held_index, held_name, text)

    def _tell_widget(self, comm_id: str, state: JSONObject, parent: JSONObject) -> None:
        data = {"method": "update", "state": state, "buffer_paths": []}
        content = {"comm_id": comm_id, "data": data}
        self._wire.send(self._wire.shell, "comm_msg", content, parent=parent)


def _output_of(message: Message) -> JSONObject | None:
    """Return a message as a notebook's output; `None` when it is none."""
    content = message.content
    match message.kind:
        case "stream":
            text = content.get("text", "")
            return {
                "output_type": "stream",
                "name": "stderr" if content.get("name") == "stderr" else "stdout",
                "text": text if isinstance(text, Text) else str(text),
            }
        case "display_data" | "execute_result":
            output: JSONObject = {
                "output_type": message.kind,
                "data": _mapping(content.get("data")),
                "metadata": _mapping(content.get("metadata")),
            }
            if message.kind == "execute_result":
                output["execution_count"] = content.get("execution_count")
            return output
        case "error":
            return {
                "output_type": "error",
                "ename": str(content.get("ename", "")),
                "evalue": str(content.get("evalue", "")),
                "traceback": [str(line) for line in content.get("traceback") or ()],
            }
    return None


def _mapping(value: Any) -> JSONObject:
    return value if isinstance(value, dict) else {}


def _threads_in(reply: JSONObject) -> int | None:
    expression = (reply.get("user_expressions") or {}).get("threads") or {}
    text = str((expression.get("data") or {}).get("text/plain", ""))
    return int(text) if text.isdigit() else None
