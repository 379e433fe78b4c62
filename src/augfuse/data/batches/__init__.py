"""From a data set to batches: order, reading, prefetch, buffers, collation, and the loader that ties them together."""
