"""Logs of servers under attack, for what measures or compares jails: the same for the same seed, with times that never go back."""
import random
import time

USERS = ["admin", "test", "oracle", "postgres", "ubuntu", "git", "ftpuser", "user", "guest", "pi", "www", "hadoop", "minecraft"]
OWN = ["deploy", "alice", "bob", "backup"]


class Clock:
    """Hands out one time for each line; `begin` is in seconds since 1970, `seconds` what all lines take. Writes each, in whole seconds,
    to `times`, where that is a file."""

    def __init__(self, begin, seconds, lines, times=None):
        self.now, self.step, self.text, self.shown, self.times = float(begin), seconds / max(1, lines), "", None, times

    def stamp(self, form):
        self.now += self.step
        if self.times:
            self.times.write(f"{int(self.now)}\n")
        if int(self.now) != self.shown:
            self.shown, self.text = int(self.now), time.strftime(form, time.localtime(self.now))
        return self.text


def addresses(rng, count):
    """A few attack all the time, most now and then."""
    every = [f"{rng.choice([45, 61, 91, 103, 185, 193, 218])}.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(1, 255)}"
             for _ in range(count)]
    every += [f"2001:db8:{rng.randrange(65536):x}::{rng.randrange(1, 65536):x}" for _ in range(count // 20)]
    return every, every[: max(1, len(every) // 20)]


def pick(rng, pool):
    every, busy = pool
    return rng.choice(busy if rng.random() < 0.5 else every)


def auth(path, lines, begin, seconds, seed=1, sources=4000, times=None):
    """auth.log of Debian: sshd, CRON, sudo, systemd-logind, in syslog's old format."""
    rng, clock = random.Random(seed), Clock(begin, seconds, lines, times)
    pool = addresses(rng, sources)
    left, pid = lines, 1000
    with open(path, "w") as file:
        while left > 0:
            pid += rng.randrange(1, 5)
            ip, port, kind = pick(rng, pool), rng.randrange(1024, 65536), rng.random()
            sshd = f"sshd[{pid}]: "
            if kind < 0.27:
                user = rng.choice(USERS)
                texts = [
                    f"{sshd}Invalid user {user} from {ip} port {port}", f"{sshd}pam_unix(sshd:auth): check pass; user unknown",
                    f"{sshd}pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost={ip} ",
                    f"{sshd}Failed password for invalid user {user} from {ip} port {port} ssh2",
                    f"{sshd}Received disconnect from {ip} port {port}:11: Bye Bye [preauth]",
                    f"{sshd}Disconnected from invalid user {user} {ip} port {port} [preauth]"]
            elif kind < 0.47:
                failed = f"{sshd}Failed password for root from {ip} port {port} ssh2"
                texts = [
                    f"{sshd}pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost={ip}  user=root",
                ] + [failed] * rng.randrange(2, 6) + [
                    f"{sshd}Connection closed by authenticating user root {ip} port {port} [preauth]"]
            elif kind < 0.52:
                texts = [f"{sshd}error: kex_exchange_identification: Connection closed by remote host",
                         f"{sshd}Connection closed by {ip} port {port}"]
            elif kind < 0.58:
                user, session = rng.choice(OWN), rng.randrange(100, 9999)
                texts = [
                    f"{sshd}Accepted publickey for {user} from 10.0.0.{rng.randrange(1, 255)} port {port} ssh2: ED25519 SHA256:"
                    + "".join(rng.choices("abcdefghijkLMNOPQRST0123456789+/", k=43)),
                    f"{sshd}pam_unix(sshd:session): session opened for user {user}(uid=1001) by (uid=0)",
                    f"systemd-logind[612]: New session {session} of user {user}.",
                    f"systemd: pam_unix(systemd-user:session): session opened for user {user}(uid=1001) by (uid=0)",
                    f"{sshd}pam_unix(sshd:session): session closed for user {user}",
                    f"systemd-logind[612]: Session {session} logged out. Waiting for processes to exit.",
                    f"systemd-logind[612]: Removed session {session}."]
            elif kind < 0.78:
                texts = [f"CRON[{pid}]: pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)",
                         f"CRON[{pid}]: pam_unix(cron:session): session closed for user root"]
            else:
                user = rng.choice(OWN)
                texts = [f"sudo:   {user} : TTY=pts/0 ; PWD=/home/{user} ; USER=root ; COMMAND=/usr/bin/systemctl restart app",
                         f"sudo: pam_unix(sudo:session): session opened for user root(uid=0) by {user}(uid=1001)",
                         f"sudo: pam_unix(sudo:session): session closed for user root"]
            for text in texts[:left]:
                file.write(f"{clock.stamp('%b %e %H:%M:%S')} web1 {text}\n")
            left -= len(texts)


def nginx(path, lines, begin, seconds, seed=2, sources=4000, times=None):
    """nginx's error.log: wrong passwords, limited requests, files that are not there."""
    rng, clock = random.Random(seed), Clock(begin, seconds, lines, times)
    pool = addresses(rng, sources)
    with open(path, "w") as file:
        for number in range(lines):
            ip, user, kind = pick(rng, pool), rng.choice(USERS), rng.random()
            tail = f'client: {ip}, server: www.example.com, request: "GET /{user} HTTP/1.1", host: "www.example.com"'
            if kind < 0.25:
                text = f'user "{user}": password mismatch, {tail}'
            elif kind < 0.35:
                text = f'user "{user}" was not found in "/etc/nginx/htpasswd", {tail}'
            elif kind < 0.6:
                text = f'limiting requests, excess: {rng.random() * 20:.3f} by zone "login", {tail}'
            elif kind < 0.9:
                text = f'open() "/var/www/html/{user}.php" failed (2: No such file or directory), {tail}'
            else:
                text = f"upstream timed out (110: Connection timed out) while reading response header from upstream, {tail}"
            file.write(f"{clock.stamp('%Y/%m/%d %H:%M:%S')} [error] {rng.randrange(700, 720)}#0: *{number} {text}\n")


def postfix(path, lines, begin, seconds, seed=3, sources=400, times=None):
    """mail.log of Postfix, with rejected mail, failed logins and mail that passes, in syslog's old format."""
    rng, clock = random.Random(seed), Clock(begin, seconds, lines, times)
    pool = addresses(rng, sources)
    left = lines
    with open(path, "w") as file:
        while left > 0:
            ip, user, pid, kind = pick(rng, pool), rng.choice(USERS), rng.randrange(1000, 99999), rng.random()
            smtpd = f"postfix/smtpd[{pid}]: "
            texts = [f"{smtpd}connect from unknown[{ip}]"]
            if kind < 0.35:
                texts += [f"{smtpd}warning: unknown[{ip}]: SASL LOGIN authentication failed: UGFzc3dvcmQ6",
                          f"{smtpd}disconnect from unknown[{ip}] ehlo=1 auth=0/1 quit=1 commands=2/3"]
            elif kind < 0.65:
                texts += [
                    f"{smtpd}NOQUEUE: reject: RCPT from unknown[{ip}]: 554 5.7.1 <{user}@example.net>: Relay access denied; "
                    f"from=<{user}@example.org> to=<{user}@example.net> proto=ESMTP helo=<[{ip}]>",
                    f"{smtpd}lost connection after RCPT from unknown[{ip}]",
                    f"{smtpd}disconnect from unknown[{ip}] ehlo=1 mail=1 rcpt=0/1 commands=2/3"]
            else:
                texts += [f"{smtpd}{pid:010X}: client=unknown[{ip}]", f"postfix/qmgr[911]: {pid:010X}: from=<{user}@example.org>, size=3211, nrcpt=1",
                          f"postfix/qmgr[911]: {pid:010X}: removed", f"{smtpd}disconnect from unknown[{ip}] ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5"]
            for text in texts[:left]:
                file.write(f"{clock.stamp('%b %e %H:%M:%S')} mx1 {text}\n")
            left -= len(texts)
