"""What runs next, and what has ended: moves queued executions into slots, journals into the store.

`loop` fills the slots, `following` accompanies each attempt to its end, and
`clearing` keeps and removes what is left of it.
"""

from jupyter_async_exec.dispatcher.loop import Dispatcher

__all__ = ["Dispatcher"]
