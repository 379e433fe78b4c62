"""ImageDataGenerator: its arguments, what it draws, and how that becomes one compiled pass."""
