import Configuration
import Testing

@Suite("A configuration to show")
struct RedactedYAMLTests {
    @Test("secrets are hidden however they are written")
    func secrets() throws {
        let text = try RedactedYAML.text(
            Array(
                """
                a: {basic_auth: {username: u, password: "p1 p2"}, password_file: /x/y}
                url: https://user:p3@host:80/path?x=a@b
                headers:
                  X-Any: p4
                  Many: [p5, p6]
                client_secret: |
                  p7
                  p8
                list:
                - bearer_token: p9
                  empty:
                - text: "a: b\\n#"
                """.utf8), file: "f")
        #expect(
            text == """
                a:
                  basic_auth:
                    username: u
                    password: <secret>
                  password_file: /x/y
                url: "https://user:<secret>@host:80/path?x=a@b"
                headers:
                  X-Any: <secret>
                  Many:
                    - <secret>
                    - <secret>
                client_secret: <secret>
                list:
                  -
                    bearer_token: <secret>
                    empty:\u{20}
                  -
                    text: "a: b\\n#"

                """)
    }

    @Test("of receivers' URLs only the host is told: they are as good as passwords")
    func urls() throws {
        let text = try RedactedYAML.text(
            Array(
                """
                global: {slack_api_url: "https://hooks.slack.com/services/T/B/x"}
                receivers:
                - webhook_configs: [{url: "http://u:p@h:1/t?k=v", title: http}, {url: "http://h/"}, {url: "http://h?k"}]
                remote_write: [{url: "http://h/api/v1/write"}]
                """.utf8), file: "f")
        #expect(
            text == """
                global:
                  slack_api_url: "https://hooks.slack.com/<secret>"
                receivers:
                  -
                    webhook_configs:
                      -
                        url: "http://h:1/<secret>"
                        title: http
                      -
                        url: "http://h/"
                      -
                        url: "http://h/<secret>"
                remote_write:
                  -
                    url: "http://h/api/v1/write"

                """)
    }
}
