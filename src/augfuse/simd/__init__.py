"""Several values at once, by intrinsics: what compiled kernels of every kind are made of. Imports Numba."""
