"""The training command: the same small network trained with and without a recipe, compared honestly, and reported."""
