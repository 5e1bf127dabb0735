"""The embedded default: an invented insurer's terms, a model trained on them, simulated voters."""
