"""What every part is given: configuration, secrets, rights, limits, language."""
