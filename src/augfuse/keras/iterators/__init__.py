"""The iterators that ImageDataGenerator returns: arrays, directories, data frames, images with masks."""
