"""How a table's update reaches the store, and the registry its readers."""
