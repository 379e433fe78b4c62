"""TFRecord files of `tf.train.Example` messages, read and written without TensorFlow."""
