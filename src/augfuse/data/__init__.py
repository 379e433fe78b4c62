"""Data sets: sources, decoding, splits, batches and export."""
