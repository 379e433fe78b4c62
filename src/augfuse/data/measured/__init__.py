"""Statistics that are measured on a whole data set: means, standard deviations, ZCA whitening."""
