"""Serves the tracker: ``roundup-server`` refuses to run as root, so its WSGI application is mounted here."""

from __future__ import annotations

import sys
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from roundup.cgi.wsgi_handler import RequestDispatcher

application = RequestDispatcher("tracker")


class Server(ThreadingMixIn, WSGIServer):
    """Answers several requests at once."""

    daemon_threads = True


class Quiet(WSGIRequestHandler):
    """Prints no line for each request."""

    def log_message(self, *arguments):
        """Say nothing."""


def mounted(environ, start_response):
    """Serve the tracker below /pt/."""
    path = environ["PATH_INFO"]
    if path.startswith("/pt/"):
        environ["SCRIPT_NAME"], environ["PATH_INFO"] = "/pt", path[3:]
    return application(environ, start_response)


make_server("127.0.0.1", int(sys.argv[1]), mounted, server_class=Server, handler_class=Quiet).serve_forever()
