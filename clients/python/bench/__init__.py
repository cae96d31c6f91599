"""What auditing costs a FastAPI route: ``python -m bench --help``."""
