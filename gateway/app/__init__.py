"""The home put together: the composition root, and the page that the Pi serves."""
