"""One table of array operations for each framework, and the only files of the executor that name one."""
