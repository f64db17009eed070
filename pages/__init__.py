"""Makes pages, and the client's stub, from declarations and docstrings; no part of the wheel."""
