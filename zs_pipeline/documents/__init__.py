"""The snapshot of the documents: its states, a night's update, and the shards they lie in."""
