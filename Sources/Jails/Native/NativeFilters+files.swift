// Written by scripts/embed-jails from jails/*.yaml.

extension NativeFilters {
    // swift-format-ignore
    static let embedded: [File] = [
        File(name: "apache", text: #"""
summary: Apache 2.4, wrong passwords, unknown users and refused requests, in the error log
programs: ['*']
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
        File(name: "gitea", text: #"""
summary: Gitea and Forgejo, failed logins
programs: ['*']
patterns:
  - '^(?:\S+:\d+:\S+ )?\[\w\] (?:\[[\w-]+\] )?Failed authentication attempt for (?<user>(?:(?! from ).)*) from <ip>(?::\d+)?(?:: user(?: does not exist|''s password (?:is invalid|isn''t set)) \[uid: \d+, name: [^ \]]*(?:, keyid: \d+)?\])?$'
"""#),
        File(name: "grafana", text: #"""
summary: Grafana, failed logins by the form
programs: ['*']
patterns:
  - '^logger=context userId=0 orgId=\d+ uname=\S* t=\S* level=\w+ msg="Request Completed" method=POST path=\S*/login status=401 remote_addr=<ip> '
json:
  address: remote_addr
  when: {logger: context, msg: Request Completed, method: POST, path: {regex: '/login$'}, status: 401}
"""#),
        File(name: "hasura", text: #"""
summary: Hasura, wrong admin secrets and tokens
json:
  address: detail.http_info.ip
  time: timestamp
  when:
    type: http-log
    detail.operation.error.code: [access-denied, invalid-jwt, invalid-headers]
"""#),
        File(name: "http-errors", text: #"""
summary: Access logs in the common or combined form, answers 400, 404, 405, 429 and 444, for counts of some dozens
programs: ['*']
patterns:
  - '^(?:[^\s"\[]+ )??<ip> \S+ [^"]*"(?:[^"\\]|\\.)*" (?:400|404|405|429|444) '
"""#),
        File(name: "http-probes", text: #"""
summary: Access logs in the common or combined form, requests for what scanners look for, and no HTTP at all
programs: ['*']
patterns:
  - '^(?:[^\s"\[]+ )??<ip> \S+ [^"]*"[A-Z]+ (?:[^"\\? ]|\\.)*/(?:\.env|\.git/|\.aws/|\.ssh/|\.svn/|wp-login\.php|wp-admin/|xmlrpc\.php|phpmyadmin/|pma/|cgi-bin/|vendor/phpunit/|actuator/|boaform/|HNAP1|solr/admin/|_ignition/|server-status|owa/auth/|autodiscover/|geoserver/)(?:[^"\\]|\\.)*" (?:301|302|400|401|403|404|405|444) '
  - '^(?:[^\s"\[]+ )??<ip> \S+ [^"]*"(?:\\x|CONNECT |PROPFIND |-")(?:[^"\\]|\\.)*"? 40[05] '
  - '^(?:[^\s"\[]+ )??<ip> \S+ [^"]*"(?:[^"\\ ]|\\.)* (?:[^"\\]|\\.)*(?:\.\./\.\./|%2e%2e%2f|/etc/passwd|\$\{jndi:)(?:[^"\\]|\\.)*" \d+ '
"""#),
        File(name: "http-unauthorized", text: #"""
summary: Access logs in the common or combined form, answers 401 and 403
programs: ['*']
patterns:
  - '^(?:[^\s"\[]+ )??<ip> \S+ [^"]*"(?:[^"\\]|\\.)*" 40[13] '
"""#),
        File(name: "json-unauthorized", text: #"""
summary: Access logs as JSON, answers 401 and 403, with the usual names of fields (nginx, and what is written like it)
json:
  address: [client_ip, remote_addr, remote_ip, clientip]
  user: remote_user
  time: time
  when: {status: [401, 403]}
"""#),
        File(name: "keycloak", text: #"""
summary: Keycloak, failed logins
programs: ['*']
patterns:
  - '^(?:WARN|INFO|DEBUG|ERROR) +\[org\.keycloak\.events\] \([^()]*\) type="LOGIN_ERROR", realmId="[^"\\]*", (?:realmName="[^"\\]*", )?clientId="[^"\\]*", userId="[^"\\]*", (?:sessionId="[^"\\]*", )?ipAddress="<ip>", error="(?:invalid_user_credentials|user_not_found|user_disabled|user_temporarily_disabled|invalid_client_credentials)"'
"""#),
        File(name: "minio", text: #"""
summary: MinIO, refused requests in the audit log
json:
  address: remotehost
  time: time
  when: {api.statusCode: 403}
"""#),
        File(name: "nextcloud", text: #"""
summary: Nextcloud, failed logins and requests for a domain that is not trusted
json:
  address: remoteAddr
  time: time
  cases:
    - when: {message: {regex: '^Login failed: '}}
    - when: {message: {regex: '^Trusted domain error\.'}}
"""#),
        File(name: "nginx-auth", text: #"""
summary: nginx, wrong passwords of basic authentication and refused addresses, in the error log
programs: ['*']
patterns:
  - '^\[error\] \d+#\d+: \*\d+ user "(?<user>[^"]*)"(?:: password mismatch| was not found in "[^"]*"), client: <ip>, server: '
  - '^\[error\] \d+#\d+: \*\d+ access forbidden by rule, client: <ip>, server: '
"""#),
        File(name: "nginx-bad-request", text: #"""
summary: nginx, requests that are no HTTP, in the error log at level info
programs: ['*']
patterns:
  - '^\[info\] \d+#\d+: \*\d+ client sent (?:invalid (?:method|request|version|header line|host in request line|host header)|HTTP/1\.1 request without "Host" header|too long URI|plain HTTP request to HTTPS port) ?(?:while [a-z ]+)?, client: <ip>, server: '
"""#),
        File(name: "nginx-limit", text: #"""
summary: nginx, more requests or connections than limit_req or limit_conn allow, in the error log
programs: ['*']
patterns:
  - '^\[(?:error|warn|notice|info)\] \d+#\d+: \*\d+ limiting (?:requests, excess: [\d.]+|connections) by zone "[^"]*", client: <ip>, server: '
"""#),
        File(name: "postfix-auth", text: #"""
summary: Postfix, failed SASL logins
programs: [postfix/smtpd, postfix/submission/smtpd, postfix/submissions/smtpd, postfix/smtps/smtpd]
patterns:
  - '^warning: [\w.-]+\[<ip>\]: SASL \S+ authentication failed: '
  - '^lost connection after AUTH from [\w.-]+\[<ip>\]$'
"""#),
        File(name: "postfix-reject", text: #"""
summary: Postfix, mail for nobody here, relaying, clients on a block list, and what is no SMTP
programs: [postfix/smtpd, postfix/submission/smtpd, postfix/submissions/smtpd, postfix/smtps/smtpd, postfix/postscreen]
patterns:
  - '^NOQUEUE: reject: RCPT from [\w.-]+\[<ip>\](?::\d+)?: [45]5\d [45]\.1\.1 <[^>]*>: Recipient address rejected: (?:User unknown|undeliverable address)'
  - '^NOQUEUE: reject: RCPT from [\w.-]+\[<ip>\](?::\d+)?: [45]5\d [45]\.7\.1 <[^>]*>: Relay access denied;'
  - {pattern: '^NOQUEUE: reject: (?:RCPT|CONNECT) from (?:[\w.-]+)?\[<ip>\](?::\d+)?: 55\d 5\.7\.1 Service unavailable; [^;]* blocked using ', score: 2}
  - '^too many errors after \S+ from [\w.-]+\[<ip>\]$'
  - '^warning: non-SMTP command from [\w.-]+\[<ip>\]: '
  - '^PREGREET \d+ after [\d.]+ from \[<ip>\]:\d+: '
"""#),
        File(name: "postgresql", text: #"""
summary: PostgreSQL, failed authentication; log_line_prefix needs %h or %r before %u and %d
programs: ['*']
patterns:
  - '^(?:[A-Z]+ )?\[\d+\]:? <ip>(?:\(<port>\))? .*FATAL:  (?:\w+ authentication failed for user|pg_hba\.conf rejects|no pg_hba\.conf entry for|role ".*" is not permitted to log in)'
  - '^(?:[A-Z]+ )?\[\d+\]:? <ip>(?:\(<port>\))? \S* ?LOG:  invalid length of startup packet$'
  - '^(?:[A-Z]+ )?\[\d+\]:? (?:\S+@\S+ )?FATAL:  (?:pg_hba\.conf rejects connection|no pg_hba\.conf entry) for host "<ip>", user "(?<user>[^"]*)", database "[^"]*"(?:, (?:no encryption|SSL encryption|GSS encryption|SSL on|SSL off))?$'
"""#),
        File(name: "rabbitmq", text: #"""
summary: RabbitMQ, refused AMQP logins; those of the management API are logged without an address
programs: ['*']
patterns:
  - '^\[info\] <F-MLFID>\<[\d.]+\></F-MLFID> <F-NOFAIL>accepting AMQP connection</F-NOFAIL> (?:\<[\d.]+\> \()?<ip>:\d+ -> '
  - '^\[error\] <F-MLFID>\<[\d.]+\></F-MLFID> [A-Z0-9-]+ login refused: user '
"""#),
        File(name: "redis", text: #"""
summary: Redis 7.2 and later, HTTP sent to it; Redis does not log failed AUTH
programs: ['*']
date: "%d %b %ExY %H:%M:%S(?:\\.%f)?"
patterns:
  - '^\d+:[A-Z] +# Possible SECURITY ATTACK detected\. It looks like somebody is sending POST or Host: commands to Redis\. [^:]* Connection from <ip>:\d+ aborted\.$'
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
  - '^User (?<user>\S+) from <ip> not allowed because [^:\[\]]{1,60}$'
  - '^(?:error: )?maximum authentication attempts exceeded for (?:invalid user )?<user> from <ip> port <port> ssh2(?: \[preauth\])?$'
  - '^ROOT LOGIN REFUSED FROM <ip>(?: port <port>)?(?: \[preauth\])?$'
"""#),
        File(name: "traefik", text: #"""
summary: Traefik, answers 401 and 403 in the access log as JSON
json:
  address: ClientHost
  user: ClientUsername
  time: StartUTC
  when: {DownstreamStatus: [401, 403]}
"""#),
        File(name: "vault", text: #"""
summary: Vault and OpenBao, refused logins and tokens in the audit log
json:
  - address: request.remote_address
    time: time
    when: {type: response, request.path: {regex: '^auth/.*login'}}
    cases:
      - when: {error: {regex: '.'}}
      - when: {response.data.error: {regex: '.'}}
  - address: request.remote_address
    time: time
    when: {type: response, error: {regex: 'permission denied'}}
"""#),
        File(name: "vaultwarden", text: #"""
summary: Vaultwarden, wrong passwords, codes and admin tokens
programs: ['*']
patterns:
  - '^(?:\[[^\]]*\])?\[vaultwarden::api::(?:identity|admin|core::two_factor::\w+)\]\[ERROR\] (?:Username or password is incorrect\. Try again|Invalid admin token|Invalid TOTP code! Server time: [\w :.+-]{0,60})\.? IP: <ip>'
"""#),
    ]
}
