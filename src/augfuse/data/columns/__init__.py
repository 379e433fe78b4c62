"""What a data set knows of its samples besides pixels: labels, masks, boxes, points, polygons."""
