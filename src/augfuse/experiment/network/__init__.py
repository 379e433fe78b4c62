"""The network of a training run: built or loaded, summarised, trained, exported."""
