"""A Service of the cluster: one address in front of whichever orchestrator's pod there is."""

import contextlib
import socket
import threading


class Service:
    """Forwards connections on `port` to the pod that `select` named. Nobody: they are closed at once."""

    def __init__(self):
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(64)
        self.port = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._target = None
        self._open = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def select(self, port):
        """From now on; connections to another pod are cut."""
        with self._lock:
            self._target = port
            for connection in self._open:
                # Wakes the thread that reads it, which close() alone does not.
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.select(None)
        self._listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        try:
            with self._lock:
                server = socket.create_connection(("127.0.0.1", self._target or 0), timeout=5)
                server.settimeout(None)
                self._open |= {client, server}
        except OSError:
            client.close()
            return
        back = threading.Thread(target=self._pump, args=(server, client), daemon=True)
        back.start()
        self._pump(client, server)
        back.join()
        with self._lock:
            self._open -= {client, server}
        client.close()
        server.close()

    @staticmethod
    def _pump(source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
