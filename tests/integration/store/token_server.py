"""A token endpoint of Microsoft's identity platform, over TLS: knows one tenant and one service principal. What it gives
is what Azurite looks at (--oauth basic), which does not check signatures; so this refuses who is wrong, as the real one."""

import base64
import json
import ssl
import threading
import time
from urllib.parse import parse_qs

from loopback import Handler, LoopbackServer

TENANT = "11111111-2222-3333-4444-555555555555"
CLIENT = "66666666-7777-8888-9999-000000000000"


class TokenServer(LoopbackServer):
    def __init__(self, certificate, key, secret, lifetime=3600):
        super().__init__(_Tokens)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.secret = secret
        self.lifetime = lifetime
        self.given = 0  # tokens
        self.lock = threading.Lock()
        self.faults = 0  # so many requests are answered with 503 first


class _Tokens(Handler):
    def do_POST(self):
        owner = self.server.owner
        form = parse_qs(self.body().decode())
        tenant = self.path.split("/")[1]
        with owner.lock:
            if owner.faults > 0:
                owner.faults -= 1
                return self.answer(503)
        if tenant != TENANT:
            return self._refuse(400, "invalid_request", f"AADSTS90002: Tenant '{tenant}' not found.")
        if form.get("client_id") != [CLIENT]:
            return self._refuse(
                400, "unauthorized_client", "AADSTS700016: Application was not found in the directory."
            )
        if form.get("client_secret") != [owner.secret]:
            return self._refuse(401, "invalid_client", "AADSTS7000215: Invalid client secret provided.")
        with owner.lock:
            owner.given += 1
        now = int(time.time())
        claims = {
            "aud": "https://storage.azure.com",
            "iss": f"https://sts.windows.net/{TENANT}/",
            "nbf": now - 60,
            "iat": now - 60,
            "exp": now + owner.lifetime,
        }
        token = ".".join(
            _base64(json.dumps(part).encode()) for part in ({"alg": "RS256", "typ": "JWT"}, claims)
        )
        content = {
            "token_type": "Bearer",
            "expires_in": owner.lifetime,
            "access_token": f"{token}.{_base64(b'x')}",
        }
        return self.answer(200, json.dumps(content).encode())

    def _refuse(self, status, error, words):
        self.answer(
            status, json.dumps({"error": error, "error_description": words + " Trace ID: 0"}).encode()
        )


def _base64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
