"""Prepare a training run: options, recipe, data, network."""
