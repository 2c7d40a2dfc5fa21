"""Who needs whom among the folders of the package, as a page, a picture and JSON."""
