"""Which preprocessing a trained model needs: candidates, trials, and the verdict."""
