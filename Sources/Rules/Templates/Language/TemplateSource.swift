/// A template's text and what it was parsed to.
package struct TemplateSource: Sendable {
    package let name: String
    let parsed: ParsedTemplate
    /// Where the lines begin.
    private let lines: [Int]
    /// Columns by which places on the first line are moved: the text that Prometheus puts before its templates.
    private let shift: Int

    /// - Parameters:
    ///   - functions: the names that it may call.
    ///   - variables: with `$`, those that it finds declared.
    package init(
        _ text: String, name: String, functions: Set<String>, variables: [String] = [], shift: Int = 0
    ) throws(TemplateError) {
        self.name = name
        self.shift = shift
        parsed = try TemplateParser.parse(
            text, name: name, functions: functions, variables: variables, hasPrologue: shift > 0)
        lines = [0] + text.utf8.enumerated().lazy.filter { $0.element == 0x0a }.map { $0.offset + 1 }
    }

    /// `NAME:LINE:COLUMN` of a byte of the text; columns count from 0.
    func location(of offset: Int) -> String {
        let line = (lines.lastIndex { $0 <= offset } ?? 0) + 1
        return "\(name):\(line):\(offset - lines[line - 1] + (line == 1 ? shift : 0))"
    }
}
