"""Scores as people read them: staves, MusicXML, ABC, engraved pages, piano rolls."""
