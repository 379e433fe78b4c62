"""The compiled loops of the CPU executor, one file for each way in which pixels move."""
