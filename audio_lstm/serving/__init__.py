"""The HTTP service: OpenAI-shaped transcription of uploads, and live audio over a WebSocket."""
