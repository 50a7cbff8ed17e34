"""Logs of servers under attack, for what measures or compares jails: the same for the same seed, with times that never go back."""
import random
import time

USERS = ["admin", "test", "oracle", "postgres", "ubuntu", "git", "ftpuser", "user", "guest", "pi", "www", "hadoop", "minecraft"]
OWN = ["deploy", "alice", "bob", "backup"]


class Clock:
    """Hands out one time for each line; `begin` is in seconds since 1970, `seconds` what all lines take."""

    def __init__(self, begin, seconds, lines):
        self.now, self.step, self.text, self.shown = float(begin), seconds / max(1, lines), "", None

    def stamp(self, form):
        self.now += self.step
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


def auth(path, lines, begin, seconds, seed=1, sources=4000):
    """auth.log of Debian: sshd, CRON, sudo, systemd-logind, in syslog's old format."""
    rng, clock = random.Random(seed), Clock(begin, seconds, lines)
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
