"""Recordings: any audio or video file to samples."""
