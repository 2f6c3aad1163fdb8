"""The acoustic model: its configuration, network and losses."""
