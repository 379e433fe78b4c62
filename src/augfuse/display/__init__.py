"""Pictures and tables for people: contact sheets, and what a notebook shows."""
