"""Training the same network with and without a recipe, compared honestly, and reported. `af.train(...)` calls it."""
