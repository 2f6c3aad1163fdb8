"""Reading ABC, the notation of tune books."""
