"""Settling a training run before it begins: options, recipe, data, network."""
