"""Scores in and out of files: MIDI, MusicXML, ABC and JSON."""
