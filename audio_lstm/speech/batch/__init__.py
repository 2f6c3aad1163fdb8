"""Many recordings at once, in processes of their own."""
