"""What is sent to people: e-mail templates so far."""
