"""What is looked at before batches are made: arguments, arrays, columns, labels, names, and attributes that are set."""
