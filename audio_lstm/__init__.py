"""One LSTM backbone that learns to write down speech and to write music."""
