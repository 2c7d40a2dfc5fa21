"""Ways into tutorwamp for programs: log in, connect, call, subscribe, come back after a drop."""
