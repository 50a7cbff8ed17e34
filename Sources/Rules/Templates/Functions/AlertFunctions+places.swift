extension AlertFunctions {
    /// Links to where an expression can be looked at.
    static var places: [Function] {
        [
            Function("graphLink", [.string]) { arguments, _ in .string(link(string(arguments[0]), tab: 0)) },
            Function("tableLink", [.string]) { arguments, _ in .string(link(string(arguments[0]), tab: 1)) },
            Function("pathPrefix", []) { _, environment in .string(environment.pathPrefix) },
            Function("externalURL", []) { _, environment in .string(environment.externalURL) },
        ]
    }

    private static func link(_ expression: String, tab: Int) -> String {
        "/graph?g0.expr=\(TextEscape.query(expression))&g0.tab=\(tab)"
    }
}
