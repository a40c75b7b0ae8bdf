"""Connections that behave as a proof wants them to: dialled from any loopback address, many at once, cut with a reset."""
import socket
import ssl
import struct
import threading

from proof import TLS

THREADS = 8


def context(version=ssl.TLSVersion.TLSv1_3):
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    found.check_hostname, found.verify_mode = False, ssl.CERT_NONE
    found.minimum_version = version
    return found


CLIENT = context()


def tcp(source, target=TLS, seconds=20):
    return socket.create_connection(target, timeout=seconds, source_address=(source, 0))


def tls(source, target=TLS, client=CLIENT, seconds=20):
    """A connection after its whole handshake."""
    raw = tcp(source, target, seconds)
    try:
        return client.wrap_socket(raw, server_hostname="sbc.test")
    except OSError:
        raw.close()
        raise


def many(count, make, threads=THREADS):
    """What `make(number)` gives, for so many numbers, from several threads; those that failed are not among them."""
    made, numbers, lock = [], iter(range(count)), threading.Lock()

    def work():
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            try:
                made.append(make(number))
            except OSError:
                continue

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return made


def reset(connection):
    """Ends it with RST instead of FIN."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except OSError:
        pass
    connection.close()


def client_hello():
    """The first octets of a handshake, as this Python writes them."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = CLIENT.wrap_bio(incoming, outgoing, server_hostname="sbc.test")
    try:
        session.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def is_closed(connection):
    """True when the far end has ended it; what it wrote before that is thrown away."""
    connection.setblocking(False)
    try:
        while connection.recv(65536):
            pass
        return True
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    except OSError:
        return True
