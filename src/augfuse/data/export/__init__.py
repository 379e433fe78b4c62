"""Writing annotated data sets as other programs read them: COCO, YOLO, Pascal VOC."""
