"""Serving: one artefact that takes raw images of any size and predicts as the training pipeline would; `af.export`."""
