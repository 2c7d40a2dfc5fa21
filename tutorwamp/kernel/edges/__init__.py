"""What the doors stand on: WAMP and HTTP in, answers, errors and large answers out."""
