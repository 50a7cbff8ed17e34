// Written by scripts/embed-jails from jails/*.yaml.

extension NativeFilters {
    // swift-format-ignore
    static let embedded: [File] = [
        File(name: "apache", text: #"""
summary: Apache 2.4, wrong passwords, unknown users and refused requests, in the error log
patterns:
  - '^\[\w* ?\] \[\w+:(?:error|info)\] \[pid \d+(?::tid \d+)?\](?: \(\d+\)[^\[]*:)? \[client <ip>(?::\d+)?\] AH(?:01617|01618|01614|01790|01788|01792|01797|01630|01631): '
"""#),
        File(name: "caddy", text: #"""
summary: Caddy, answers 401 and 403 in the access log as JSON
json:
  address: [request.client_ip, request.remote_ip]
  user: user_id
  time: ts
  when: {status: [401, 403]}
"""#),
        File(name: "dovecot", text: #"""
summary: Dovecot, failed logins by IMAP, POP3, ManageSieve and submission
programs: [dovecot]
patterns:
  - '^(?:imap|pop3|managesieve|submission)-login: (?:Info: )?(?:(?:Disconnected|Aborted login|Login aborted)(?:: [^<>]*)?) \((?:auth failed, \d+ attempts[^()<>]*|[^()<>]*auth(?:entication)? failed[^()<>]*)\): user=<(?<user>[^<>]*)>, (?:method=[\w-]*, )?rip=<ip>, '
"""#),
        File(name: "http-errors", text: #"""
summary: Access logs in the common or combined form, answers 400, 404, 405, 429 and 444, for counts of some dozens
patterns:
  - '^(?:[^\s"\[]+ )?<ip> \S+ [^"]*"(?:[^"\\]|\\.)*" (?:400|404|405|429|444) '
"""#),
        File(name: "http-probes", text: #"""
summary: Access logs in the common or combined form, requests for what scanners look for, and no HTTP at all
patterns:
  - '^(?:[^\s"\[]+ )?<ip> \S+ [^"]*"[A-Z]+ (?:[^"\\? ]|\\.)*/(?:\.env|\.git/|\.aws/|\.ssh/|\.svn/|wp-login\.php|wp-admin/|xmlrpc\.php|phpmyadmin/|pma/|cgi-bin/|vendor/phpunit/|actuator/|boaform/|HNAP1|solr/admin/|_ignition/|server-status|owa/auth/|autodiscover/|geoserver/)(?:[^"\\]|\\.)*" (?:301|302|400|401|403|404|405|444) '
  - '^(?:[^\s"\[]+ )?<ip> \S+ [^"]*"(?:\\x|CONNECT |PROPFIND |-")(?:[^"\\]|\\.)*"? 40[05] '
  - '^(?:[^\s"\[]+ )?<ip> \S+ [^"]*"(?:[^"\\ ]|\\.)* (?:[^"\\]|\\.)*(?:\.\./\.\./|%2e%2e%2f|/etc/passwd|\$\{jndi:)(?:[^"\\]|\\.)*" \d+ '
"""#),
        File(name: "http-unauthorized", text: #"""
summary: Access logs in the common or combined form, answers 401 and 403
patterns:
  - '^(?:[^\s"\[]+ )?<ip> \S+ [^"]*"(?:[^"\\]|\\.)*" 40[13] '
"""#),
        File(name: "nginx-auth", text: #"""
summary: nginx, wrong passwords of basic authentication and refused addresses, in the error log
patterns:
  - '^\[error\] \d+#\d+: \*\d+ user "(?<user>[^"]*)"(?:: password mismatch| was not found in "[^"]*"), client: <ip>, server: '
  - '^\[error\] \d+#\d+: \*\d+ access forbidden by rule, client: <ip>, server: '
"""#),
        File(name: "nginx-bad-request", text: #"""
summary: nginx, requests that are no HTTP, in the error log at level info
patterns:
  - '^\[info\] \d+#\d+: \*\d+ client sent (?:invalid (?:method|request|version|header line|host in request line|host header)|HTTP/1\.1 request without "Host" header|too long URI|plain HTTP request to HTTPS port) ?(?:while [a-z ]+)?, client: <ip>, server: '
"""#),
        File(name: "nginx-limit", text: #"""
summary: nginx, more requests or connections than limit_req or limit_conn allow, in the error log
patterns:
  - '^\[(?:error|warn|notice|info)\] \d+#\d+: \*\d+ limiting (?:requests, excess: [\d.]+|connections) by zone "[^"]*", client: <ip>, server: '
"""#),
        File(name: "postgresql", text: #"""
summary: PostgreSQL, failed authentication; log_line_prefix needs %h or %r before %u and %d
patterns:
  - '^(?:[A-Z]+ )?\[\d+\]:? <ip>(?:\(<port>\))? .*FATAL:  (?:\w+ authentication failed for user|pg_hba\.conf rejects|no pg_hba\.conf entry for|role ".*" is not permitted to log in)'
  - '^(?:[A-Z]+ )?\[\d+\]:? <ip>(?:\(<port>\))? \S* ?LOG:  invalid length of startup packet$'
  - '^(?:[A-Z]+ )?\[\d+\]:? (?:\S+@\S+ )?FATAL:  (?:pg_hba\.conf rejects connection|no pg_hba\.conf entry) for host "<ip>", user "(?<user>[^"]*)", database "[^"]*"(?:, (?:no encryption|SSL encryption|GSS encryption|SSL on|SSL off))?$'
"""#),
        File(name: "sshd-aggressive", text: #"""
summary: OpenSSH, connections that break off before a login, scanners and other protocols
programs: [sshd, sshd-session, sshd-auth]
patterns:
  - '^(?:Connection (?:closed|reset) by|Disconnected from) (?:authenticating|invalid) user <user> <ip> port <port>(?: \[preauth\])?$'
  - '^Connection (?:closed|reset) by <ip> port <port>(?: \[preauth\])?$'
  - '^(?:fatal: )?Unable to negotiate with <ip> port <port>: no matching '
  - '^(?:error: )?banner exchange: Connection from <ip> port <port>: (?:invalid format|could not read protocol version|Connection refused)'
  - '^Bad protocol version identification ''.*'' from <ip> port <port>$'
  - '^Did not receive identification string from <ip>(?: port <port>)?$'
  - '^(?:fatal: )?Timeout before authentication for (?:connection from )?<ip>(?: port <port>| to \S+, pid = \d+)?$'
  - '^drop connection #\d+ from <ip>:\d+ on \S+ '
"""#),
        File(name: "sshd", text: #"""
summary: OpenSSH, failed logins and users that do not exist
programs: [sshd, sshd-session, sshd-auth]
patterns:
  - '^(?:message repeated \d+ times: \[ )?Failed (?!publickey)\S+ for (?:invalid user )?<user> from <ip> port <port> ssh2\]?$'
  - '^Invalid user <user> from <ip>(?: port <port>)?$'
  - '^User <user> from <ip> not allowed because [^:\[\]]{1,60}$'
  - '^(?:error: )?maximum authentication attempts exceeded for (?:invalid user )?<user> from <ip> port <port> ssh2(?: \[preauth\])?$'
  - '^ROOT LOGIN REFUSED FROM <ip>(?: port <port>)?(?: \[preauth\])?$'
"""#),
    ]
}
