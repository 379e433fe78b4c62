"""One file for each framework that batches go to. `augfuse.frameworks` finds them; nothing else imports them."""
