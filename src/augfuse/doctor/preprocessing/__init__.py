"""Which preprocessing a trained model wants: candidates, trials, and the verdict."""
