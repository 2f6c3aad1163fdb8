"""The page of `audio-lstm demo`: both wings in a browser, through the public API. Needs the extra `demo`."""
