"""The link to the staff server: three lanes, one kept connection each, opened from the home."""
