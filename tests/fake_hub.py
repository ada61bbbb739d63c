"""A hub on localhost: as much of its HTTP interface as huggingface_hub and datasets need to read repositories."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlparse

COMMIT = "c0ffee" + "0" * 34


class FakeHub:
    """Serves ``root``/datasets/ORG/NAME and ``root``/models/ORG/NAME, each at the one commit `COMMIT`.

    Attributes:
        url: For HF_ENDPOINT.
        fetched: Paths of the files that were requested whole, in order.
    """

    def __init__(self, root: Path):
        self.root, self.fetched = root, []
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def do_GET(self):
                self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                path = unquote(urlparse(self.path).path)
                if self.command == "GET" and "/resolve/" in path and not self.headers.get("Range"):
                    hub.fetched.append(path)
                hub.answer(self, path)

            do_HEAD = do_POST = do_GET

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def answer(self, request, path):
        parts = path.strip("/").split("/")
        if path == "/":
            return send(request, b"{}")
        api = parts[0] == "api"
        if api:
            parts = parts[1:]
        kind = parts.pop(0) if parts[0] in ("datasets", "models") else "models"
        repo, parts = self.root / kind / "/".join(parts[:2]), parts[2:]
        if not repo.is_dir():
            return refuse(request, "RepoNotFound")
        files = {path.relative_to(repo).as_posix(): path for path in sorted(repo.rglob("*")) if path.is_file()}
        verb, revision, name = (*parts, "", "", "")[0], (*parts, "main", "main")[1], "/".join(parts[2:])
        if revision not in ("main", COMMIT):
            return refuse(request, "RevisionNotFound")
        if not api:
            return send_file(request, files[name]) if name in files else refuse(request, "EntryNotFound")
        if verb in ("", "revision"):
            about = {"id": "/".join(repo.parts[-2:]), "sha": COMMIT, "siblings": [{"rfilename": f} for f in files]}
            return send(request, json.dumps(about | {"tags": [], "private": False, "gated": False}).encode())
        if verb == "tree":
            files = {file: path for file, path in files.items() if file.startswith(name)}
        else:  # paths-info
            files = {file: files[file] for file in parse_qs(request.body.decode())["paths"] if file in files}
        listed = [
            {"type": "file", "oid": etag(path), "size": path.stat().st_size, "path": file}
            for file, path in files.items()
        ]
        return send(request, json.dumps(listed).encode())


def etag(path):
    return hashlib.sha1(path.read_bytes()).hexdigest()


def send_file(request, path):
    data, more = path.read_bytes(), {}
    asked = request.headers.get("Range")
    if asked:
        first, last = asked.partition("=")[2].split("-")
        first, last = int(first), min(int(last or len(data)), len(data) - 1)
        more = {"Content-Range": f"bytes {first}-{last}/{len(data)}"}
        data = data[first : last + 1]
    send(request, data, 206 if asked else 200, {"ETag": f'"{etag(path)}"', "X-Repo-Commit": COMMIT} | more)


def refuse(request, code):
    send(request, b"{}", 404, {"X-Error-Code": code, "X-Repo-Commit": COMMIT})


def send(request, data, status=200, headers=None):
    request.send_response(status)
    for name, value in {"Content-Length": len(data), **(headers or {})}.items():
        request.send_header(name, str(value))
    request.end_headers()
    if request.command != "HEAD":
        request.wfile.write(data)
