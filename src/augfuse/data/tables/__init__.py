"""Tables of images: data frames, CSV, JSON Lines and Parquet files, as columns of a data set."""
