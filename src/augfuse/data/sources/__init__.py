"""Data sets, one file for each source: folders, archives, arrays, tables, annotations."""
