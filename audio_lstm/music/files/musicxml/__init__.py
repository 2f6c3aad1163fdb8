"""Reading MusicXML by what sounds."""
