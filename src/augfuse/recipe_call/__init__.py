"""One call of a recipe: its arguments are checked, its images grouped into clips, its plan carried out."""
