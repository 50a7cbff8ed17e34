"""A mail server for tests (aiosmtpd): prints its port and the certificate it has, then each mail as a line of JSON.

    smtpserver.py MODE MAILS

MODE is a list with commas: tls (from the first byte), starttls, auth (PLAIN and LOGIN), cram (CRAM-MD5). It ends after
MAILS connections, or after five seconds. User `user`, password `pass word`. Recipients that begin with `no` are refused for
good, with `later` for now.
"""
import asyncio, base64, email, email.policy, hmac, json, ssl, subprocess, sys, tempfile

from aiosmtpd.smtp import SMTP, AuthResult

USER, PASSWORD = b"user", b"pass word"


class Handler:
    def __init__(self, cram):
        if cram:
            self.auth_CRAM__MD5 = self.cram

    async def cram(self, server, args):
        challenge = b"<1.2@test>"
        answer = await server.challenge_auth(challenge)
        expected = USER + b" " + hmac.new(PASSWORD, challenge, "md5").hexdigest().encode()
        return AuthResult(success=answer == expected, handled=False, auth_data=("CRAM-MD5", USER.decode()))

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("no"):
            return "550 no such user"
        if address.startswith("later"):
            return "450 come again"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        raw = envelope.content.decode("ascii")
        parts = {part.get_content_type(): part.get_content() for part in mail.walk() if not part.is_multipart()}
        say(json.dumps({
            "hello": session.host_name, "from": envelope.mail_from, "to": envelope.rcpt_tos, "tls": server.transport.get_extra_info("sslcontext") is not None,
            "auth": list(session.auth_data) if session.auth_data else [], "headers": {k: str(v) for k, v in mail.items()},
            "parts": parts, "longest": max(len(line) for line in raw.split("\r\n")), "defects": [str(d) for d in mail.defects],
            "bare": raw.replace("\r\n", "").count("\n"),
        }))
        return "250 OK"


def authenticate(server, session, envelope, mechanism, data):
    good = data.login == USER and data.password == PASSWORD
    return AuthResult(success=good, handled=False, auth_data=(mechanism, data.login.decode()))


def say(text):
    print(text, flush=True)


async def main(modes, mails):
    directory = tempfile.mkdtemp()
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
         "-keyout", directory + "/key.pem", "-out", directory + "/cert.pem"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory + "/cert.pem", directory + "/key.pem")
    done = asyncio.Event()
    left = mails

    class Session(SMTP):
        def connection_lost(self, error):
            nonlocal left
            super().connection_lost(error)
            left -= 1
            if left <= 0:
                done.set()

    needs = "auth" in modes or "cram" in modes
    hidden = ["PLAIN", "LOGIN"] if "auth" not in modes else []
    make = lambda: Session(
        Handler("cram" in modes), tls_context=context if "starttls" in modes else None, authenticator=authenticate if needs else None,
        auth_required=needs, auth_require_tls=False, auth_exclude_mechanism=hidden)
    server = await asyncio.get_running_loop().create_server(
        make, "127.0.0.1", 0, ssl=context if "tls" in modes else None)
    say("%d %s/cert.pem" % (server.sockets[0].getsockname()[1], directory))
    try:
        await asyncio.wait_for(done.wait(), 5)
    except asyncio.TimeoutError:
        pass
    await asyncio.sleep(0.1)


asyncio.run(main(sys.argv[1].split(","), int(sys.argv[2])))
