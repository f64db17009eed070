"""What one document looks like: its values, what is read of it, and what is wrong with it."""
