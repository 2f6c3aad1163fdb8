"""What is served beside Gradio's page: its scripts and styles, visitors' files, and the captions' WebSocket."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI, WebSocket
from fastapi.responses import FileResponse, PlainTextResponse, Response
from fastapi.staticfiles import StaticFiles

from audio_lstm.demo.captions import caption
from audio_lstm.demo.visitor_files import VisitorFiles
from audio_lstm.serving.service import Service

__all__ = ["create_routes"]

ASSETS = Path(__file__).parent / "assets"


def create_routes(visitor_files: VisitorFiles, captions: Service) -> FastAPI:
    """The application on which the page is mounted.

    Args:
        visitor_files: The visitors' files.
        captions: What answers live sound.

    Returns:
        Routes under /page (scripts and styles), /shelf (files) and /captions (a WebSocket).
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.mount("/page", StaticFiles(directory=ASSETS))

    @app.get("/shelf/{token}/{name}")
    async def shelf_file(token: str, name: str) -> Response:
        file = visitor_files.find(token)
        if file is None:
            return PlainTextResponse("This file is no longer kept: make it again.", 404)
        return FileResponse(file, headers={"Cache-Control": "private, no-store"})

    @app.websocket("/captions")
    async def live(socket: WebSocket) -> None:
        await caption(socket, captions)

    return app
