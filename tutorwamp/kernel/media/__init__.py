"""What bytes are by their content, and pictures without what they say about the place and person who took them."""
