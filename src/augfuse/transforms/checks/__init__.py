"""What is checked of a list of transforms and of a call, beside the values of its fields."""
