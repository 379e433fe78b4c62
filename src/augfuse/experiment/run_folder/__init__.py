"""What a training run keeps on disk: checkpoints, results, and the command that repeats it."""
