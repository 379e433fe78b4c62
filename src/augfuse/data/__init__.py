"""Sources of images: arrays, folders, and how they are decoded and split."""
