"""The part that lives in the router's own process: who may join, who may do what, who must go."""
