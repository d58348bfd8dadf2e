"""Packages that tests install, and an index that has them. No network is needed."""

import base64
import http.server
import threading
import zipfile

from scripted_orchestrator import DRAIN, SUCCEEDED

USES_THE_WHEEL = """
    def init():
        pass
    def run(mini_batch):
        import greeting
        return [greeting.__version__ + " from " + greeting.__file__]
"""


def make_wheel(folder, name="greeting", version="1.2", requires=(), scripts=()):
    """`scripts`: (name, content) of programs."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / ("%s-%s-py3-none-any.whl" % (name, version))
    info = "%s-%s.dist-info/" % (name, version)
    files = [("%s.py" % name, "__version__ = %r\n" % version)]
    files += [("%s-%s.data/scripts/%s" % (name, version, script), content) for script, content in scripts]
    metadata = "Metadata-Version: 2.1\nName: %s\nVersion: %s\n" % (name, version)
    files.append((info + "METADATA", metadata + "".join("Requires-Dist: %s\n" % one for one in requires)))
    tags = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files.append((info + "WHEEL", tags))
    files.append((info + "RECORD", "".join("%s,,\n" % file for file, _ in files) + info + "RECORD,,\n"))
    with zipfile.ZipFile(path, "w") as archive:
        for file, content in files:
            archive.writestr(zipfile.ZipInfo(file), content)  # of no time: the same wheel has the same bytes
    return path


def finish(orchestrator, agent, failures=0):
    orchestrator.give(1)
    orchestrator.wait(lambda: orchestrator.results or len(orchestrator.failures) > failures, "a result", 240)
    assert len(orchestrator.failures) == failures, orchestrator.failures
    assert orchestrator.results[0]["outcome"] == SUCCEEDED, orchestrator.results[0]
    orchestrator.tell(DRAIN)
    assert agent.wait() == 0
    return orchestrator.results[0]["rows"].decode()


class Index:
    """A package index with the wheel of the test; the first `broken` requests fail in the way it is told."""

    def __init__(self, wheel, broken=0, how="", user="", path=""):
        """`user` (name:password) and `path` in front of /simple must be right."""
        self.requests = 0
        index = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                index.requests += 1
                if index.requests <= broken:
                    if how == "closed":
                        self.connection.close()
                        self.close_connection = True
                        return
                    self.send_error(503)
                    return
                given = self.headers.get("authorization", "")
                if user and given != "Basic " + base64.b64encode(user.encode()).decode():
                    self.send_error(401)
                    return
                if self.path == path + "/simple/greeting/":
                    body = b'<a href="/%s">%s</a>' % (wheel.name.encode(), wheel.name.encode())
                elif self.path.endswith(".whl"):
                    body = wheel.read_bytes()
                else:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("content-type", "text/html")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            do_HEAD = do_GET  # uv asks so for the size of a wheel

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *_: None
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.variables = {
            "PIP_NO_INDEX": "",
            "PIP_INDEX_URL": "http://%s127.0.0.1:%d%s/simple"
            % (user and user + "@", self.server.server_port, path),
            "PIP_RETRIES": "0",
            "PIP_TIMEOUT": "5",
            "PIP_CONFIG_FILE": "/dev/null",
            "NO_PROXY": "127.0.0.1",
        }
