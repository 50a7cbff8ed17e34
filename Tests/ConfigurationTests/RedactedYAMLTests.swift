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
}
