"""The city as OGC API – Features (Parts 1 and 3): collections of assets, filtered in CQL2."""
