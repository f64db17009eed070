"""Files that lie beside the data: the buckets, the questions, and the answers that are kept."""
