"""Train the same network with and without a recipe, compare the two on paired seeds, and write a report."""
