"""One module per format; `f0001_…` makes format 0001."""
