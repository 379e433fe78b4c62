"""Keras on top of augfuse.

`Loader.to_keras()` turns a loader into a `keras.utils.PyDataset` (module `augfuse.keras.sequence`).
Importing this package does not import Keras.
"""
