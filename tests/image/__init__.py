"""The card of a home (tools/image).  That it starts is `make image-proof`."""
