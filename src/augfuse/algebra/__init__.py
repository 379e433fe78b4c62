"""Pure mathematics of the library: random bits, ranges of values, matrices, colours, lattices. No pixels."""
