"""Words that somebody reports, kept for admins as they read then."""
