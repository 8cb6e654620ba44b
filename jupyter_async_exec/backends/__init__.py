"""Where executions run: one module per backend, all behind `base.Backend`."""
