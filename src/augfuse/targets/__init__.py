"""Masks, boxes, key points and polygons: how they follow the pixels. One rule for each kind, none in transforms."""
