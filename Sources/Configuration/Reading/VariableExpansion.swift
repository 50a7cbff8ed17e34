/// `${NAME}` and `${NAME:-default}` of environment variables inside values.
///
/// A name is `[A-Za-z_][A-Za-z0-9_]*`, so `${1}`, `$1` and `$name` stay as they are. An unset or, with a default, an
/// empty variable takes the default; an unset one without default is an error.
package struct VariableExpansion: Sendable {
    /// Whether `$$` becomes `$`.
    private var unescapes = true
    /// Whether a `$` of a variable's value is doubled.
    private var escapesValues = false
    /// Names left alone: groups of a regular expression.
    private var kept: Set<String> = []

    /// For ordinary values: `$$` is a `$`.
    package static let plain = VariableExpansion()
    /// For regular expressions: `$$` stays, as `$` has its own meaning there.
    package static let pattern = VariableExpansion(unescapes: false)
    /// For templates of a regular expression: `$$` and `${group}` stay for the template, and a variable's value is
    /// taken literally.
    package static func template(keeping groups: some Sequence<String>) -> VariableExpansion {
        VariableExpansion(unescapes: false, escapesValues: true, kept: Set(groups))
    }

    /// The text with all variables filled in, or what is wrong with one of them.
    package func expand(_ text: String, _ variable: (String) -> String?) -> Result<String, ExpansionFailure> {
        guard text.utf8.contains(UInt8(ascii: "$")) else { return .success(text) }
        var output = ""
        var rest = text[...]
        while let dollar = rest.firstIndex(of: "$") {
            output += rest[..<dollar]
            rest = rest[dollar...]
            if rest.hasPrefix("$$") {
                output += unescapes ? "$" : "$$"
                rest = rest.dropFirst(2)
            } else if let reference = Reference(rest), !kept.contains(String(reference.name)) {
                let value = variable(String(reference.name))
                var filled: String
                switch (value, reference.fallback) {
                case (nil, nil): return .failure(ExpansionFailure(name: String(reference.name)))
                case (let value?, nil): filled = value
                case (let value?, let fallback?): filled = value.isEmpty ? String(fallback) : value
                case (nil, let fallback?): filled = String(fallback)
                }
                if escapesValues {
                    filled = filled.split(separator: "$", omittingEmptySubsequences: false).joined(separator: "$$")
                }
                output += filled
                rest = rest[reference.end...]
            } else {
                output += "$"
                rest = rest.dropFirst()
            }
        }
        return .success(output + rest)
    }

    /// `${NAME}` or `${NAME:-default}` at the start of a text.
    private struct Reference {
        var name: Substring
        var fallback: Substring?
        var end: Substring.Index

        init?(_ text: Substring) {
            guard text.hasPrefix("${") else { return nil }
            let inside = text.dropFirst(2)
            name = inside.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
            guard let first = name.first, !first.isNumber else { return nil }
            var after = inside[name.endIndex...]
            if after.hasPrefix(":-") {
                after = after.dropFirst(2)
                guard let brace = after.firstIndex(of: "}") else { return nil }
                fallback = after[..<brace]
                end = after.index(after: brace)
            } else {
                guard after.hasPrefix("}") else { return nil }
                end = after.index(after: after.startIndex)
            }
        }
    }
}

/// A variable that is not set.
package struct ExpansionFailure: Error, Equatable, CustomStringConvertible {
    package var name: String

    package var description: String {
        "the environment variable \(name) is not set; set it, or write ${\(name):-default}"
            + " (a literal ${ is written $${)"
    }
}
