"""Transforms as plain data, as YAML, and as the help text of a class."""
