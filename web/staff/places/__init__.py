"""Where residents are: positions in, zones, outings, who may look (docs/places.md)."""
