"""The commands of `augfuse`, one file each; `augfuse.cli` registers them."""
