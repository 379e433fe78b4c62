"""Layouts of data sets on disk: class folders, parts, ignored names, lists of files, group tables."""
