"""Recognition: the loaded model, whole recordings, live sound, transcripts."""
