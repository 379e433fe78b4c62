"""Where the images of a data set lie: in memory, in files, in archives. Each kind has one batched read."""
