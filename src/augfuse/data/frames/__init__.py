"""Tables of images as people have them: data frames, CSV, JSON Lines and Parquet files, as columns of a data set."""
