"""One file for each group of checks of the doctor: files, classes, duplicates, annotations, recipes, models."""
