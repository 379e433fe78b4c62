"""What will happen to a batch, before any pixel is touched."""
