"""The speech wing: recordings -> features -> LSTM -> CTC -> text."""
