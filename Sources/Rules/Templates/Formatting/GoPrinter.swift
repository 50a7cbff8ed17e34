import Telemetry

/// Values as Go's `fmt` prints them: `Sprint`, `Sprintln` and `Sprintf`.
package struct GoPrinter {
    /// Widths and precisions beyond this are refused, as `fmt` does it.
    private static let widest = 1_000_000

    /// Bytes beyond which nothing is added: more than any template may print.
    private let longest = TemplateLimits().output

    var output = ""
    var flags = GoFormatFlags()

    /// As `fmt.Sprint`: operands are set apart by spaces where neither is a string.
    static func print(_ values: [TemplateValue]) -> String { joined(values, missing: "<nil>") }

    /// As a template shows values: a pointer as what it points to, and what is missing as `<no value>`.
    package static func show(_ values: [TemplateValue]) -> String {
        joined(
            values.map { value in
                guard case .structure(var structure) = value, structure.isPointer else { return value }
                structure.typeName.removeFirst()
                return .structure(structure)
            }, missing: "<no value>")
    }

    private static func joined(_ values: [TemplateValue], missing: String) -> String {
        var printer = GoPrinter()
        var previousIsString = false
        for (index, value) in values.enumerated() {
            let isString = value.isString
            if index > 0, !isString, !previousIsString { printer.output += " " }
            printer.append(operand: value, missing)
            previousIsString = isString
        }
        return printer.output
    }

    /// As `fmt.Sprintln`.
    static func printLine(_ values: [TemplateValue]) -> String {
        var printer = GoPrinter()
        for (index, value) in values.enumerated() {
            if index > 0 { printer.output += " " }
            printer.append(operand: value, "<nil>")
        }
        return printer.output + "\n"
    }

    private mutating func append(operand value: TemplateValue, _ missing: String) {
        switch value {
        case .missing, .null: output += missing
        case .string(let text): output += text
        default: append(value, "v", depth: 0)
        }
    }

    /// As `fmt.Sprintf`.
    static func format(_ format: String, _ arguments: [TemplateValue]) -> String {
        var printer = GoPrinter()
        printer.run(format.unicodeScalars, arguments)
        return printer.output
    }

    // MARK: The format

    private mutating func run(_ format: String.UnicodeScalarView, _ arguments: [TemplateValue]) {
        var rest = format[...]
        var argument = 0
        var isReordered = false
        while !rest.isEmpty, output.utf8.count <= longest {
            if let percent = rest.firstIndex(of: "%") {
                output.unicodeScalars.append(contentsOf: rest[..<percent])
                rest = rest[rest.index(after: percent)...]
            } else {
                output.unicodeScalars.append(contentsOf: rest)
                break
            }
            flags = GoFormatFlags()
            while let flag = rest.first, flags.take(flag) { rest.removeFirst() }
            var goodIndex = true
            var afterIndex = false

            // An argument's number, a width, and a precision, in this order.
            takeIndex(&rest, &argument, arguments.count, &goodIndex, &isReordered, &afterIndex)
            if rest.first == "*" {
                rest.removeFirst()
                let width = takeInteger(&argument, arguments)
                if width == nil { output += "%!(BADWIDTH)" }
                flags.width = width
                if let width, width < 0 {
                    flags.width = -width
                    flags.minus = true
                    flags.zero = false
                }
                afterIndex = false
            } else {
                flags.width = Self.takeNumber(&rest)
                if afterIndex, flags.width != nil { goodIndex = false }
            }
            if rest.first == "." {
                rest.removeFirst()
                if afterIndex { goodIndex = false }
                takeIndex(&rest, &argument, arguments.count, &goodIndex, &isReordered, &afterIndex)
                if rest.first == "*" {
                    rest.removeFirst()
                    let precision = takeInteger(&argument, arguments)
                    flags.precision = precision.flatMap { $0 < 0 ? nil : $0 }
                    if precision == nil || (precision ?? 0) < 0 { output += "%!(BADPREC)" }
                    afterIndex = false
                } else {
                    flags.precision = Self.takeNumber(&rest) ?? 0
                }
            }
            if !afterIndex { takeIndex(&rest, &argument, arguments.count, &goodIndex, &isReordered, &afterIndex) }

            guard let verb = rest.popFirst() else {
                output += "%!(NOVERB)"
                break
            }
            switch verb {
            case "%": output += "%"
            case _ where !goodIndex: appendBad(verb, "BADINDEX")
            case _ where argument >= arguments.count: appendBad(verb, "MISSING")
            default:
                if verb == "v" {
                    // There they say how much is shown of what things are, not how numbers look.
                    (flags.plusV, flags.sharpV) = (flags.plus && !flags.sharp, flags.sharp)
                    (flags.plus, flags.sharp) = (false, false)
                }
                append(arguments[argument], verb, depth: 0)
                argument += 1
            }
        }
        guard !isReordered, argument < arguments.count else { return }
        flags = GoFormatFlags()
        output += "%!(EXTRA "
        for (index, value) in arguments[argument...].enumerated() {
            if index > 0 { output += ", " }
            guard let type = value.typeName else {
                output += "<nil>"
                continue
            }
            output += type + "="
            append(value, "v", depth: 0)
        }
        output += ")"
    }

    private mutating func appendBad(_ verb: Unicode.Scalar, _ what: String) {
        output += "%!"
        output.unicodeScalars.append(verb)
        output += "(\(what))"
    }

    /// `[2]` before a width, a precision or a verb.
    private func takeIndex(
        _ rest: inout Substring.UnicodeScalarView, _ argument: inout Int, _ count: Int, _ isGood: inout Bool,
        _ isReordered: inout Bool, _ isTaken: inout Bool
    ) {
        guard rest.first == "[" else { return }
        isReordered = true
        guard let close = rest.firstIndex(of: "]") else {
            isGood = false
            rest.removeFirst()
            return
        }
        var digits = rest[rest.index(after: rest.startIndex)..<close]
        let number = Self.takeNumber(&digits)
        rest = rest[rest.index(after: close)...]
        if let number, digits.isEmpty, number >= 1, number <= count {
            argument = number - 1
            isTaken = true
        } else {
            isGood = false
            isTaken = true
        }
    }

    private static func takeNumber(_ rest: inout Substring.UnicodeScalarView) -> Int? {
        var ahead = rest
        var value: Int?
        while let digit = ahead.first, ("0"..."9").contains(digit) {
            ahead.removeFirst()
            if let number = value, number > widest { return nil }
            value = (value ?? 0) * 10 + Int(digit.value - 0x30)
        }
        rest = ahead
        return value
    }

    /// The next argument as a width or precision; nil where it is none.
    private func takeInteger(_ argument: inout Int, _ arguments: [TemplateValue]) -> Int? {
        guard argument < arguments.count else { return nil }
        argument += 1
        guard case .integer(let value, _) = arguments[argument - 1], value.magnitude <= Self.widest else { return nil }
        return Int(value)
    }

    /// A run of padding, no longer than what may be printed.
    func run(of character: Character, _ count: Int) -> String {
        String(repeating: character, count: min(max(0, count), longest + 1))
    }

    static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        scalar == " " || !GoQuoted.quote(String(scalar)).hasPrefix("\"\\") || scalar == "\"" || scalar == "\\"
    }
}

/// What stands between `%` and the verb.
struct GoFormatFlags {
    var minus = false
    var plus = false
    var sharp = false
    /// `%+v`: with the names of fields.
    var plusV = false
    /// `%#v`: as Go's source would have it.
    var sharpV = false
    var space = false
    var zero = false
    var width: Int?
    var precision: Int?

    /// Whether the character is a flag, which is then set.
    mutating func take(_ flag: Unicode.Scalar) -> Bool {
        switch flag {
        case "-":
            minus = true
            zero = false
        case "+": plus = true
        case "#": sharp = true
        case " ": space = true
        case "0": zero = !minus
        default: return false
        }
        return true
    }
}

extension TemplateValue {
    fileprivate var isString: Bool {
        switch self {
        case .string, .namedString: true
        default: false
        }
    }
}
