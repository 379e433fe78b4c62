"""Data sets, one file for each form in which people have them: folders, archives, arrays, tables, annotations."""
