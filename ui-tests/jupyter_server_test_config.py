"""The Jupyter Server that the browser tests talk to: no token, temporary folders."""

import json
import os
import tempfile
from pathlib import Path

from jupyterlab.galata import configure_jupyter_server

c = get_config()  # noqa: F821 - traitlets defines it while it reads this file
configure_jupyter_server(c)

home = Path(tempfile.mkdtemp(prefix="jupyter_async_exec-ui-"))

# Everything the extension and JupyterLab write goes below one throwaway folder.
os.environ["JUPYTER_DATA_DIR"] = str(home / "data")
os.environ["JUPYTER_RUNTIME_DIR"] = str(home / "runtime")
os.environ["JUPYTER_ASYNC_EXEC_DATA_DIR"] = str(home / "executions")
c.LabApp.user_settings_dir = str(home / "settings")
c.LabApp.workspaces_dir = str(home / "workspaces")

# The same on every machine: what waits for a free slot waits everywhere.
c.AsyncExecApp.slots = 2

# Where jupyter-collaboration is installed, it saves by itself: nothing is dirty.
c.YDocExtension.disable_rtc = True

# A fresh server asks about Jupyter news in a toast that covers ours.
toast = home / "settings" / "@jupyterlab" / "apputils-extension"
toast.mkdir(parents=True)
(toast / "notification.jupyterlab-settings").write_text(json.dumps({"fetchNews": "false"}))

c.ServerApp.ip = "127.0.0.1"
c.ServerApp.port = int(os.environ.get("JUPYTER_TEST_PORT", "18988"))
c.ServerApp.port_retries = 0
c.ServerApp.allow_root = True
c.Application.log_level = "ERROR"
c.LabApp.extension_manager = "readonly"
