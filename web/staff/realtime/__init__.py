"""Who is told at once: screens, homes that listen, other workers."""
