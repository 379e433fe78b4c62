"""image_dataset_from_directory without TensorFlow: listing, resizing, batches."""
