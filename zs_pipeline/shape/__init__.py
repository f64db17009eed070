"""The shape of one document: its values, the paths that are read, and its findings."""
