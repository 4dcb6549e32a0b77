"""What runs beside the engine: the night plan, the clock, the drivers, systemd."""
