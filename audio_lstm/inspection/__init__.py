"""Looking inside an LSTM layer: its gates and states, and drawings of them."""
