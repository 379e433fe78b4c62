"""Compiled forms of Local transforms, one file for each kind. Imported when a recipe that has one runs."""
