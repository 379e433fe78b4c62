"""How a plan is carried out. Executors know plans and kinds, not transforms."""
