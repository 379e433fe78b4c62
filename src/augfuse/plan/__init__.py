"""What will happen to a batch, before any pixel is touched."""

from augfuse.plan import serial as serial  # it tells plans how they are written and read
