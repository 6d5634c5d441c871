"""Programs that serve models on a port, as images of one's own do, for tests: run as `program.py PORT`."""

MANY = """
import json, os, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

ROOM, loaded, guard = int(os.environ.get("ROOM", 100)), {}, threading.Lock()

class Handler(BaseHTTPRequestHandler):
    def answer(self, status, told):
        body = told if isinstance(told, bytes) else json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def note(self, what, name):
        print(what, name, self.headers["X-Amzn-SageMaker-Target-Model"], flush=True)

    def do_GET(self):
        path = urlsplit(self.path)
        name = path.path.rpartition("/")[2]
        if path.path == "/ping": return self.answer(200, b"")
        if path.path == "/models":  # one a page
            self.note("list", path.query)
            at = int(parse_qs(path.query).get("next_page_token", ["0"])[0])
            page = [{"modelName": each, "modelUrl": loaded[each][0]} for each in list(loaded)[at:at + 1]]
            more = {"nextPageToken": str(at + 1)} if at + 1 < len(loaded) else {}
            return self.answer(200, {"models": page, **more})
        if name in loaded: return self.answer(200, {"modelName": name, "modelUrl": loaded[name][0]})
        self.answer(404, {})

    def do_DELETE(self):
        name = self.path.rpartition("/")[2]
        self.note("unload", name)
        self.answer(200 if loaded.pop(name, None) else 404, {})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/models":
            asked = json.loads(body)
            return self.load(asked["model_name"], asked["url"])
        _, models, name, invoke = self.path.split("/")
        assert (models, invoke) == ("models", "invoke"), self.path
        if name not in loaded: return self.answer(404, b"who?")
        url, label = loaded[name]
        if body == b"forget": del loaded[name]
        if body == b"missing": return self.answer(404, b"no such row")
        if body == b"work": time.sleep(0.05)
        if body == b"headers": return self.answer(200, dict(self.headers))
        self.answer(200, label.encode())

    def load(self, name, url):
        with guard:
            if name in loaded: return self.answer(409, {})
            if len(loaded) >= ROOM:
                self.note("full", name)
                return self.answer(507, b"no room")
            label = open(os.path.join(url, "name")).read()
            if label == "broken": return self.answer(500, b"a tree without leaves")
            if label != "slow": loaded[name] = url, label
        if label == "slow":
            time.sleep(3)
            loaded[name] = url, label
        self.note("load", name)
        self.answer(200, {"status": "loaded"})

    def log_message(self, *_): pass

assert os.environ["SAGEMAKER_MULTI_MODEL"] == "true"
ThreadingHTTPServer.request_queue_size = 64
ThreadingHTTPServer(("0.0.0.0", int(sys.argv[1])), Handler).serve_forever()
"""
"""Many models, by AWS's contract: a model's archive has a file `name`, with which it answers. It has room for ROOM."""
