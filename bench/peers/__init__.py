"""Who is measured: we, and those one would use instead. Each runs one notebook at a time."""
