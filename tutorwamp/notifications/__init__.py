"""What people missed while they were away, told once, with a count that is always right."""
