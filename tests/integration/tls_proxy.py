"""A company's proxy, as far as the tests need it: it opens what goes through it, with certificates of an authority of its own.

Arguments: a file for the authority's certificate, a file for the hosts that were asked for, and `HOST=PORT` for each host that
there is: what goes to port 443 of it is passed on to that port of 127.0.0.1, without TLS.
"""

import datetime
import ipaddress
import socket
import ssl
import sys
import tempfile
import threading
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)
NOW = datetime.datetime.now(datetime.timezone.utc)


def named(name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def certificate(name, key):
    return (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named("Acme Root"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + 30 * DAY)
    )


AUTHORITY = ec.generate_private_key(ec.SECP256R1())
OWN_ID = x509.SubjectKeyIdentifier.from_public_key(AUTHORITY.public_key())
NO = dict.fromkeys(("content_commitment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"), False)


def root():
    usage = x509.KeyUsage(digital_signature=True, key_encipherment=False, key_cert_sign=True, crl_sign=True, **NO)
    built = certificate("Acme Root", AUTHORITY).add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    built = built.add_extension(OWN_ID, critical=False).add_extension(usage, critical=True)
    return built.sign(AUTHORITY, hashes.SHA256())


def context(host):
    key = ec.generate_private_key(ec.SECP256R1())
    try:
        name = x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        name = x509.DNSName(host)
    usage = x509.KeyUsage(digital_signature=True, key_encipherment=False, key_cert_sign=False, crl_sign=False, **NO)
    built = certificate(host, key).add_extension(x509.SubjectAlternativeName([name]), critical=False)
    built = built.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    built = built.add_extension(usage, critical=True)
    built = built.add_extension(x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    built = built.add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(OWN_ID), critical=False)
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as file:
        file.write(private + built.sign(AUTHORITY, hashes.SHA256()).public_bytes(pem))
        file.flush()
        made.load_cert_chain(file.name)
    return made


def pump(source, target):
    try:
        while data := source.recv(1 << 16):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def serve(client):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = client.recv(1)
        if not byte:
            return
        head += byte
    method, place = head.decode().split(" ")[:2]
    host = place.rsplit(":", 1)[0]
    with ASKED.open("a") as asked:
        asked.write(f"{method} {place}\n")
    if method != "CONNECT" or host not in HOSTS:
        client.sendall(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")
        return
    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
    try:
        inside = CONTEXTS[host].wrap_socket(client, server_side=True)
    except (ssl.SSLError, OSError):
        return  # the client trusts somebody else
    server = socket.create_connection(("127.0.0.1", HOSTS[host]))
    threading.Thread(target=pump, args=(inside, server), daemon=True).start()
    pump(server, inside)


HOSTS = {host: int(port) for host, port in (argument.split("=") for argument in sys.argv[3:])}
CONTEXTS = {host: context(host) for host in HOSTS}
ASKED = Path(sys.argv[2])
Path(sys.argv[1]).write_bytes(root().public_bytes(serialization.Encoding.PEM))
listener = socket.create_server(("127.0.0.1", 0))
print(f"Proxy on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
while True:
    connection, _ = listener.accept()
    threading.Thread(target=serve, args=(connection,), daemon=True).start()
