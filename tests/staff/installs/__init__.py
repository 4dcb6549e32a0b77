"""Installing a home, at the server."""
