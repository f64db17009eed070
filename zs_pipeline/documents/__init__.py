"""The documents in the store: their states, a night's update, and the shards they lie in."""
