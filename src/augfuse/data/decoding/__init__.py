"""Bytes of image files to arrays: limits, the common cases quickly, all others by the codecs."""
