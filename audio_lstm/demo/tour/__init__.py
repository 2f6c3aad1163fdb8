"""The tour of the page: stored results as pictures, and a gate held by hand."""
