"""What a process counts of itself, and how the node's one page is made of what all its processes count."""
