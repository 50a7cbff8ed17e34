"""HTTPS servers for tests, one for each way in which a certificate is wrong, and one that is right: prints the path of their
authority's certificate and their ports (good, expired, other name, self-signed), then answers every request with 200 until its
standard input ends.
"""
import http.server, os, shutil, ssl, subprocess, sys, tempfile, threading

EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=directory)


def certificate(name, alternative, self_signed=False, dates=()):
    files = ["-keyout", name + ".key", "-subj", "/CN=" + name]
    if self_signed:
        openssl("req", "-x509", *EC, *files, "-addext", "subjectAltName=" + alternative, "-out", name + ".pem", "-days", "2")
        return
    openssl("req", *EC, *files, "-out", name + ".csr")
    with open(os.path.join(directory, "ca.cnf"), "w") as file:
        file.write("[ca]\ndefault_ca=a\n[a]\nnew_certs_dir=.\ndatabase=index\nserial=serial\ndefault_md=sha256\npolicy=p\n"
                   "x509_extensions=e\n[p]\ncommonName=supplied\n[e]\nsubjectAltName=%s\n" % alternative)
    openssl("ca", "-batch", "-config", "ca.cnf", "-cert", "ca.pem", "-keyfile", "ca.key", "-in", name + ".csr", "-out", name + ".pem",
            "-notext", *(dates or ("-days", "2")))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b'{"ok": true, "status": 1}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, address):
        pass


def serve(name):
    server = Server(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(directory, name + ".pem"), os.path.join(directory, name + ".key"))
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


directory = tempfile.mkdtemp()
try:
    openssl("req", "-x509", *EC, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=authority")
    open(os.path.join(directory, "index"), "w").close()
    with open(os.path.join(directory, "serial"), "w") as file:
        file.write("01\n")
    certificate("good", "DNS:localhost")
    certificate("expired", "DNS:localhost", dates=("-startdate", "20200101000000Z", "-enddate", "20200102000000Z"))
    certificate("other", "DNS:other.example")
    certificate("own", "DNS:localhost", self_signed=True)
    print(directory + "/ca.pem", *map(serve, ["good", "expired", "other", "own"]), flush=True)
    sys.stdin.read()
finally:
    shutil.rmtree(directory)
