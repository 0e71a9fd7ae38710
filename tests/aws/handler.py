"""What happens on the connection itself: the `Date` of each answer, and a reset in place of one."""

import os
import socket
import struct
import time

from moto.moto_server.werkzeug_app import MotoRequestHandler


class Handler(MotoRequestHandler):
    # By how many seconds the service's clock is wrong.
    seconds = 0

    def date_time_string(self, timestamp=None):
        return super().date_time_string((time.time() if timestamp is None else timestamp) + self.seconds)

    def connection_dropped(self, error, environ=None):
        """The service raised ConnectionResetError: there is to be no answer."""
        self.close_connection = True
        # Nothing lingers, and the kernel closes at once: a reset in place of an orderly end.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, self.connection.fileno())
        os.close(nothing)
