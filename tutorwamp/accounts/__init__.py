"""Who people are: registration, tokens, deactivation."""
