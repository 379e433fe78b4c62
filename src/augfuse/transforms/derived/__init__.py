"""Recipes made of a recipe: its form for evaluation, and one that is milder or stronger."""
