"""What lies where in a data set: class folders, parts, names that are passed over, lists of files, group tables."""
