"""The music wing: scores -> tokens -> LSTM -> tokens -> scores."""
