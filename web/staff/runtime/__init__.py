"""The server put together and kept running: the application, its watch, its health."""
