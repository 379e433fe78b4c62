"""Recipes when a model predicts: the preprocessing of published models, and test-time augmentation."""
