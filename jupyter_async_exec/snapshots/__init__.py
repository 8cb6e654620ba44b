"""What the user sees becomes what the runner runs: capture, manifest, materialise."""
