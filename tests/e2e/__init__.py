"""Both programs as processes of their own, against each other."""
